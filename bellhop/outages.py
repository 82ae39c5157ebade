"""Outages of Redis: told once when one begins and once when it is over, and waited out."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from redis.exceptions import RedisError

from bellhop.connections import is_outage, reason

T = TypeVar("T")

_SHORTEST_WAIT = 0.1
_LONGEST_WAIT = 2.0
_QUIET = 10.0
"""Seconds after an outage in which a new one is not told: a server whose memory is just about full
would otherwise fill the log."""


class Outages:
    """What one process tells of Redis being away: one line for each outage, one for its end.

    `log`: a structlog logger. `begins`: what the first line says. `now` returns seconds.
    """

    def __init__(self, log: Any, begins: str, now: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._begins = begins
        self._now = now
        self._since: float | None = None
        self._told = False
        self._quiet_until = float("-inf")

    def failed(self, error: RedisError) -> None:
        """Take note that Redis could not do what it was asked."""
        if self._since is None:
            self._since = self._now()
        if not self._told and self._now() >= self._quiet_until:
            self._told = True
            self._log.error(self._begins, error=reason(error))

    def succeeded(self) -> None:
        """Take note that Redis did it."""
        if self._since is None:
            return
        if self._told:
            self._log.warning("Redis is back", after=f"{self._now() - self._since:.1f}s")
            self._quiet_until = self._now() + _QUIET
        self._since, self._told = None, False


def wait_out(
    call: Callable[[], T],
    outages: Outages,
    *,
    give_up: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Call again and again while Redis is away, and return what it answers at last.

    The call must be safe to repeat. Raises what is no outage, and the outage itself if `give_up`
    says so after a try.
    """
    wait = 0.0
    while True:
        try:
            answer = call()
        except RedisError as error:
            if not is_outage(error):
                raise
            outages.failed(error)
            if give_up():
                raise
            wait = min(max(_SHORTEST_WAIT, wait * 2), _LONGEST_WAIT)
            sleep(wait)
        else:
            if wait:
                outages.succeeded()
            return answer
