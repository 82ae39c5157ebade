"""Durations on which several parts of Bellhop agree, also scripts of the ledger."""

from datetime import timedelta

LEASE = timedelta(seconds=20)
"""How long a worker holds its mail after its pool last renewed the lease, about once a second."""

WORKER_GONE_AFTER = timedelta(seconds=30)
"""How long a worker counts as alive after its pool last reported it.

Longer than a lease: a worker must not be forgotten while it may hold mail.
"""

FOREMAN_GONE_AFTER = timedelta(seconds=5)
"""After this time without a sweep, of which there is one a second, no foreman is alive."""

FORGET_AFTER = timedelta(days=1)
"""How long a handler that no worker has stays subscribed, unless a setting says otherwise."""
