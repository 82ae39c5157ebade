"""How much mail a worker claims: about a quarter of a second's work, by what its handlers take.

And of which it begins no more, since they keep their worker for so long that quick ones would wait.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping

from bellhop.handler import Handler
from bellhop.ledger import ClaimLimit
from bellhop.routing import Registry

SLOW = 1.0
"""Seconds of a run of a sync handler, or of a step of an async one, that others wait long for."""

_BLOCKS_FOR = 60.0
"""Seconds for which an async handler that blocked the event loop is taken to do so again."""

BATCH = 0.25
"""Seconds of work that a worker claims at a time."""

MOST_ENTRIES = 500

_MOST_WAITING = 4 * MOST_ENTRIES
"""Entries of an async handler that wait for a place: some are claimed while others are run."""

_AT_FIRST = BATCH / 25
"""Seconds that an entry is taken to need before any was run."""

_AT_A_TIME = 16
"""Entries of one mailbox that are claimed together: each mailbox in hand has a price of its own."""


class RunTimes:
    """What each handler takes, as it was learnt, in seconds for an entry.

    `concurrency`: mailboxes of an async handler that may be at work at a time. `now` returns
    seconds.
    """

    def __init__(
        self, registry: Registry, concurrency: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._registry = registry
        self._concurrency = concurrency
        self._seconds: dict[str, float] = {}
        self._blocked_at: dict[str, float] = {}

    def learn(self, handler: Handler, seconds: float, entries: int = 1) -> None:
        """Take note of how long a handler took for so many entries, one after the other."""
        before = self.seconds_of(handler)
        self._seconds[handler.name] = (before + seconds / max(entries, 1)) / 2

    def learn_that_it_blocks(self, handler: Handler) -> None:
        """Take note that an async handler keeps the event loop from all else."""
        self._blocked_at[handler.name] = self._now()

    def sync_limits(self, at_work: Mapping[str, int]) -> Iterable[ClaimLimit]:
        """Return how much to claim for sync handlers, which run one after the other.

        If several have mail, they share the time. `at_work`: mailboxes of each in hand. Of a
        handler whose `concurrency` is limited, one is claimed at a time: a mailbox in hand takes
        one of its places even before it is begun, and another worker may have nothing else to do.
        """
        for one in self._registry:
            if one.is_async or (one.concurrency and at_work.get(one.name)):
                continue
            entries = self._batch_of(one, MOST_ENTRIES)
            mailboxes, share = (1, entries) if one.concurrency else (entries, _AT_A_TIME)
            yield ClaimLimit(
                one.name,
                mailboxes,
                entries,
                share,
                past=one.wants_context,
                slow=self._is_slow(one),
            )

    def no_more_of(self, handler: Handler) -> ClaimLimit:
        """Return a limit that claims nothing of a handler, and says that it keeps its worker."""
        return ClaimLimit(handler.name, 0, 0, 0, slow=self._keeps_others_waiting(handler))

    def _is_slow(self, handler: Handler) -> bool | None:
        """Whether a sync handler keeps its worker for long; `None` if it is hard to say."""
        seconds = self._seconds.get(handler.name)
        if seconds is None or SLOW / 2 < seconds < SLOW:
            return None
        return seconds >= SLOW and self._keeps_others_waiting(handler)

    def _blocks(self, handler: Handler) -> bool | None:
        """Whether an async handler blocks the event loop; `None` if it was not run yet."""
        blocked_at = self._blocked_at.get(handler.name, -math.inf)
        if self._now() < blocked_at + _BLOCKS_FOR:
            return self._keeps_others_waiting(handler)
        return False if handler.name in self._seconds else None

    def _keeps_others_waiting(self, slow: Handler) -> bool:
        """Whether there are handlers of its kind that a slow one would keep waiting.

        An async one that takes long does not keep the loop, as a sync one keeps its thread.
        """
        others = [one for one in self._registry if one.is_async is slow.is_async]
        return any(one.is_async or self.seconds_of(one) < SLOW for one in others if one is not slow)

    def async_limits(
        self, in_hand: Mapping[str, int], at_work: Mapping[str, int]
    ) -> Iterable[ClaimLimit]:
        """Return how much to claim for async handlers.

        As many run at a time as there are places, each handler having its own. If they are quick,
        as many more wait for a place as are through within a batch's time, unless the handler's
        `concurrency` is limited: of that, nothing is claimed that would wait. `in_hand`: entries
        of each that wait or run; `at_work`: their mailboxes.
        """
        for one in self._registry:
            if not one.is_async:
                continue
            share = self._batch_of(one, _AT_A_TIME)
            if one.concurrency:
                mailboxes = self._concurrency - at_work.get(one.name, 0)
                entries = mailboxes * share
            else:
                mailboxes = entries = min(self._room(one) - in_hand.get(one.name, 0), MOST_ENTRIES)
            if mailboxes > 0:
                yield ClaimLimit(
                    one.name,
                    mailboxes,
                    entries,
                    share,
                    is_async=True,
                    past=one.wants_context,
                    slow=self._blocks(one),
                )

    def _room(self, handler: Handler) -> int:
        """Return how many entries of an async handler may run, or wait for a place."""
        seconds = self.seconds_of(handler)
        wait = int(BATCH * self._concurrency / max(seconds, 1e-6)) if seconds < BATCH else 0
        return self._concurrency + min(wait, _MOST_WAITING)

    def _batch_of(self, handler: Handler, most: int) -> int:
        """Return how many entries of a handler are a batch, one at least."""
        return max(1, min(most, int(BATCH / max(self.seconds_of(handler), 1e-6))))

    def seconds_of(self, handler: Handler) -> float:
        """Return how long a handler takes for an entry."""
        return self._seconds.get(handler.name, _AT_FIRST)
