"""Running one handler once: what it may do, and what becomes of it.

1. It returns: done.
2. It raises `Drop`: done, with the reason kept.
3. It raises `Retry`: tried again, when it says; no error.
4. It raises anything else, or runs out of time: tried again after a wait that doubles, until its
   attempts are used up. Then the event is a dead letter of this handler.

Another handler of the same event sees nothing of it.
"""

import contextvars
import decimal
import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from bellhop import forks
from bellhop.callables import unfinished
from bellhop.events import SeamEvent
from bellhop.events.parsing import parse_again
from bellhop.failpoints import failpoint
from bellhop.handler import Context, Drop, Handler, HandlerTimeout, Retry
from bellhop.ledger import Outcome
from bellhop.logs import get_logger
from bellhop.retries import Backoff, as_wait, backoff, planned_wait
from bellhop.tracebacks import first_line, without_libraries
from bellhop_workers import alarm
from bellhop_workers.failures import Failure, failure_of, message_of
from bellhop_workers.records import Attempts, told
from bellhop_workers.surroundings import Surroundings


def _variable_of_decimal() -> Any:
    """Return the context variable that the module `decimal` keeps its context in."""
    context = contextvars.Context()
    context.run(decimal.getcontext)
    return next(iter(context))


KILL_AFTER = 5.0
"""Seconds after its timeout that a handler which no interrupt reaches has its worker ended."""

_LONGEST_PLANNING = 2.0
"""Seconds that a handler's own backoff function may take: fewer than `KILL_AFTER`."""

_DECIMALS: contextvars.ContextVar[decimal.Context] = _variable_of_decimal()

_random = random.SystemRandom()  # a handler may seed the other
_log = get_logger("workers")


@dataclass(slots=True)
class Run:
    """One handler about to be called with one event.

    `event` is the handler's own, which it may change: after the call nobody else looks at it.
    `body` is what it was read from. `doomed`: why it is not to be called any more, but to go to the
    dead letters. `occurred_ms`: when the event occurred, if the ledger is to remember it.
    """

    handler: Handler
    event: SeamEvent
    body: bytes = field(repr=False)
    event_id: str
    event_type: str
    device_id: str | None
    attempts: Attempts
    delivery_id: str
    received_ms: int
    occurred_ms: int | None = None
    doomed: str = ""
    earlier_pending: bool = False
    stale: bool = False

    def context(self) -> Context:
        """What the handler may know besides the event."""
        return Context(
            event=self.event,
            handler=self.handler.name,
            attempt=self.attempts.number,
            delivery_id=self.delivery_id,
            received_at=datetime.fromtimestamp(self.received_ms / 1000, UTC),
            earlier_pending=self.earlier_pending,
            stale=self.stale,
            replay=self.attempts.replay,
            _unchanged=self.unchanged,
        )

    def unchanged(self) -> SeamEvent:
        """Read the event again: what the handler has may have been changed by it."""
        return parse_again(self.body, self.event_type)

    def deadline(self, began: float) -> float:
        """Return when its worker is ended if it still runs. `began` is on the same clock."""
        return began + self.handler.timeout + KILL_AFTER

    def call(self) -> Any:
        """Call the function, in a context of its own; for an async one, return its coroutine."""
        if decimals := _DECIMALS.get(None):  # set by a module of handlers: an object, not copied
            decimal.setcontext(decimals.copy())
        if self.handler.wants_context:
            return self.handler.function(self.event, self.context())
        return self.handler.function(self.event)


def run_sync(run: Run, stop: Callable[[], float], surroundings: Surroundings) -> Outcome | None:
    """Call a sync handler in the main thread, where its timeout can interrupt it.

    `stop` tells, on the monotonic clock, when this worker must let go of it. Returns `None` if it
    was interrupted for that: then it counts as not run.
    """
    failpoint("handler.before")
    surroundings.enter(run.handler)
    started, clock = now_ms(), time.perf_counter()
    error: BaseException | None = None
    try:
        try:
            alarm.set(run.handler.timeout)
            if (moment := stop()) < math.inf:  # who sets it from now on finds the alarm
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
    if error is not None and _is_early(run, error, took) and time.monotonic() >= stop():
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


def give_up(run: Run) -> Outcome:
    """Send the event of a doomed run to the handler's dead letters."""
    _logger(run).error("handler gave up", error=run.doomed)
    return run.attempts.dead(run.handler.name, now_ms(), 0.0, run.doomed)


