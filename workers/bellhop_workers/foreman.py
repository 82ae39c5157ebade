"""The foreman: brings back retries, frees what dead workers held, repairs, asks for shifts."""

import math
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta

from redis.exceptions import RedisError

from bellhop.connections import is_outage
from bellhop.durations import FORGET_AFTER
from bellhop.failpoints import failpoint
from bellhop.ledger import FIRST_SWEEP, Ledger
from bellhop.logs import get_logger
from bellhop.outages import Outages
from bellhop.queue import (
    delete_queues,
    enqueue_shifts,
    forget_workers,
    queue_keys,
    stray_queues,
)
from bellhop_workers.server_clock import ServerClock

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

_MOST_TOLD = 20
"""Repairs of a second of which each is told."""

_TIDYING_EVERY = 10.0
"""Seconds after which it looks again for queues of RQ's that are left of sets that are gone."""

_log = get_logger("foreman")


class Foreman:
    """Sweeps the ledger. Any number may do so side by side.

    `forget_after`: how long a handler stays subscribed that no worker has. `alone`: there are no
    other workers than those that are alive now, so one for which nothing waits need not.
    """

    def __init__(
        self, ledger: Ledger, forget_after: timedelta = FORGET_AFTER, *, alone: bool = False
    ) -> None:
        self._ledger = ledger
        self._forget_after = forget_after
        self._alone = alone
        self._tidied = -math.inf
        self._unreported: dict[str, str | None] = {}
        self._outages = Outages(_log, "Redis is away")
        self._clock = ServerClock(ledger.redis)
        self._jumps = FIRST_SWEEP

    def sweep(
        self, alive: Sequence[str] = (), dead: Mapping[str, str | None] | None = None
    ) -> None:
        """Sweep once.

        `alive`: workers for which we can speak. `dead`: others, with the entry that each died
        under, "" if nobody knows, or `None` if no entry is to blame. If Redis is away, they are
        remembered for the next time. Raises `WrongVersion`.
        """
        self._unreported.update(dead or {})
        try:
            self._sweep(alive)
        except RedisError as error:
            if is_outage(error):
                self._outages.failed(error)
            else:
                _log.exception("cannot sweep")
            return
        self._unreported = {}
        self._outages.succeeded()

    def _sweep(self, alive: Sequence[str]) -> None:
        ends = time.monotonic() + _SWEEPING
        dropped: list[str] = []
        while True:
            failpoint("sweep.before")
            swept = self._ledger.sweep(
                queues=queue_keys(),
                alive=alive,
                dead=self._unreported,
                forget_after=self._forget_after,
                alone=self._alone,
                jumped_ms=self._clock.jumped_ms(),
                jumps=self._jumps,
            )
            failpoint("sweep.after")
            self._clock.believe()
            self._jumps = swept.jumps
            for worker in swept.freed:
                _log.warning("a worker ended with mail in hand; its mail is free", worker=worker)
            for handler in swept.abandoned:
                _log.warning(
                    "no worker had a handler for too long; what waited for it is abandoned",
                    handler=handler,
                )
            for handler in swept.forgotten:
                _log.info("no worker has a handler any more, and nothing waits", handler=handler)
            if swept.wake:
                failpoint("call_shift.before")
                enqueue_shifts(self._ledger.redis, swept.wake)
                failpoint("call_shift.after")
            dropped += swept.dropped
            if not swept.more or time.monotonic() > ends:
                break
        ends = time.monotonic() + _INDEXING
        while self._ledger.index() and time.monotonic() < ends:
            pass
        self._repair()
        self._tidy(dropped)

    def _tidy(self, dropped: Sequence[str]) -> None:
        """Delete what RQ keeps of workers that are dead, and of sets of handlers that are gone."""
        redis = self._ledger.redis
        forget_workers(redis, self._unreported)
        delete_queues(redis, dropped)
        if time.monotonic() > self._tidied + _TIDYING_EVERY:
            delete_queues(redis, stray_queues(redis))
            self._tidied = time.monotonic()

    def _repair(self) -> None:
        repaired = self._ledger.repair()
        for one in repaired.repairs[:_MOST_TOLD]:
            _log.warning(one.sentence, **one.fields)
        if others := len(repaired.repairs[_MOST_TOLD:]):
            _log.warning("more was repaired in the ledger", others=others)
        enqueue_shifts(self._ledger.redis, repaired.wake)
