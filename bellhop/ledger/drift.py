"""Where events differed from Seam's schema, and how often."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis import Redis

from bellhop.events import Drift
from bellhop.ledger import keys


@dataclass(frozen=True, slots=True)
class SeenDrift:
    """A difference, how many events had it, and when the first and the last of them came."""

    drift: Drift
    count: int
    first_seen: datetime
    last_seen: datetime


class DriftReport:
    """What was counted of drift: the 1,000 kinds that were seen last. Raises `RedisError`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def __len__(self) -> int:
        count: Any = self._redis.zcard(keys.DRIFT)
        return int(count)

    def read(self) -> list[SeenDrift]:
        """Return all of it, sorted by event type and field."""
        names: Any = self._redis.zrange(keys.DRIFT, 0, -1, withscores=True)
        with self._redis.pipeline(transaction=False) as pipeline:
            for name, _ in names:
                pipeline.hgetall(keys.drift(name.decode()))
            found = pipeline.execute()
        seen = [
            _read(fields, last)
            for (_, last), fields in zip(names, found, strict=True)
            if b"count" in fields
        ]
        return sorted(seen, key=lambda one: (one.drift.event_type, one.drift.field, one.drift.kind))

    def forget(self) -> int:
        """Forget all of it, so that each kind is counted and logged again; return how many."""
        names: Any = self._redis.zrange(keys.DRIFT, 0, -1)
        with self._redis.pipeline() as both:
            for name in names:
                both.delete(keys.drift(name.decode()))
                both.zrem(keys.DRIFT, name)
            both.execute()
        return len(names)


def _read(fields: dict[bytes, bytes], last: float) -> SeenDrift:
    kind: Any = fields[b"kind"].decode()
    return SeenDrift(
        Drift(
            fields[b"type"].decode(),
            fields[b"field"].decode(),
            kind,
            fields[b"example"].decode() or None,
        ),
        int(fields[b"count"]),
        _time(int(fields[b"first"])),
        _time(last),
    )


def _time(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
