"""When a failed handler is tried again."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeAlias

Wait: TypeAlias = float | timedelta
"""Seconds, or a `timedelta`."""

Backoff: TypeAlias = Sequence[Wait] | Callable[[int], Wait]
"""The waits after the first attempt, the second, …, of which the last is repeated; or a function
that takes the number of the attempt that failed, from 1."""

ATTEMPTS = 20
"""How often a handler is tried unless it says otherwise: with `backoff`, for 8 to 10 hours."""


def backoff(attempt: int, *, jitter: float) -> timedelta:
    """Return how long to wait before attempt number `attempt` + 1.

    Doubles from 5 s up to 1 h: a lock that is offline for a night is tried about 20 times.
    `jitter` in [0, 1) spreads the retries of a burst over the last quarter of the wait.
    """
    wait = min(5 * 2 ** min(attempt - 1, 10), 3600)
    return timedelta(seconds=wait * (1 - jitter / 4))


def planned_wait(plan: Backoff, attempt: int) -> timedelta:
    """Return how long a handler's own plan says to wait, to the letter: without jitter.

    Raises `ValueError` if that is no time at all, and whatever a function of the plan raises.
    """
    return as_wait(plan(attempt) if callable(plan) else plan[min(attempt, len(plan)) - 1])


def as_wait(wait: object) -> timedelta:
    """Return a wait as a `timedelta`. Raises `ValueError` for what is none, or over a year."""
    read = wait
    if isinstance(wait, int | float) and not isinstance(wait, bool) and abs(wait) <= 366 * 86400:
        read = timedelta(seconds=wait)
    if not isinstance(read, timedelta) or not timedelta() <= read <= timedelta(days=366):
        huge = isinstance(wait, int) and abs(wait) > 10**20  # Python refuses to write some of them
        got = "so large a number" if huge else repr(wait)
        raise ValueError(f"a wait is seconds or a timedelta, up to a year, not {got}")
    return timedelta(seconds=timedelta.total_seconds(read))  # a subclass may say something else