def outcome_of(run: Run, error: BaseException | None, started: int, took: float) -> Outcome:
    """Return what becomes of a run that returned or raised.

    `started`: milliseconds since the epoch; `took`: milliseconds.
    """
    name = run.handler.name
    if error is None:
        if _log.writes_debug:
            _log.debug(
                "handled",
                event_id=run.event_id,
                event_type=run.event_type,
                device_id=run.device_id,
                handler=name,
                attempt=run.attempts.number,
                ms=round(took, 2),
            )
        return run.attempts.done(name, started, took)
    # By the class itself: an error may lie about its own.
    asked = issubclass(type(error), Retry)
    if issubclass(type(error), Drop):
        reason = told(message_of(error) or "no reason given", run.unchanged())
        _logger(run).info("handler dropped the event", reason=reason)
        return run.attempts.dropped(name, started, took, reason)
    failure = _failure(run, error)
    if (not asked and _is_final(run, error)) or run.attempts.used + 1 >= run.handler.attempts:
        _logger(run).error("handler gave up", error=failure.summary, **_traceback(failure, asked))
        return run.attempts.dead(name, started, took, failure.text, failure.summary)
    wait = _wait_asked_for(run, error) if asked else None
    if wait is None:
        wait = _wait(run)
    line = _logger(run).info if asked else _logger(run).warning
    line(
        "handler asked to be tried again" if asked else "handler failed",
        error=failure.summary,
        retry_in=_short(wait),
        **_traceback(failure, asked),
    )
    return run.attempts.retry(name, started, took, failure.text, wait, failure.summary)


def _failure(run: Run, error: BaseException) -> Failure:
    if issubclass(type(error), Retry):
        text = told(message_of(error) or "asked to be tried again", run.unchanged())
        return Failure(first_line(text), text)
    failure = failure_of(error, run.unchanged())
    if issubclass(type(error), HandlerTimeout):
        limit = f"took longer than its timeout of {run.handler.timeout:g} s"
        where = failure.text.rpartition("\n")[0].rpartition("\n")[0].strip()
        return Failure(limit, f"{where}\n{limit}" if error.__traceback__ else limit)
    return failure


def _is_final(run: Run, error: BaseException) -> bool:
    try:
        return isinstance(error, run.handler.no_retry)
    except BaseException:  # of a metaclass that is not ours
        return False


def _wait_asked_for(run: Run, error: BaseException) -> timedelta | None:
    """Return the wait that a `Retry` asks for, if it asks for one and it is one."""
    try:
        after = getattr(error, "after", None)
        return None if after is None else as_wait(after)
    except BaseException as problem:  # somebody set it, or a class of the author's makes it up
        _tell_of_wait(run, "what Retry asked for is no wait; waiting as usual", problem)
        return None


def _wait(run: Run) -> timedelta:
    """Return how long to wait before the next attempt, by the handler's own plan if that works."""
    attempt = run.attempts.used + 1
    if run.handler.backoff is not None:
        try:
            return _planned(run.handler.backoff, attempt)
        except BaseException as problem:  # a function of the author's may raise anything
            _tell_of_wait(run, "the handler's backoff failed; waiting as usual", problem)
    return backoff(attempt, jitter=_random.random())


def _planned(plan: Backoff, attempt: int) -> timedelta:
    """Return what a plan says. Raises what it raises, and `TimeoutError` if it takes too long."""
    if not callable(plan):
        return planned_wait(plan, attempt)
    said: list[timedelta | BaseException] = []

    def ask() -> None:
        try:
            said.append(planned_wait(plan, attempt))
        except BaseException as error:
            said.append(error)

    # Only from another thread can a function be left that does not return, on an event loop, too.
    thread = threading.Thread(target=ask, name="backoff", daemon=True)
    thread.start()
    thread.join(_LONGEST_PLANNING)
    if not said:
        raise TimeoutError(f"it took longer than {_LONGEST_PLANNING:g} s")
    [answer] = said
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _tell_of_wait(run: Run, message: str, problem: BaseException) -> None:
    _logger(run).error(message, error=failure_of(problem, run.unchanged()).summary)


def _traceback(failure: Failure, asked: bool) -> dict[str, str]:
    return {} if asked else {"exception": without_libraries(failure.text).strip()}


def _short(wait: timedelta) -> str:
    return f"{wait.total_seconds():.1f}s"


def _logger(run: Run) -> Any:
    return run.context().log


def now_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
