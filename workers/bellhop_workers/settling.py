"""What a shift has in hand, and how it is written down and given back.

Two threads settle: the main one between batches, and the keeper while a handler keeps the main one.
All that they share is here, behind one lock.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from redis.exceptions import RedisError

from bellhop.connections import reason
from bellhop.failpoints import failpoint
from bellhop.ledger import Mail, Settled, SettledMail
from bellhop.logs import get_logger
from bellhop.queue import enqueue_shift
from bellhop_workers.lanes import Lane
from bellhop_workers.runtime import Appetite, Runtime
from bellhop_workers.shift_ledger import ShiftLedger

T = TypeVar("T")

NONE = Appetite(0, 0, 1)

_LISTEN = 0.25
"""Seconds that a shift which rests listens at a time, and then looks whether it is to stop."""

SETTLE_EVERY = 1.0
"""Seconds after which results are settled at the latest."""

_log = get_logger("workers")


class LeaseLost(Exception):
    """Somebody else holds the mail of this shift."""


class Hand:
    """The mailboxes that a shift holds, as lanes.

    `todo` are the lanes that wait for the main thread. A lane leaves the hand with its last
    results: when it is through, or given back before it has begun.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.todo: deque[Lane] = deque()
        self.settled_at = self.claimed_at = time.monotonic()
        self._runtime = runtime
        self._ledger = ShiftLedger(runtime)
        self._lanes: dict[str, Lane] = {}
        self._lock = threading.Lock()
        self.careful_waits = False
        """Whether there is mail that only a shift with empty hands may take."""
        self.last_claim = 0
        """How many entries the last claim brought."""
        self._broken: Exception | None = None

    def __bool__(self) -> bool:
        return bool(self._lanes or self._ledger.unanswered)

    @property
    def name(self) -> str:
        """The name of the shift."""
        return self._ledger.shift

    @property
    def dropped(self) -> bool:
        """Whether what is in hand is no longer ours to write."""
        return self._broken is not None

    @property
    def is_careful(self) -> bool:
        """Whether a worker died with any of this mail in hand."""
        return any(lane.careful for lane in self._snapshot())

    @property
    def has_unwritten(self) -> bool:
        """Whether any lane has results that are not written yet, or not surely."""
        return self._ledger.unanswered > 0 or any(lane.has_results for lane in self._snapshot())

    def _snapshot(self) -> list[Lane]:
        """Return the lanes, without the lock: the other thread may hold it for a call to Redis."""
        return list(self._lanes.values())

    def claim(self, appetite: Appetite, *, rested: bool = False) -> None:
        """Take mail with empty hands, however long Redis is away, unless the worker is to stop."""
        claimed = self._ledger.claim(appetite, rested=rested)
        if claimed:
            with self._lock:
                self.settled_at = time.monotonic()
                self._take(claimed.mail)
            if claimed.wants_shift:
                self._enqueue_shift()

    def rest(self, ends: float) -> bool:
        """Wait for mail with empty hands, until `ends` (`time.monotonic`) or the worker is to stop.

        Returns whether there is some in hand. While Redis is away, it does not wait.
        """

        def stopping() -> bool:
            return self._runtime.stopping

        try:
            left = ends - time.monotonic()
            rung = stopping() or self._ledger.rest(left)
            while not rung and left > 0 and not stopping():
                rung = self._ledger.await_bell(min(left, _LISTEN))
                left = ends - time.monotonic()
        except RedisError:
            return False
        self.claim(NONE if stopping() else self._runtime.appetite(0), rested=True)
        return bool(self)

    def settle(self, *, give_back: bool, appetite: Appetite = NONE, age: float = 0) -> None:
        """Write results, give back lanes that are through, and claim more.

        `give_back`: those that have not begun, too. `age`: only if it was not done for so long.
        Raises `LeaseLost`, and whatever went wrong with an earlier settle.
        """
        with self._lock:
            if time.monotonic() - self.settled_at < age:
                return
            wants_shift = self._received()
            since = time.monotonic() - self.settled_at
            if since >= age and self._lanes:
                late = since >= SETTLE_EVERY
                results = self._safely(lambda: self._results(give_back, late=late))
                if results or appetite.mailboxes or late:
                    wants_shift |= self._safely(lambda: self._write(results, appetite))
        if wants_shift:
            self._enqueue_shift()

    def send(self, appetite: Appetite) -> None:
        """Settle, but leave the answer for later; take what is left of those to earlier ones.

        Redis works meanwhile, also while those are looked into. Raises as `settle` does.
        """
        with self._lock:
            results = self._safely(lambda: self._results(give_back=False, late=False))
            self._safely(lambda: self._ledger.send(results, appetite))
            wants_shift = self._received(but=1)
        if wants_shift:
            self._enqueue_shift()

    def receive(self) -> None:
        """Take the answers to what was sent, unless somebody did. Raises as `settle` does."""
        with self._lock:
            wants_shift = self._received()
        if wants_shift:
            self._enqueue_shift()

    def _received(self, but: int = 0) -> bool:
        """Take the answers to all settles but the last ones."""
        if self._broken:
            raise self._broken
        wants_shift = False
        while self._ledger.unanswered > but:
            wants_shift |= self._safely(lambda: self._written(self._ledger.take_answer()))
        return wants_shift

    def _safely(self, step: Callable[[], T]) -> T:
        if self._broken:
            raise self._broken
        try:
            return step()
        except Exception as error:
            # Results were collected and are lost: nobody may go on from here.
            self._broken = error
            self._runtime.loop.cancel_all()
            raise

    def give_up(self) -> None:
        """Write what is finished, and give all mail back, in front: somebody goes on with it.

        Raises as `settle` does.
        """
        with self._lock:
            wants_shift = self._received()
            self.todo.clear()
            results = [_given_up(lane) for lane in self._lanes.values()]
            self._lanes.clear()
            wants_shift |= bool(results) and self._write(results, NONE)
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
        for result in results:
            if result.give_back != "keep":
                del self._lanes[result.mailbox]
        return results

    def _write(self, results: Sequence[SettledMail], appetite: Appetite) -> bool:
        return self._written(self._ledger.settle(results, appetite))

    def _written(self, settled: Settled | None) -> bool:
        """Go on from the answer; return whether somebody else is to be called to work."""
        self.settled_at = time.monotonic()
        if not settled or not settled.ours:
            raise LeaseLost(f"others have the mail of {self._ledger.shift}")
        self.careful_waits = settled.careful_waits
        self._take(settled.mail)
        return settled.wants_shift

    def _take(self, mail: Sequence[Mail]) -> None:
        self.last_claim = sum(len(one.entries) for one in mail)
        # An answer that was lost is made up for by all that is held, also what is about to leave.
        leaving = self._ledger.leaving()
        for one in mail:
            if one.mailbox not in self._lanes and one.mailbox not in leaving:
                lane = Lane(one, self._runtime.registry, self._runtime.ledger.vault)
                self._lanes[one.mailbox] = lane
                self.todo.append(lane)
        if mail:
            self.claimed_at = time.monotonic()

    def _enqueue_shift(self) -> None:
        failpoint("hand_over.before")
        try:
            enqueue_shift(self._runtime.ledger.redis)
            failpoint("hand_over.after")
        except Exception as error:
            # The foreman sees mail and an empty queue, and asks for one.
            _log.warning("could not enqueue the next shift", error=reason(error))


def _given_up(lane: Lane) -> SettledMail:
    """Return what a lane has to be written; unless it is through, its mailbox goes to the front."""
    lane.write_progress()
    collected = lane.collect()
    if lane.through and collected:
        return collected
    return SettledMail(lane.mailbox, "front", collected.entries if collected else ())
