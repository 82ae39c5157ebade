"""Bellhop's handlers in the bench, a module for each kind of work."""
