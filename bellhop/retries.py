"""When a failed handler is tried again."""

from datetime import timedelta

ATTEMPTS = 20
"""How often a handler is tried unless it says otherwise: with `backoff`, for about half a day."""


def backoff(attempt: int, *, jitter: float) -> timedelta:
    """Return how long to wait before attempt number `attempt` + 1.

    Doubles from 5 s up to 1 h: a lock that is offline for a night is tried about 20 times.
    `jitter` in [0, 1) spreads the retries of a burst over the last quarter of the wait.
    """
    wait = min(5 * 2 ** min(attempt - 1, 10), 3600)
    return timedelta(seconds=wait * (1 - jitter / 4))
