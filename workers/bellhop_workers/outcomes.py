"""What becomes of a run.

1. It returned: done.
2. It raised `Drop`: done, with the reason kept.
3. It raised `Retry`: tried again, when it says; no error. Without one of its attempts if it says so
   (`counts=False`), for a day at most, or until the event is older than the handler's `max_age`.
4. Its `max_age` or `where` did not want the event: it was not called, and is done with it.
5. It failed since the process is out of memory, files or threads: as if it had not counted. The
   worker is replaced.
6. It raised anything else, or ran out of time: tried again after a wait that doubles, until its
   attempts are used up. Then the event is a dead letter of this handler.
"""

import math
import random
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bellhop.handler import Drop, HandlerTimeout, Retry
from bellhop.handler_state import HandlerState
from bellhop.ledger import Outcome, Result
from bellhop.logs import get_logger
from bellhop.retries import Backoff, as_wait, backoff, planned_wait
from bellhop.tracebacks import first_line, without_libraries
from bellhop_workers.failures import Failure, failure_of, message_of
from bellhop_workers.process_faults import process_fault
from bellhop_workers.said import masked

if TYPE_CHECKING:
    from bellhop_workers.running import Run

_LONGEST_PLANNING = 2.0
"""Seconds that a handler's own backoff function may take: fewer than `KILL_AFTER`."""

_MOST_UNCOUNTED = timedelta(days=1)
"""How long tries that do not count go on, for a handler without `max_age`."""

_random = random.SystemRandom()  # a handler may seed the other
_log = get_logger("workers")


class Skip(Exception):
    """Ends a run before the handler is called: the event is none that it wants."""

    def __init__(self, reason: str, *, too_old: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.too_old = too_old


def outcome_of(run: "Run", error: BaseException | None, started: int, took: float) -> Outcome:
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
                attempt=run.record.next_attempt,
                ms=round(took, 2),
            )
        return Outcome(Result.DONE, run.record.done(started, took))
    if type(error) is Skip:
        return _skipped(run, error, started, took)
    run.fault = process_fault(error)
    # By the class itself: an error may lie about its own.
    asked = issubclass(type(error), Retry)
    if issubclass(type(error), Drop):
        reason = masked(message_of(error) or "no reason given", run.unchanged())
        _logger(run).info("handler dropped the event", reason=reason)
        return Outcome(Result.DONE, run.record.tried(HandlerState.DROPPED, started, took, reason))
    failure = _failure(run, error)
    if run.fault or (asked and not _counts(error)):
        return _uncounted(run, error, failure, started, took)
    if (
        not asked and _is_final(run, error)
    ) or run.record.attempts_used + 1 >= run.handler.attempts:
        _logger(run).error("handler gave up", error=failure.summary, **_traceback(failure, asked))
        return _dead(run, started, took, failure)
    wait = _wait_asked_for(run, error) if asked else None
    if wait is None:
        wait = _wait(run, run.record.attempts_used + 1)
    line = _logger(run).info if asked else _logger(run).warning
    line(
        "handler asked to be tried again" if asked else "handler failed",
        error=failure.summary,
        retry_in=_short(wait),
        **_traceback(failure, asked),
    )
    return _retry(run, started, took, failure, wait)


def _skipped(run: "Run", skip: Skip, started: int, took: float) -> Outcome:
    """Be done with an event that the handler does not want, unless it waited for its turn."""
    run.occurred_ms = None  # the handler does not see it
    if skip.too_old and run.record.uncounted_in_a_row:
        why = f"{skip.reason}; the handler last said: {run.record.last_said}"
        _logger(run).error("handler gave up", error=why)
        return _dead(run, started, took, Failure(first_line(why), why), counts=False)
    if skip.too_old:
        _logger(run).info("event skipped", reason=skip.reason)
    elif _log.writes_debug:
        _logger(run).debug("event skipped", reason=skip.reason)
    return Outcome(Result.DONE, run.record.skipped(skip.reason))


