"""Whether the clock of the Redis server jumped, by our own, which never does."""

import time
from collections.abc import Callable
from typing import NamedTuple

from redis import Redis

_JUMPED = 5_000
"""Milliseconds by which the clocks go apart between two looks that are a jump, and no drift."""


class _Look(NamedTuple):
    """A time of the server (ms), and when it was asked and told on our own clock (s)."""

    server_ms: int
    asked: float
    told: float


class ServerClock:
    """The server's clock, looked at now and then. `clock`: seconds of our own."""

    def __init__(self, redis: Redis, clock: Callable[[], float] | None = None) -> None:
        self._redis = redis
        self._clock = clock or _boot_time
        self._last: _Look | None = None
        self._now: _Look | None = None

    def jumped_ms(self) -> int:
        """Return by how much the server's clock jumped since it was last believed. 0: it did not.

        However long the answer took, or a machine slept, that is no jump. Raises `RedisError`.
        """
        asked = self._clock()
        seconds, microseconds = self._redis.time()
        self._now = now = _Look(seconds * 1000 + microseconds // 1000, asked, self._clock())
        if not (last := self._last):
            return 0
        went = now.server_ms - last.server_ms
        least, most = (now.asked - last.told) * 1000, (now.told - last.asked) * 1000
        jumped = went - max(least, min(went, most))
        return round(jumped) if abs(jumped) > _JUMPED else 0

    def believe(self) -> None:
        """Count from what was looked at last: it was made up for."""
        self._last = self._now


def _boot_time() -> float:
    """Return seconds that go on while the machine sleeps, as the server's clock does."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
