"""What a worker process keeps from shift to shift."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import NamedTuple

from bellhop.ledger import Ledger
from bellhop.logs import get_logger
from bellhop.outages import Outages
from bellhop.routing import Registry
from bellhop_workers.deadlines import Deadlines
from bellhop_workers.loop import HandlerLoop
from bellhop_workers.surroundings import Surroundings
from bellhop_workers.wear import Wear

LEASE_BEYOND_TIMEOUT = 15.0
"""Seconds that a lease outlasts the longest timeout of a handler."""

BATCH = 0.25
"""Seconds of work that a shift claims at a time."""

MOST_ENTRIES = 500

REST = 1.0
"""Seconds that a shift waits for more mail before it ends. RQ takes milliseconds to start one."""

_AT_A_TIME = 16
"""Entries of one mailbox that are claimed together: each mailbox in hand has a price of its own."""

_log = get_logger("workers")


class Appetite(NamedTuple):
    """How much mail to claim: mailboxes at most, entries in all, and how many of each mailbox."""

    mailboxes: int
    entries: int
    share: int


class Runtime:
    """The ledger, the handlers, the event loop, and what was learnt of their cost.

    `worker`: the name of the process. `concurrency`: devices whose async handlers run at a time.
    `slice`: seconds that a shift lasts; `rest`: seconds that it waits for more mail. `deadlines`
    and `wear`: shared with the pool, if there is one.
    """

    def __init__(
        self,
        ledger: Ledger,
        registry: Registry,
        *,
        worker: str,
        concurrency: int,
        slice: float,
        rest: float = 0.0,
        deadlines: Deadlines | None = None,
        wear: Wear | None = None,
    ) -> None:
        self.ledger = ledger
        self.registry = registry
        self.worker = worker
        self.concurrency = concurrency
        self.slice = slice
        self.rest = rest
        self.deadlines = deadlines or Deadlines()
        self.wear = wear or Wear()
        self.loop = HandlerLoop(self.deadlines, self.wear)
        self.stopping = False
        self.outages = Outages(_log, "Redis is away; waiting for it")
        self.beat: Callable[[], None] = lambda: None
        """Tells RQ that a shift goes on."""
        self._entry_cost = BATCH / 25
        self._entry_wait = BATCH
        self._shifts = 0

    @cached_property
    def surroundings(self) -> Surroundings:
        """What this process was like when its first shift began."""
        return Surroundings()

    @property
    def out_of_time(self) -> bool:
        """Whether all mail is to be given back now, also what is begun."""
        return time.monotonic() >= self.deadlines.stop

    @property
    def lease(self) -> timedelta:
        """How long a shift may hold its mail: longer than anything it runs before it settles."""
        longest = max((handler.timeout for handler in self.registry), default=0.0)
        return timedelta(seconds=longest + LEASE_BEYOND_TIMEOUT)

    @property
    def has_async(self) -> bool:
        """Whether any handler is async."""
        return any(handler.is_async for handler in self.registry)

    @property
    def wants_newest(self) -> bool:
        """Whether any handler can look at its context, which says if an event is stale."""
        return any(handler.wants_context for handler in self.registry)

    def next_shift_name(self) -> str:
        """Return `worker/number`; the foreman frees all shifts of a dead worker by it."""
        self._shifts += 1
        return f"{self.worker}/{self._shifts}"

    def learn_cost(self, seconds: float, entries: int) -> None:
        """Take note of how long so many entries kept the main thread."""
        self._entry_cost = (self._entry_cost + seconds / max(entries, 1)) / 2

    def learn_wait(self, seconds: float, entries: int) -> None:
        """Take note of how long so many entries of one mailbox were with the event loop."""
        self._entry_wait = (self._entry_wait + seconds / max(entries, 1)) / 2

    def appetite(self, away: int) -> Appetite:
        """Return how much to claim: a batch's worth. `away` lanes are with the event loop already.

        Async handlers of many devices run at a time, so they get as many mailboxes as may run. If
        they take long, an entry of each is enough, as long as there are mailboxes for all places:
        then none waits while others are worked off to the last, and places stay empty in the end.
        With nothing away it is for half of the places, and the others follow at once: so one half
        is written, and the next mail claimed, while the other half is run.
        """
        entries = _batch_of(self._entry_cost, MOST_ENTRIES)
        if self.has_async:
            free = max(0, self.concurrency - away) if away else (self.concurrency + 1) // 2
            share = _batch_of(max(self._entry_wait, self._entry_cost), _AT_A_TIME)
            return Appetite(free, max(free, min(entries, free * share)), share)
        return Appetite(entries, entries, _AT_A_TIME)


def _batch_of(seconds: float, most: int) -> int:
    """Return how many entries that take so long each are a batch, one at least."""
    return max(1, min(most, int(BATCH / max(seconds, 1e-6))))