def _counts(error: BaseException) -> bool:
    """Say whether a `Retry` is an attempt, whatever a class of the author's makes of it."""
    try:
        return getattr(error, "counts", True) is not False
    except BaseException:  # as above
        return True


def _uncounted(
    run: "Run", error: BaseException, failure: Failure, started: int, took: float
) -> Outcome:
    """Have the handler tried again without a limit to attempts, but not for ever.

    One with `max_age` is not called any more once the event is older.
    """
    since = run.record.tried_since(run.received_ms, started)
    bounded = run.handler.conditions is not None and run.handler.conditions.max_age is not None
    if not bounded and started + took >= since + _MOST_UNCOUNTED.total_seconds() * 1000:
        why = "tries that do not count end after a day; the handler last said: "
        _logger(run).error("handler gave up", error=why + failure.summary)
        last = Failure(why + failure.summary, why + failure.text)
        return _dead(run, started, took, last, counts=False)
    wait = None if run.fault else _wait_asked_for(run, error)
    if wait is None:
        # As if those in a row were attempts, so that a day of them is some thirty.
        number = run.record.attempts_used + run.record.uncounted_in_a_row + 1
        if callable(run.handler.backoff):  # it is called with no number that it would not get else
            number = min(number, max(run.handler.attempts - 1, 1))
        wait = _wait(run, number)
    _logger(run).info(
        "the process failed the handler" if run.fault else "handler asked to be tried again",
        error=failure.summary,
        retry_in=_short(wait),
        counts=False,
    )
    return _retry(run, started, took, failure, wait, counts=False)


def _retry(
    run: "Run", started: int, took: float, said: Failure, wait: timedelta, *, counts: bool = True
) -> Outcome:
    state = HandlerState.RETRYING
    record = run.record.tried(state, started, took, said.text, said.summary, counts=counts)
    return Outcome(Result.RETRY, record, delay_ms(wait))


def delay_ms(wait: timedelta) -> int:
    """Return a wait in milliseconds: a retry may be late, but never early."""
    return max(0, math.ceil(wait.total_seconds() * 1000))


def _dead(run: "Run", started: int, took: float, said: Failure, *, counts: bool = True) -> Outcome:
    state = HandlerState.DEAD
    record = run.record.tried(state, started, took, said.text, said.summary, counts=counts)
    return Outcome(Result.DEAD, record)


def _failure(run: "Run", error: BaseException) -> Failure:
    if issubclass(type(error), Retry):
        text = masked(message_of(error) or "asked to be tried again", run.unchanged())
        return Failure(first_line(text), text)
    failure = failure_of(error, run.unchanged())
    if issubclass(type(error), HandlerTimeout):
        limit = f"took longer than its timeout of {run.handler.timeout:g} s"
        where = failure.text.rpartition("\n")[0].rpartition("\n")[0].strip()
        return Failure(limit, f"{where}\n{limit}" if error.__traceback__ else limit)
    return failure


def _is_final(run: "Run", error: BaseException) -> bool:
    try:
        return isinstance(error, run.handler.no_retry)
    except BaseException:  # of a metaclass that is not ours
        return False


def _wait_asked_for(run: "Run", error: BaseException) -> timedelta | None:
    """Return the wait that a `Retry` asks for, if it asks for one and it is one."""
    try:
        after = getattr(error, "after", None)
        return None if after is None else as_wait(after)
    except BaseException as problem:  # somebody set it, or a class of the author's makes it up
        _tell_of_wait(run, "what Retry asked for is no wait; waiting as usual", problem)
        return None


def _wait(run: "Run", attempt: int) -> timedelta:
    """Return how long to wait after so many attempts, by the handler's own plan if that works."""
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


def _tell_of_wait(run: "Run", message: str, problem: BaseException) -> None:
    _logger(run).error(message, error=failure_of(problem, run.unchanged()).summary)


def _traceback(failure: Failure, asked: bool) -> dict[str, str]:
    return {} if asked else {"exception": without_libraries(failure.text).strip()}


def _short(wait: timedelta) -> str:
    return f"{wait.total_seconds():.1f}s"


def _logger(run: "Run") -> Any:
    return run.context().log
