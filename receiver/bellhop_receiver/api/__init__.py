"""Seam's API for the user's own systems: what is on record, asked for as Seam itself is asked."""
