"""What Svix said that somebody has to act on."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis import Redis

from bellhop.ledger import keys

MOST_ALARMS = 100


@dataclass(frozen=True, slots=True)
class Alarm:
    """The type of Svix's message, the endpoint that it is about, and when the last one was sent."""

    type: str
    endpoint: str
    at: datetime


def read_alarms(redis: Redis) -> list[Alarm]:
    """Return those that are not over, the latest first. Raises `RedisError`."""
    found: Any = redis.zrange(keys.ALARMS, 0, -1, desc=True, withscores=True)
    alarms = []
    for name, at in found:
        kind, _, endpoint = name.decode(errors="replace").partition(" ")
        alarms.append(Alarm(kind, endpoint, datetime.fromtimestamp(at, UTC)))
    return alarms
