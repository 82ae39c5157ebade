"""A worker's calls to the ledger: made again while Redis is away, and settles in their order.

A settle may be sent and its answer be looked into later: Redis works meanwhile. If an answer does
not come, nothing is sent behind it, and Redis refuses one that is not the next. So to ask for each
again, in order, writes nothing twice and leaves nothing out.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import NamedTuple, TypeVar

from redis.exceptions import RedisError

from bellhop.connections import is_outage
from bellhop.failpoints import failpoint
from bellhop.handler import Handler
from bellhop.ledger import (
    Claimed,
    ClaimLimit,
    GiveBack,
    HandlerSet,
    Ledger,
    Settled,
    SettledMail,
    Subscription,
)
from bellhop.ledger.asking import Asked
from bellhop.logs import get_logger
from bellhop.outages import Outages, wait_out
from bellhop.routing import Registry

T = TypeVar("T")

_log = get_logger("workers")


class _Sent(NamedTuple):
    """A settle whose answer was not taken yet. `asked` is `None` if it could not be sent."""

    number: int
    asked: Asked[Settled] | None
    results: Sequence[SettledMail]
    limits: Sequence[ClaimLimit]


class WorkerLedger:
    """The ledger as one worker sees it. `None` for an answer: Redis is away, and stays so.

    `is_stopping`: whether the worker is to stop, and takes nothing more. `when_away`: is called now
    and then while Redis is waited for.
    """

    def __init__(
        self,
        ledger: Ledger,
        worker: str,
        registry: Registry,
        is_stopping: Callable[[], bool],
        when_away: Callable[[], None],
    ) -> None:
        self.worker = worker
        self.handlers = handler_set(registry)
        self._registry = registry
        self.outages = Outages(_log, "Redis is away; waiting for it")
        self._ledger = ledger
        self._is_stopping = is_stopping
        self._when_away = when_away
        self._settles = 0
        self._sent: deque[_Sent] = deque()

    @property
    def unanswered(self) -> int:
        """How many settles were sent whose answers were not taken."""
        return len(self._sent)

    @property
    def asked_for(self) -> list[ClaimLimit]:
        """What was asked for by settles whose answers were not taken."""
        return [limit for sent in list(self._sent) for limit in sent.limits]

    def subscribe(self) -> Sequence[str]:
        """Tell the ledger which handlers this worker has, however long Redis is away.

        Returns the sets of handlers for which to enqueue a shift.
        """
        self.handlers = handler_set(self._registry)
        subscribe = self._ledger.subscribe
        wake = self._patiently(lambda: subscribe(self.worker, self.handlers), stoppable=True)
        return wake or ()

    def is_subscribed(self) -> bool:
        """Whether the ledger knows which handlers this worker has; if Redis is away, it may."""
        with suppress(RedisError):
            return self._ledger.is_subscribed(self.worker, self.handlers)
        return True

    def claim(self, limits: Sequence[ClaimLimit], *, was_idle: bool) -> Claimed | None:
        """Take mail with empty hands, however long Redis is away, unless the worker is to stop."""
        failpoint("claim.before")
        while self._sent:  # by a shift that lost its lease
            if asked := self._sent.popleft().asked:
                asked.drop()

        def claim() -> Claimed:
            return self._ledger.claim(
                self.worker,
                self.handlers,
                limits,
                was_idle=was_idle,
                settles=self._settles,
            )

        claimed = self._patiently(claim, stoppable=True)
        if claimed and not claimed.known:  # it was silent for too long, or Redis lost its data
            self.subscribe()
            claimed = self._patiently(claim, stoppable=True)
        failpoint("claim.after")
        return claimed

    def idle(self, seconds: float) -> bool:
        """Have this worker woken when there is mail, unless there is: return that.

        Raises `RedisError`.
        """
        failpoint("idle.before")
        has_mail = self._ledger.idle(self.worker, self.handlers, timedelta(seconds=seconds))
        failpoint("idle.after")
        return has_mail

    def await_wake(self, seconds: float) -> bool:
        """Wait to be woken, and return whether that was so. Raises `RedisError`."""
        return self._ledger.await_wake(self.worker, seconds)

    def sees_mail(self, handlers: Sequence[str]) -> bool:
        """Whether mail of any of these handlers is ready. If Redis is away, none is seen."""
        with suppress(RedisError):
            return self._ledger.has_ready(handlers)
        return False

    def settle(
        self, results: Sequence[SettledMail], limits: Sequence[ClaimLimit]
    ) -> Settled | None:
        """Settle, however long Redis is away, after all answers were taken."""
        self._settles += 1
        _pass_before(results)
        settled = self._settle_again(self._settles, results, limits)
        _pass_after(results)
        return settled

    def send(self, results: Sequence[SettledMail], limits: Sequence[ClaimLimit]) -> None:
        """Settle, but leave the answer for `take_answer`.

        The answers to those before must be in: see `read_replies`.
        """
        self._settles += 1
        _pass_before(results)
        asked = None
        if all(sent.asked for sent in self._sent):  # else those come first, again
            with suppress(RedisError):
                asked = self._ledger.ask_to_settle(
                    self.worker, self.handlers, self._settles, results, limits
                )
        self._sent.append(_Sent(self._settles, asked, results, limits))

    def read_replies(self) -> None:
        """Wait for the answers to what was sent. They are not looked into: Redis would be idle.

        It would not write the rest of a long answer while it works on the next call.
        """
        for place, sent in enumerate(self._sent):
            try:
                if sent.asked:
                    sent.asked.read_reply()
            except RedisError:
                self._sent[place] = sent._replace(asked=None)

    def take_answer(self) -> Settled | None:
        """Take the answer to the first settle that has none, however long Redis is away."""
        number, asked, results, limits = self._sent.popleft()
        settled = None
        with suppress(RedisError):
            settled = asked.answer() if asked else None
        # Without an answer it is asked for again, under the same number: that writes nothing twice.
        settled = settled or self._settle_again(number, results, limits)
        _pass_after(results)
        return settled

    def leaving(self) -> set[tuple[str, str]]:
        """Return the mailboxes that leave the worker by settles whose answers were not taken."""
        return {
            (result.handler, result.mailbox)
            for sent in self._sent
            for result in sent.results
            if result.give_back is not GiveBack.KEEP
        }

    def _settle_again(
        self, number: int, results: Sequence[SettledMail], limits: Sequence[ClaimLimit]
    ) -> Settled | None:
        # What was done is not to be done again.
        return self._patiently(
            lambda: self._ledger.settle(self.worker, self.handlers, number, results, limits)
        )

    def _patiently(self, call: Callable[[], T], *, stoppable: bool = False) -> T | None:
        """Call the ledger again and again while Redis is away. All calls are safe to repeat."""

        def give_up() -> bool:
            self._when_away()
            return stoppable and self._is_stopping()

        try:
            return wait_out(call, self.outages, give_up=give_up)
        except RedisError as error:
            if is_outage(error):
                return None
            raise


def handler_set(registry: Registry) -> HandlerSet:
    """Return the handlers of a registry as the ledger knows them."""
    return HandlerSet(_subscriptions(registry), registry.only, _subscriptions(registry.others))


def _subscriptions(handlers: Iterable[Handler]) -> list[Subscription]:
    return [Subscription(one.name, one.patterns, one.concurrency, one.hook) for one in handlers]


def _pass_before(results: Sequence[SettledMail]) -> None:
    if _gives_back(results):
        failpoint("give_back.before")
    failpoint("settle.before")


def _pass_after(results: Sequence[SettledMail]) -> None:
    failpoint("settle.after")
    if _gives_back(results):
        failpoint("give_back.after")


def _gives_back(results: Sequence[SettledMail]) -> bool:
    return any(result.give_back is GiveBack.FRONT for result in results)
