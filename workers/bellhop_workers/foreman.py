"""The foreman: brings due retries back, frees what dead workers held, and asks for shifts."""

import time
from collections.abc import Sequence

from redis.exceptions import RedisError

from bellhop.connections import is_outage
from bellhop.failpoints import failpoint
from bellhop.ledger import Ledger
from bellhop.logs import get_logger
from bellhop.outages import Outages
from bellhop.queue import enqueue_shift, queued_shifts

PERIOD = 1.0
"""Seconds between two sweeps."""

PATIENCE = 1.0
"""Seconds that a sweep waits for an answer of Redis, since the pool stands still while it does.

A sweep whose answer was not waited for is an outage. The next one asks again.
"""

_SWEEPING = 0.25
"""Seconds of each period after which it sweeps no more, though there is more to do."""

_INDEXING = 0.25
"""Seconds of each period that the foreman makes events findable, at most."""

_log = get_logger("foreman")


class Foreman:
    """Sweeps the ledger. Any number may do so side by side."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._unreported: list[str] = []
        self._outages = Outages(_log, "Redis is away")

    def sweep(self, dead_workers: Sequence[str] = ()) -> None:
        """Sweep once. If Redis is away, the dead are remembered for the next time."""
        self._unreported += dead_workers
        try:
            self._sweep()
        except RedisError as error:
            if is_outage(error):
                self._outages.failed(error)
            else:
                _log.exception("cannot sweep")
            return
        self._unreported = []
        self._outages.succeeded()

    def _sweep(self) -> None:
        ends = time.monotonic() + _SWEEPING
        while True:
            failpoint("sweep.before")
            swept = self._ledger.sweep(
                queued=queued_shifts(self._ledger.redis), dead_workers=self._unreported
            )
            failpoint("sweep.after")
            for shift in swept.ended:
                _log.warning(
                    "a worker ended in the middle of a shift; its mail is free", shift=shift
                )
            if swept.wants_shift:
                failpoint("call_shift.before")
                enqueue_shift(self._ledger.redis)
                failpoint("call_shift.after")
            if not swept.more or time.monotonic() > ends:
                break
        ends = time.monotonic() + _INDEXING
        while self._ledger.index() and time.monotonic() < ends:
            pass
