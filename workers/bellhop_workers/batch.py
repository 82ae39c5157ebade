"""What a worker has in hand, and how it is written down and given back.

Two threads settle: the main one between runs, and the keeper while a handler keeps the main one.
All that they share is here, behind one lock.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from redis.exceptions import RedisError

from bellhop.ledger import ClaimLimit, GiveBack, Mail, Settled, SettledMail
from bellhop_workers.hook_mailbox import HookMailbox
from bellhop_workers.mailbox import ClaimedMailbox
from bellhop_workers.runtime import Runtime

T = TypeVar("T")

NOTHING: Sequence[ClaimLimit] = ()

_LISTEN = 0.25
"""Seconds that an idle worker listens at a time, and then looks whether it is to stop."""

SETTLE_PERIOD = 0.1
"""Seconds after which results are settled while async handlers run. If mail is claimed ahead, that
is more often; then mailboxes under way are left alone for so long: to write down half of one costs
as much as the whole."""

LONGEST_UNSETTLED = 1.0
"""Seconds after which results are settled at the latest."""


class LeaseLost(Exception):
    """Somebody else holds the mail of this worker."""


class Batch:
    """The mailboxes that a worker holds.

    `line` are those of sync handlers that wait for the main thread; those of async ones wait in the
    lines of the event loop. A mailbox leaves the batch with its last results: when it is through,
    or given back before it has begun.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.line: deque[ClaimedMailbox] = deque()
        self.settled_at = self.claimed_at = time.monotonic()
        self.suspects_wait = False
        """Whether there is mail that only a worker with empty hands may take."""
        self.last_claim = 0
        """How many entries the last claim brought."""
        self._runtime = runtime
        self._ledger = runtime.ledger
        self._mailboxes: dict[tuple[str, str], ClaimedMailbox] = {}
        self._lock = threading.Lock()
        self._saw_mail = False
        self._looks_again_at = 0.0
        self._broken: Exception | None = None

    def __bool__(self) -> bool:
        return bool(self._mailboxes or self._ledger.unanswered)

    @property
    def awaits_answer(self) -> bool:
        """Whether a settle was sent whose answer was not taken."""
        return self._ledger.unanswered > 0

    @property
    def dropped(self) -> bool:
        """Whether what is in hand is no longer ours to write."""
        return self._broken is not None

    @property
    def is_alone(self) -> bool:
        """Whether an entry is in hand that nothing may run beside."""
        mailboxes = list(self._mailboxes.values())  # the keeper may give some back meanwhile
        return len(mailboxes) == 1 and mailboxes[0].alone

    def claim(self, limits: Sequence[ClaimLimit], *, was_idle: bool = False) -> None:
        """Take mail with empty hands, however long Redis is away, unless the worker is to stop."""
        claimed = self._ledger.claim(limits, was_idle=was_idle)
        if claimed:
            with self._lock:
                self.settled_at = time.monotonic()
                self._take(claimed.mail)
            self._runtime.enqueue_shifts(claimed.wake)

    def idle(self, ends: float) -> bool:
        """Wait for mail with empty hands, until `ends` (`time.monotonic`) or the worker is to stop.

        Returns whether there is some in hand. While Redis is away, it does not wait.
        """
        try:
            left = ends - time.monotonic()
            woken = self._runtime.stopping or self._ledger.idle(left)
            while not woken and left > 0 and not self._runtime.stopping:
                woken = self._ledger.await_wake(min(left, _LISTEN))
                left = ends - time.monotonic()
        except RedisError:
            return False
        self.claim(NOTHING if self._runtime.stopping else self.limits(), was_idle=True)
        return bool(self)

    def limits(self, *, with_sync: bool = True) -> list[ClaimLimit]:
        """Return how much more to claim."""
        if self.is_alone:
            return []
        run_times, in_hand, at_work = self._runtime.run_times, Counter[str](), Counter[str]()
        for mailbox in list(self._mailboxes.values()):
            if not mailbox.through:
                at_work[mailbox.handler.name] += 1
                in_hand[mailbox.handler.name] += mailbox.entries_left
        for asked in self._ledger.asked_for:
            at_work[asked.handler] += asked.mailboxes
            in_hand[asked.handler] += asked.entries
        limits = list[ClaimLimit]()
        if blocking := self._runtime.blocking:
            run_times.learn_that_it_blocks(blocking)
            limits += [run_times.no_more_of(blocking)]
        else:
            limits += run_times.async_limits(in_hand, at_work)
        if with_sync:
            limits += run_times.sync_limits(at_work)
        return limits

    def sees_mail(self, *, with_sync: bool = True) -> bool:
        """Whether there may be mail to claim, as far as that can be asked quickly.

        What could not be claimed (of a handler that is paused, say) is not looked at for a while.
        """
        with self._lock:
            if time.monotonic() < self._looks_again_at:
                return False
        limits = [one for one in self.limits(with_sync=with_sync) if one.mailboxes]
        seen = self._ledger.sees_mail([one.handler for one in limits])
        with self._lock:
            self._saw_mail = seen
        return seen

    def settle(
        self,
        limits: Sequence[ClaimLimit] = NOTHING,
        *,
        give_back: bool = False,
        age: float = 0,
    ) -> None:
        """Write results, give back mailboxes that are through, and claim more.

        `give_back`: those that have not begun, too. (While a handler blocks the event loop, those
        of async ones are anyway.) `age`: only if it was not done for so long.
        Raises `LeaseLost`, and whatever went wrong with an earlier settle.
        """
        with self._lock:
            if time.monotonic() - self.settled_at < age:
                return
            wake = self._receive()
            since = time.monotonic() - self.settled_at
            if since >= age and self._mailboxes:
                results = self._safely(lambda: self._results(give_back))
                if results or limits or since >= LONGEST_UNSETTLED:
                    wake += self._safely(lambda: self._write(results, limits))
        self._runtime.enqueue_shifts(wake)

    def send(self) -> bool:
        """Settle and claim, but take the answer later; take those to earlier settles now.

        Redis works while those are looked into, and while what they brought is run. Returns whether
        there was anything to settle or to claim. Raises as `settle` does.
        """
        with self._lock:
            self._safely(self._ledger.read_replies)
            results = self._safely(lambda: self._results(give_back=False, age=SETTLE_PERIOD))
            limits = self.limits(with_sync=not (self.line and self._ledger.unanswered))
            asks = bool(results or limits)
            if asks:
                self._safely(lambda: self._ledger.send(results, limits))
            wake = self._receive(but=asks)
        self._runtime.enqueue_shifts(wake)
        return asks

    def receive(self) -> None:
        """Take the answers to what was sent, unless somebody did. Raises as `settle` does."""
        with self._lock:
            wake = self._receive()
        self._runtime.enqueue_shifts(wake)

    def give_up(self) -> None:
        """Write what is finished, and give all mail back, in front: somebody goes on with it.

        Raises as `settle` does.
        """
        with self._lock:
            wake = self._receive()
            self.line.clear()
            self._runtime.loop.take_waiting()
            results = [one.collect_last() for one in self._mailboxes.values()]
            self._mailboxes.clear()
            if results:
                wake += self._write(results, NOTHING)
        self._runtime.enqueue_shifts(wake)

    def stop(self) -> None:
        """Let the entry that each mailbox has under way be its last."""
        with self._lock:
            for mailbox in self._mailboxes.values():
                mailbox.stop()

    def _receive(self, but: int = 0) -> list[str]:
        """Take the answers to all settles but the last ones. Returns whom to call to work."""
        if self._broken:
            raise self._broken
        wake: list[str] = []
        while self._ledger.unanswered > but:
            wake += self._safely(lambda: self._read(self._ledger.take_answer()))
        return wake

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

    def _results(self, give_back: bool, age: float = 0) -> list[SettledMail]:
        results = [
            result
            for mailbox in self._mailboxes.values()
            if mailbox.begun and (result := mailbox.collect(age))
        ]
        waiting = _take_all(self.line) if give_back else []
        if give_back or self._runtime.loop.blocked_by:
            waiting += self._runtime.loop.take_waiting()
        results += [mailbox.collect_last() for mailbox in waiting]
        for result in results:
            if result.give_back is not GiveBack.KEEP:
                del self._mailboxes[result.handler, result.mailbox]
        return results

    def _write(self, results: Sequence[SettledMail], limits: Sequence[ClaimLimit]) -> list[str]:
        return self._read(self._ledger.settle(results, limits))

    def _read(self, settled: Settled | None) -> list[str]:
        """Go on from the answer; return whom to call to work."""
        self.settled_at = time.monotonic()
        if not settled or not settled.ours:
            raise LeaseLost(f"others have the mail of {self._ledger.worker}")
        self.suspects_wait = settled.suspects_wait
        if self._saw_mail and not settled.mail:
            self._looks_again_at = self.settled_at + _LISTEN
        self._saw_mail = False
        self._take(settled.mail)
        return list(settled.wake)

    def _take(self, mail: Sequence[Mail]) -> None:
        # An answer that was lost is made up for by all that is held, also what is about to leave.
        leaving = self._ledger.leaving()
        registry, vault = self._runtime.registry, self._runtime.vault
        self.last_claim = 0
        line, loops = list[ClaimedMailbox](), list[ClaimedMailbox]()
        for one in mail:
            name = (one.handler, one.mailbox)
            if name in self._mailboxes or name in leaving:
                continue
            handler = registry.get(one.handler)
            assert handler is not None, "mail is claimed for our own handlers only"
            kind = HookMailbox if handler.hook else ClaimedMailbox
            mailbox = kind(one, handler, vault, registry.state)
            self._mailboxes[name] = mailbox
            if handler.is_async:
                loops.append(mailbox)
            else:
                line.append(mailbox)
            self.last_claim += len(one.entries)
        # What is quick does not wait for what is slow.
        line.sort(key=lambda one: self._runtime.run_times.seconds_of(one.handler))
        self.line.extend(line)
        if loops:
            self._runtime.loop.submit(loops)
        if mail:
            self.claimed_at = time.monotonic()


def _take_all(line: deque[ClaimedMailbox]) -> list[ClaimedMailbox]:
    """Take all mailboxes from the right of a line, of which others take from the left."""
    taken = []
    while line:
        try:
            taken.append(line.pop())
        except IndexError:
            break
    return taken
