"""A ledger that hears of action attempts."""

import asyncio
from datetime import timedelta

from redis import Redis

from bellhop.connections import connect_async
from bellhop.events import parse
from bellhop.ledger import Arrival, AsyncAttempts, Attempts, Ledger, RecordedAttempt
from bellhop.vault import Vault
from tests.bellhop.bodies import of_type

UNLOCKED = "action_attempt.unlock_door.succeeded"
FAILED = "action_attempt.unlock_door.failed"


class Told:
    """A ledger that hears of attempts, and both ways to read them, which must agree."""

    def __init__(self, redis: Redis, url: str, vault: Vault) -> None:
        self.redis = redis
        self.vault = vault
        self._url = url
        self._ledger = Ledger(redis, timedelta(days=14), vault)
        self._numbers = iter(range(1, 10_000))

    def hear(self, event_type: str = UNLOCKED, /, **fields: object) -> None:
        """Accept an event of attempt `a1` at device `d1`, if not said otherwise."""
        about = {"event_id": f"e{next(self._numbers)}", "action_attempt_id": "a1"}
        event = parse(of_type(event_type, **{**about, "device_id": "d1", **fields}))
        self._ledger.accept([Arrival.of(f"msg_{event.event.event_id}", event)])

    def get(self, action_attempt_id: str = "a1") -> RecordedAttempt | None:
        async def read() -> RecordedAttempt | None:
            async with connect_async(self._url) as redis:
                return await AsyncAttempts(redis, self.vault).get(action_attempt_id)

        found = Attempts(self.redis, self.vault).get(action_attempt_id)
        assert asyncio.run(read()) == found
        return found

    def list(self, **filters: object) -> list[str]:
        """Return the ids of those that are listed."""

        async def read() -> list[RecordedAttempt]:
            async with connect_async(self._url) as redis:
                return await AsyncAttempts(redis, self.vault).list(**filters)  # type: ignore[arg-type]

        found = Attempts(self.redis, self.vault).list(**filters)  # type: ignore[arg-type]
        assert asyncio.run(read()) == found
        return [one.attempt.action_attempt_id for one in found]
