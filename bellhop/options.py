"""What the author of a handler may ask for, checked when the handler is registered."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from bellhop.conditions import MaxAge, Where
from bellhop.handler import InvalidHandler
from bellhop.nearest import did_you_mean, nearest
from bellhop.retries import Backoff, as_wait

TIMEOUT = 30.0
"""Seconds that a handler may take unless it says otherwise."""

NoRetry = type[Exception] | Sequence[type[Exception]]

_LONGEST_TIMEOUT = 24 * 3600
_MOST_AT_WORK = 10_000


class Options(TypedDict, total=False):
    """What `on` takes besides patterns, for type checkers."""

    attempts: int
    timeout: float
    backoff: Backoff | None
    no_retry: NoRetry
    in_order: bool
    concurrency: int | None
    max_age: MaxAge | None
    where: Where | None
    name: str | None
    allow_unknown: bool


class HookOptions(TypedDict, total=False):
    """What `on_dead` and `on_quarantined` take besides a pattern."""

    attempts: int
    timeout: float
    backoff: Backoff | None
    no_retry: NoRetry
    name: str | None


def refuse_misspelt(decorator: str, options: Mapping[str, object], known: type) -> None:
    """Raise `InvalidHandler` if there are options that a decorator does not know."""
    names = list(known.__annotations__)
    for option in options:
        hint = did_you_mean(nearest(option, names)[:1], f"it has {', '.join(names)}")
        raise InvalidHandler(f"@{decorator} has no option {option}; {hint}")


def checked_options(
    label: str,
    *,
    attempts: int,
    timeout: float,
    backoff: Backoff | None,
    no_retry: Any,
    in_order: bool,
    concurrency: int | None,
) -> dict[str, Any]:
    """Return the options as a `Handler` holds them. Raises `InvalidHandler`; `label` names it."""
    if not isinstance(attempts, int) or isinstance(attempts, bool) or attempts < 1:
        raise InvalidHandler(f"{label}: attempts is a whole number from 1, not {attempts!r}")
    if (
        not isinstance(timeout, int | float)
        or isinstance(timeout, bool)
        or not 0 < timeout <= _LONGEST_TIMEOUT
    ):
        raise InvalidHandler(
            f"{label}: timeout is a number of seconds above 0, "
            f"at most {_LONGEST_TIMEOUT} (a day), not {timeout!r}"
        )
    if not isinstance(in_order, bool):
        raise InvalidHandler(f"{label}: in_order is True or False, not {in_order!r}")
    if concurrency is not None and (
        not isinstance(concurrency, int)
        or isinstance(concurrency, bool)
        or not 1 <= concurrency <= _MOST_AT_WORK
    ):
        raise InvalidHandler(
            f"{label}: concurrency is how many devices it may be at work for at a time, a whole "
            f"number from 1 to {_MOST_AT_WORK}, not {concurrency!r}"
        )
    return {
        "attempts": attempts,
        "timeout": float(timeout),
        "backoff": _backoff(label, backoff),
        "no_retry": _no_retry(label, no_retry),
        "in_order": in_order,
        "concurrency": concurrency,
    }


def _backoff(label: str, backoff: Any) -> Backoff | None:
    if backoff is None:
        return None
    if callable(backoff):
        _check_takes_a_number(label, backoff)
        return backoff  # type: ignore[no-any-return]
    if not isinstance(backoff, Sequence) or isinstance(backoff, str | bytes) or not backoff:
        raise InvalidHandler(
            f"{label}: backoff is a list of waits such as [5, 60, 600], or a function that takes "
            f"the number of the attempt that failed, not {backoff!r}"
        )
    try:
        return tuple(map(as_wait, backoff))
    except ValueError as error:
        raise InvalidHandler(f"{label}: backoff: {error}") from None


def _check_takes_a_number(label: str, function: Any) -> None:
    try:
        inspect.signature(function).bind(1)
    except TypeError as error:
        raise InvalidHandler(
            f"{label}: backoff is called with the number of the attempt that failed: {error}"
        ) from error
    except ValueError:  # some functions written in C do not say what they take
        return


def _no_retry(label: str, no_retry: Any) -> tuple[type[Exception], ...]:
    errors = no_retry if isinstance(no_retry, tuple | list) else (no_retry,)
    for error in errors:
        if not isinstance(error, type) or not issubclass(error, Exception):
            raise InvalidHandler(
                f"{label}: no_retry takes exception classes, as in no_retry=(ValueError,), "
                f"not {error!r}"
            )
    return tuple(errors)
