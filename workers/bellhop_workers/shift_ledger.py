"""One shift's calls to the ledger: made again while Redis is away, and settles in their order.

A settle may be sent and its answer be looked into later, even after the next one was sent: Redis
works meanwhile. If an answer does not come, nothing is sent behind it, and Redis refuses one that
is not the next. So to ask for each again, in order, writes nothing twice and leaves nothing out.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

from redis.exceptions import RedisError

from bellhop.connections import is_outage
from bellhop.failpoints import failpoint
from bellhop.ledger import Asked, Claimed, Settled, SettledMail
from bellhop.outages import wait_out
from bellhop_workers.runtime import Appetite, Runtime

T = TypeVar("T")


class _Sent(NamedTuple):
    """A settle whose answer was not taken yet. `asked` is `None` if it could not be sent."""

    number: int
    asked: Asked[Settled] | None
    results: Sequence[SettledMail]
    appetite: Appetite


class ShiftLedger:
    """The ledger as one shift sees it. `None` for an answer: Redis is away, and stays so."""

    def __init__(self, runtime: Runtime) -> None:
        self.shift = runtime.next_shift_name()
        self._runtime = runtime
        self._ledger = runtime.ledger
        self._settles = 0
        self._sent: deque[_Sent] = deque()

    @property
    def unanswered(self) -> int:
        """How many settles were sent whose answers were not taken."""
        return len(self._sent)

    def claim(self, appetite: Appetite, *, rested: bool) -> Claimed | None:
        """Take mail with empty hands, however long Redis is away, unless the worker is to stop."""
        failpoint("claim.before")
        claimed = self._patiently(
            lambda: self._ledger.claim(
                self.shift, rested=rested, settles=self._settles, **self._terms(appetite)
            ),
            stoppable=True,
        )
        failpoint("claim.after")
        return claimed

    def rest(self, seconds: float) -> bool:
        """Have the shift rung for when there is mail, unless there is: return that.

        Raises `RedisError`.
        """
        failpoint("rest.before")
        is_mail = self._ledger.rest(self.shift, timedelta(seconds=seconds))
        failpoint("rest.after")
        return is_mail

    def await_bell(self, seconds: float) -> bool:
        """Wait to be rung for, and return whether that was so. Raises `RedisError`."""
        return self._ledger.await_bell(self.shift, seconds)

    def settle(self, results: Sequence[SettledMail], appetite: Appetite) -> Settled | None:
        """Settle, however long Redis is away, after all answers were taken."""
        self._settles += 1
        _pass_before(results)
        settled = self._insist(self._settles, results, appetite)
        _pass_after(results)
        return settled

    def send(self, results: Sequence[SettledMail], appetite: Appetite) -> None:
        """Settle, but leave the answer for `take_answer`.

        First the answers to those before come in. They are not looked into: Redis has nothing to do
        meanwhile. (It would not write the rest of a long answer while it works on the next call.)
        """
        self._hear()
        self._settles += 1
        _pass_before(results)
        asked = None
        if all(sent.asked for sent in self._sent):  # else those come first, again
            with suppress(RedisError):
                asked = self._ledger.ask_to_settle(
                    self.shift, self._settles, results, **self._terms(appetite)
                )
        self._sent.append(_Sent(self._settles, asked, results, appetite))

    def _hear(self) -> None:
        for place, sent in enumerate(self._sent):
            try:
                if sent.asked:
                    sent.asked.hear()
            except RedisError:
                self._sent[place] = sent._replace(asked=None)

    def take_answer(self) -> Settled | None:
        """Take the answer to the first settle that has none, however long Redis is away."""
        number, asked, results, appetite = self._sent.popleft()
        settled = None
        with suppress(RedisError):
            settled = asked.answer() if asked else None
        # Without an answer it is asked for again, under the same number: that writes nothing twice.
        settled = settled or self._insist(number, results, appetite)
        _pass_after(results)
        return settled

    def leaving(self) -> set[str]:
        """Return the mailboxes that leave the shift by settles whose answers were not taken."""
        return {
            result.mailbox
            for sent in self._sent
            for result in sent.results
            if result.give_back != "keep"
        }

    def _insist(
        self, number: int, results: Sequence[SettledMail], appetite: Appetite
    ) -> Settled | None:
        # What was done is not to be done again.
        return self._patiently(
            lambda: self._ledger.settle(self.shift, number, results, **self._terms(appetite))
        )

    def _terms(self, appetite: Appetite) -> dict[str, Any]:
        return {
            "lease": self._runtime.lease,
            "with_newest": self._runtime.wants_newest,
            **appetite._asdict(),
        }

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
