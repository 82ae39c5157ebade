"""Running one handler once, in a context of its own. What becomes of it is in `outcomes`.

Another handler of the same event sees nothing of it.
"""

import contextvars
import decimal
import math
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn

from bellhop import forks
from bellhop.callables import unfinished
from bellhop.conditions import Conditions
from bellhop.events import SeamEvent
from bellhop.events.parsing import parse_again
from bellhop.failpoints import failpoint
from bellhop.handler import Context, Handler, HandlerTimeout
from bellhop.ledger import HandlerRecord, Outcome
from bellhop_workers import alarm
from bellhop_workers.deadlines import Deadlines
from bellhop_workers.outcomes import Skip, outcome_of
from bellhop_workers.surroundings import Surroundings


def _variable_of_decimal() -> Any:
    """Return the context variable that the module `decimal` keeps its context in."""
    context = contextvars.Context()
    context.run(decimal.getcontext)
    return next(iter(context))


KILL_AFTER = 5.0
"""Seconds after its timeout that a handler which no interrupt reaches has its worker ended."""

_DECIMALS: contextvars.ContextVar[decimal.Context] = _variable_of_decimal()


@dataclass(slots=True)
class Run:
    """One handler about to be called with one event.

    `event` is the handler's own, which it may change: after the call nobody else looks at it.
    `body` is what it was read from. `occurred_ms`: when the event occurred, if the ledger is to
    remember it. `state`: what the worker's lifespan yielded. `fault`: what
    the process turned out to lack when it was run.
    """

    handler: Handler
    event: SeamEvent
    body: bytes = field(repr=False)
    event_id: str
    event_type: str
    device_id: str | None
    record: HandlerRecord
    delivery_id: str
    received_ms: int
    occurred_ms: int | None = None
    earlier_pending: bool = False
    stale: bool = False
    state: Any = None
    fault: str = ""

    @property
    def entry(self) -> bytes:
        """The entry as the ledger knows it."""
        return f"{self.event_id} {self.handler.name}".encode(errors="surrogateescape")

    def context(self) -> Context:
        """What the handler may know besides the event."""
        return Context(
            event=self.event,
            handler=self.handler.name,
            attempt=self.record.next_attempt,
            delivery_id=self.delivery_id,
            received_at=datetime.fromtimestamp(self.received_ms / 1000, UTC),
            earlier_pending=self.earlier_pending,
            stale=self.stale,
            replay=self.record.is_replay,
            state=self.state,
            _unchanged=self.unchanged,
        )

    def unchanged(self) -> SeamEvent:
        """Read the event again: what the handler has may have been changed by it."""
        return parse_again(self.body, self.event_type)

    def deadline(self, began: float) -> float:
        """Return when its worker is ended if it still runs. `began` is on the same clock."""
        return began + self.handler.timeout + KILL_AFTER

    def call(self) -> Any:
        """Call the function, in a context of its own; for an async one, return its coroutine.

        Raises `Skip` if the event is none that it wants.
        """
        if decimals := _DECIMALS.get(None):  # set by a module of handlers: an object, not copied
            decimal.setcontext(decimals.copy())
        if self.handler.conditions is not None:
            self._check(self.handler.conditions)
        if self.handler.wants_context:
            return self.handler.function(self.event, self.context())
        return self.handler.function(self.event)

    def _check(self, conditions: Conditions) -> None:
        """Raise `Skip` if the event is none for the handler, and what its `where` raises."""
        if reason := conditions.too_old(self.event, self.received_ms, now_ms()):
            raise Skip(reason, too_old=True)
        if reason := conditions.unfit(self.event):
            raise Skip(reason)


def run_sync(run: Run, deadlines: Deadlines, surroundings: Surroundings) -> Outcome | None:
    """Call a sync handler in the main thread, where its timeout can interrupt it.

    `deadlines` tell when this worker must let go of it. Returns `None` if it was interrupted for
    that: then it counts as not run.
    """
    failpoint("handler.before")
    surroundings.enter(run.handler)
    started, clock = now_ms(), time.perf_counter()
    error: BaseException | None = None
    try:
        try:
            alarm.set(run.handler.timeout)
            if (moment := deadlines.stop) < math.inf:  # who sets it from now on finds the alarm
                alarm.hasten(moment)
            check_result(contextvars.copy_context().run(run.call))
        except HandlerTimeout:
            raise
        except BaseException as raised:
            error = raised
        finally:
            alarm.clear()
    except HandlerTimeout as raised:
        # It may come in the very moment the handler is through; then it is one run too many.
        alarm.clear()
        error = raised
    if forks.is_child():
        end_forked(run, error)
    took = time.perf_counter() - clock
    surroundings.leave(run.handler, took, error)
    if error is not None and _is_early(run, error, took) and time.monotonic() >= deadlines.stop:
        return None
    outcome = outcome_of(run, error, started, took * 1000)
    failpoint("handler.after")
    return outcome


def _is_early(run: Run, error: BaseException, took: float) -> bool:
    """Whether a run was interrupted before its own time was up."""
    return issubclass(type(error), HandlerTimeout) and took < run.handler.timeout


def end_forked(run: Run, error: BaseException | None) -> NoReturn:
    """End this process, which the handler forked."""
    forks.end_child(error, handler=run.handler.name, event_id=run.event_id)


def check_result(result: object) -> None:
    """Refuse what is yet to be run: its handler would seem to be done."""
    if result is not None and (problem := unfinished(result)):
        raise TypeError(problem)


def now_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
