"""What a shift has in hand, and how it is written down and given back.

Two threads settle: the main one between batches, and the keeper while a handler keeps the main one.
All that they share is here, behind one lock.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog
from redis.exceptions import RedisError

from bellhop.connections import is_outage
from bellhop.ledger import Mail, SettledMail
from bellhop.queue import enqueue_shift
from workers.lanes import Lane
from workers.runtime import Runtime

T = TypeVar("T")

SETTLE_EVERY = 1.0
"""Seconds after which results are settled at the latest."""

_log = structlog.get_logger("workers")


class LeaseLost(Exception):
    """Somebody else holds the mail of this shift."""


class Hand:
    """The mailboxes that a shift holds, as lanes.

    `todo` are the lanes that wait for the main thread. A lane leaves the hand when it is through,
    or when it is given back before it has begun.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.todo: deque[Lane] = deque()
        self.settled_at = self.claimed_at = time.monotonic()
        self._runtime = runtime
        self._shift = runtime.next_shift_name()
        self._lanes: dict[str, Lane] = {}
        self._lock = threading.Lock()
        self._settles = 0
        self._broken: Exception | None = None

    def __bool__(self) -> bool:
        return bool(self._lanes)

    @property
    def dropped(self) -> bool:
        """Whether what is in hand is no longer ours to write."""
        return self._broken is not None

    def claim(self, mailboxes: int, entries: int) -> None:
        """Take the first mail, however long Redis is away, unless the worker is to stop."""
        claimed = self._patiently(
            lambda: self._runtime.ledger.claim(
                self._shift, lease=self._runtime.lease, mailboxes=mailboxes, entries=entries
            ),
            stoppable=True,
        )
        if claimed:
            self._take(claimed.mail)
            if claimed.wants_shift:
                self._enqueue_shift()

    def settle(
        self, *, give_back: bool, mailboxes: int = 0, entries: int = 0, age: float = 0
    ) -> None:
        """Write results, give back lanes that are through, and claim more.

        `give_back`: those that have not begun, too. `age`: only if it was not done for so long.
        Raises `LeaseLost`, and whatever went wrong with an earlier settle.
        """
        with self._lock:
            if self._broken:
                raise self._broken
            since = time.monotonic() - self.settled_at
            if since < age:
                return
            results = self._results(give_back, late=since >= SETTLE_EVERY)
            if not results and not mailboxes and since < SETTLE_EVERY:
                return
            try:
                wants_shift = self._write(results, mailboxes, entries)
            except Exception as error:
                # The results were collected and are lost: nobody may go on from here.
                self._broken = error
                self._runtime.loop.cancel_all()
                raise
        if wants_shift:
            self._enqueue_shift()

    def stop(self) -> None:
        """Let the entry that each lane has under way be its last."""
        with self._lock:
            for lane in self._lanes.values():
                lane.stop()

    def _results(self, give_back: bool, *, late: bool) -> list[SettledMail]:
        lanes = self._lanes.values()
        if late:  # a handler takes long; those before it must not be repeated if it ends the worker
            for lane in lanes:
                lane.write_progress()
        results = [result for lane in lanes if lane.begun and (result := lane.collect())]
        if give_back:
            # The main thread takes lanes from the left, one at a time; we take from the right.
            begun = []
            while self.todo:
                try:
                    lane = self.todo.pop()
                except IndexError:
                    break
                if lane.begun:
                    begun.append(lane)
                else:
                    results.append(lane.give_back())
            self.todo.extend(reversed(begun))
        return results

    def _write(self, results: Sequence[SettledMail], mailboxes: int, entries: int) -> bool:
        """Settle, however long Redis is away: what was done is not to be done again."""
        self._settles += 1
        settled = self._patiently(
            lambda: self._runtime.ledger.settle(
                self._shift,
                self._settles,
                results,
                lease=self._runtime.lease,
                mailboxes=mailboxes,
                entries=entries,
            )
        )
        self.settled_at = time.monotonic()
        if not settled or not settled.ours:
            raise LeaseLost(f"others have the mail of {self._shift}")
        for result in results:
            if result.give_back != "keep":
                del self._lanes[result.mailbox]
        self._take(settled.mail)
        return settled.wants_shift

    def _take(self, mail: Sequence[Mail]) -> None:
        for one in mail:
            if one.mailbox not in self._lanes:
                lane = Lane(one, self._runtime.registry)
                self._lanes[one.mailbox] = lane
                self.todo.append(lane)
        if mail:
            self.claimed_at = time.monotonic()

    def _patiently(self, call: Callable[[], T], *, stoppable: bool = False) -> T | None:
        """Call the ledger again and again while Redis is away. Both calls are safe to repeat."""
        wait = 0.0
        while True:
            try:
                answer = call()
            except RedisError as error:
                if not is_outage(error):
                    raise
                if stoppable and self._runtime.stopping:
                    return None
                if not wait:
                    _log.error("Redis is away; waiting for it", error=str(error))
                wait = min(max(0.1, wait * 2), 2.0)
                time.sleep(wait)
            else:
                if wait:
                    _log.warning("Redis is back")
                return answer

    def _enqueue_shift(self) -> None:
        try:
            enqueue_shift(self._runtime.ledger.redis)
        except Exception as error:
            # The foreman sees mail and an empty queue, and asks for one.
            _log.warning("could not enqueue the next shift", error=str(error))
