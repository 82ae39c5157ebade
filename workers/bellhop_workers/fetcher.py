"""The fetcher: asks Seam's API what events do not say of action attempts, result and error.

A process of its own beside the workers, so that neither they nor the foreman ever wait for Seam.
Any number may run side by side: the ledger gives each attempt to one of them.

1. An attempt that an event told about is asked for at once; what has ended is stored.
2. One that is still pending, or that Seam cannot tell now, is asked for again after 5 s, 10 s, 20 s
   … up to 1 h, 20 times in all.
3. What Seam refuses (it knows no such attempt, or not our key) is given up, with the reason on
   record.
"""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol

from bellhop.attempts import ActionAttempt
from bellhop.connections import connect
from bellhop.ledger import FetchTask, Ledger, Unfetched, keys
from bellhop.logs import get_logger
from bellhop.outages import Outages, wait_out
from bellhop.retries import ATTEMPTS, backoff
from bellhop.sdk import ApiAway, ApiRefuses, SeamApi
from bellhop.settings import Settings

FETCH_LEASE = timedelta(minutes=1)
"""How long an attempt is one fetcher's: longer than Seam's API is waited for."""

_LONGEST_PAUSE = 2.0

_log = get_logger("fetcher")


class Api(Protocol):
    """What says how an action attempt went."""

    def action_attempt(self, action_attempt_id: str) -> tuple[ActionAttempt, bytes]:
        """Return it, read and as JSON. Raises `ApiAway` and `ApiRefuses`."""


class Fetcher:
    """Fetches one attempt after the other."""

    def __init__(self, ledger: Ledger, api: Api) -> None:
        self._redis = ledger.redis
        self._unfetched = Unfetched(ledger)
        self._api = api
        self._outages = Outages(_log, "Redis is away; waiting for it")
        self._away = False
        self._refused: set[str] = set()

    def run(self) -> None:
        """Fetch for ever. To be ended by a signal: what is in hand is fetched again later."""
        while True:
            self.fetch_next(lambda last, pause: self._await_event(last, pause))

    def fetch_next(self, pause: Callable[[str, float], None]) -> None:
        """Fetch one, or pause until there may be one."""
        last = self._patiently(self._last_told)
        task = self._patiently(lambda: self._unfetched.take(FETCH_LEASE))
        if isinstance(task, FetchTask):
            self._fetch(task)
        else:
            pause(last, _LONGEST_PAUSE if task is None else min(task, _LONGEST_PAUSE))

    def _fetch(self, task: FetchTask) -> None:
        name = task.action_attempt_id
        try:
            attempt, body = self._api.action_attempt(name)
        except ApiRefuses as error:
            self._give_up(name, str(error), told_before=error.status in (401, 403))
        except ApiAway as error:
            if not self._away:
                _log.warning("Seam's API is away; asking again later", error=str(error))
            self._away = True
            self._later(task, str(error))
        except Exception as error:  # one answer that nobody expected must not end them all
            _log.exception("cannot fetch an action attempt", action_attempt=name)
            self._later(task, type(error).__name__)
        else:
            if self._away:
                _log.info("Seam's API is back")
            self._away = False
            if attempt.is_pending or attempt.status is None:
                self._later(task, "it is still pending")
            else:
                self._patiently(lambda: self._unfetched.store(name, body))

    def _later(self, task: FetchTask, reason: str) -> None:
        if task.times >= ATTEMPTS:
            self._give_up(task.action_attempt_id, reason)
            return
        wait = backoff(task.times, jitter=random.random())
        self._patiently(lambda: self._unfetched.try_later(task.action_attempt_id, wait))

    def _give_up(self, name: str, reason: str, *, told_before: bool = False) -> None:
        """Give one up. What holds for all of them is logged only once."""
        if not told_before or reason not in self._refused:
            _log.error("an action attempt is not fetched", action_attempt=name, reason=reason)
        if told_before:
            self._refused.add(reason)
        self._patiently(lambda: self._unfetched.give_up(name, reason))

    def _last_told(self) -> str:
        newest: Any = self._redis.xrevrange(keys.ATTEMPTS, count=1)
        return newest[0][0].decode() if newest else "0-0"

    def _await_event(self, last: str, seconds: float) -> None:
        """Wait until an event tells of an attempt, beyond the last entry known."""
        wait_ms = max(1, round(seconds * 1000))
        self._patiently(lambda: self._redis.xread({keys.ATTEMPTS: last}, count=1, block=wait_ms))

    def _patiently(self, call: Callable[[], Any]) -> Any:
        return wait_out(call, self._outages)


def run_fetcher(settings: Settings, redis_url: str, _name: str) -> None:
    """Be the fetcher of a pool, until a signal."""
    ledger = Ledger(connect(redis_url), settings.retention, settings.vault)
    Fetcher(ledger, SeamApi(settings)).run()
