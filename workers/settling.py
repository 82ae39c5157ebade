"""What a shift has in hand, and how it is written down and given back.

Two threads settle: the main one between batches, and the keeper while a handler keeps the main one.
All that they share is here, behind one lock.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import structlog
from redis.exceptions import RedisError

from bellhop.connections import is_outage, reason
from bellhop.failpoints import failpoint
from bellhop.ledger import Asked, Line, Mail, Settled, SettledMail
from bellhop.outages import wait_out
from bellhop.queue import enqueue_shift
from workers.lanes import Lane
from workers.runtime import Appetite, Runtime

T = TypeVar("T")

NONE = Appetite(0, 0, 1)

_LISTEN = 0.25
"""Seconds that a shift which rests listens at a time, and then looks whether it is to stop."""

SETTLE_EVERY = 1.0
"""Seconds after which results are settled at the latest."""

_log = structlog.get_logger("workers")


class LeaseLost(Exception):
    """Somebody else holds the mail of this shift."""


class _Sent(NamedTuple):
    """A settle whose answer was not taken yet. `asked` is `None` if it could not be sent."""

    number: int
    asked: Asked[Settled] | None
    results: Sequence[SettledMail]
    appetite: Appetite


class Hand:
    """The mailboxes that a shift holds, as lanes.

    `todo` are the lanes that wait for the main thread. A lane leaves the hand with its last
    results: when it is through, or given back before it has begun.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.todo: deque[Lane] = deque()
        self.settled_at = self.claimed_at = time.monotonic()
        self._runtime = runtime
        self._shift = runtime.next_shift_name()
        self._lanes: dict[str, Lane] = {}
        self._lock = threading.Lock()
        self._settles = 0
        self.careful_waits = False
        """Whether there is mail that only a shift with empty hands may take."""
        self.last_claim = 0
        """How many entries the last claim brought."""
        self._broken: Exception | None = None
        self._line = Line(runtime.ledger.redis)
        self._sent: deque[_Sent] = deque()

    def __bool__(self) -> bool:
        return bool(self._lanes or self._sent)

    @property
    def dropped(self) -> bool:
        """Whether what is in hand is no longer ours to write."""
        return self._broken is not None

    @property
    def is_careful(self) -> bool:
        """Whether a worker died with any of this mail in hand."""
        return any(lane.careful for lane in self._lanes.values())

    @property
    def has_unwritten(self) -> bool:
        """Whether any lane has results that are not written yet, or not surely."""
        return bool(self._sent) or any(lane.has_results for lane in self._lanes.values())

    def claim(self, appetite: Appetite, *, rested: bool = False) -> None:
        """Take mail with empty hands, however long Redis is away, unless the worker is to stop."""
        failpoint("claim.before")
        claimed = self._patiently(
            lambda: self._runtime.ledger.claim(
                self._shift, rested=rested, settles=self._settles, **self._terms(appetite)
            ),
            stoppable=True,
        )
        failpoint("claim.after")
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
        ledger = self._runtime.ledger

        def stopping() -> bool:
            return self._runtime.stopping

        try:
            left = ends - time.monotonic()
            failpoint("rest.before")
            rung = stopping() or ledger.rest(self._shift, timedelta(seconds=left))
            failpoint("rest.after")
            while not rung and left > 0 and not stopping():
                rung = ledger.await_bell(self._shift, min(left, _LISTEN))
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

        Redis works meanwhile, also while those are read. Raises as `settle` does.
        """
        with self._lock:
            results = self._safely(lambda: self._results(give_back=False, late=False))
            self._safely(lambda: self._send(results, appetite))
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
        while len(self._sent) > but:
            wants_shift |= self._safely(self._take_answer)
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
        self._settles += 1
        _pass_before(results)
        return self._written(results, self._insist(self._settles, results, appetite))

    def _send(self, results: Sequence[SettledMail], appetite: Appetite) -> bool:
        self._settles += 1
        _pass_before(results)
        asked = None
        if not self._sent or self._sent[-1].asked:  # Redis takes them in their order, or not at all
            with suppress(RedisError):
                asked = self._runtime.ledger.ask_to_settle(
                    self._line, self._shift, self._settles, results, **self._terms(appetite)
                )
        self._sent.append(_Sent(self._settles, asked, results, appetite))
        return False

    def _take_answer(self) -> bool:
        number, asked, results, appetite = self._sent.popleft()
        settled = None
        with suppress(RedisError):
            settled = asked.answer() if asked else None
        # Without an answer it is asked for again, under the same number: that writes nothing twice.
        return self._written(results, settled or self._insist(number, results, appetite))

    def _insist(
        self, number: int, results: Sequence[SettledMail], appetite: Appetite
    ) -> Settled | None:
        """Settle, however long Redis is away: what was done is not to be done again."""
        return self._patiently(
            lambda: self._runtime.ledger.settle(
                self._shift, number, results, **self._terms(appetite)
            )
        )

    def _terms(self, appetite: Appetite) -> dict[str, Any]:
        return {
            "lease": self._runtime.lease,
            "with_newest": self._runtime.wants_newest,
            **appetite._asdict(),
        }

    def _written(self, results: Sequence[SettledMail], settled: Settled | None) -> bool:
        """Go on from the answer; return whether somebody else is to be called to work."""
        self.settled_at = time.monotonic()
        _pass_after(results)
        if settled and not settled.ours and self._sent:
            # Its own answer was lost, and so are those to the ones behind it. If the next one is
            # written, so is this, and all that came of both is found in the answer to that.
            return False
        if not settled or not settled.ours:
            raise LeaseLost(f"others have the mail of {self._shift}")
        self.careful_waits = settled.careful_waits
        self._take(settled.mail)
        return settled.wants_shift

    def _take(self, mail: Sequence[Mail]) -> None:
        self.last_claim = sum(len(one.entries) for one in mail)
        # An answer that was lost is made up for by all that is held, also what is about to leave.
        leaving = {
            result.mailbox
            for sent in self._sent
            for result in sent.results
            if result.give_back != "keep"
        }
        for one in mail:
            if one.mailbox not in self._lanes and one.mailbox not in leaving:
                lane = Lane(one, self._runtime.registry, self._runtime.ledger.vault)
                self._lanes[one.mailbox] = lane
                self.todo.append(lane)
        if mail:
            self.claimed_at = time.monotonic()

    def _patiently(self, call: Callable[[], T], *, stoppable: bool = False) -> T | None:
        """Call the ledger again and again while Redis is away. Both calls are safe to repeat."""
        try:
            return wait_out(
                call,
                self._runtime.outages,
                give_up=lambda: stoppable and self._runtime.stopping,
            )
        except RedisError as error:
            if is_outage(error):
                return None
            raise

    def _enqueue_shift(self) -> None:
        failpoint("hand_over.before")
        try:
            enqueue_shift(self._runtime.ledger.redis)
            failpoint("hand_over.after")
        except Exception as error:
            # The foreman sees mail and an empty queue, and asks for one.
            _log.warning("could not enqueue the next shift", error=reason(error))


def _pass_before(results: Sequence[SettledMail]) -> None:
    if _gives_back(results):
        failpoint("give_back.before")
    failpoint("settle.before")


def _pass_after(results: Sequence[SettledMail]) -> None:
    failpoint("settle.after")
    if _gives_back(results):
        failpoint("give_back.after")


def _gives_back(results: Sequence[SettledMail]) -> bool:
    return any(result.give_back == "front" for result in results)


def _given_up(lane: Lane) -> SettledMail:
    """Return what a lane has to be written; unless it is through, its mailbox goes to the front."""
    lane.write_progress()
    collected = lane.collect()
    if lane.through and collected:
        return collected
    return SettledMail(lane.mailbox, "front", collected.entries if collected else ())
