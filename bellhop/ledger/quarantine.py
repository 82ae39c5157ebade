"""What could not be read as an event: looked at, released, or thrown away."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from redis import Redis

from bellhop.ledger import keys
from bellhop.ledger.names import readable
from bellhop.vault import NO_KEYS, Damaged, Kind, Vault


@dataclass(frozen=True, slots=True)
class Kept:
    """A signed body in quarantine. `problems` and `headers` hold no secrets; `body` may.

    `told`: the id of the call of hooks about it, if there was one.
    """

    delivery_id: str
    received_at: datetime
    body: bytes = field(repr=False)
    problems: tuple[str, ...]
    headers: Mapping[str, str]
    told: str = ""

    @classmethod
    def read(cls, delivery_id: str, fields: Mapping[bytes, bytes], vault: Vault) -> "Kept":
        """Return the one whose hash in Redis has these fields. Raises `Sealed`."""
        problems = tuple(fields[b"problems"].decode().split("\n"))
        try:
            body = vault.open(fields[b"body"], Kind.QUARANTINED, delivery_id)
        except Damaged as error:  # it can be dropped, and hides no other
            body, problems = b"", (str(error),)
        return cls(
            delivery_id,
            datetime.fromtimestamp(int(fields[b"received"]) / 1000, UTC),
            body,
            problems,
            json.loads(fields.get(b"headers", b"{}")),
            fields.get(b"told", b"").decode(),
        )


class Quarantine:
    """The bodies in quarantine, newest first when iterated.

    Raises `RedisError` and `Sealed`.
    """

    def __init__(self, redis: Redis, vault: Vault = NO_KEYS) -> None:
        self.redis = redis
        self._vault = vault

    def __len__(self) -> int:
        count: Any = self.redis.zcard(keys.QUARANTINE)
        return int(count)

    def __iter__(self) -> Iterator[Kept]:
        # The names first: what is taken out meanwhile must not make it skip others.
        for name in self._names(newest_first=True):
            if kept := self.get(name):
                yield kept

    def oldest_first(self) -> Iterator[Kept]:
        """Return them in the order in which they came."""
        for name in self._names(newest_first=False):
            if kept := self.get(name):
                yield kept

    def get(self, delivery_id: str) -> Kept | None:
        """Return the one that this delivery brought."""
        fields: Any = self.redis.hgetall(keys.quarantined(delivery_id))
        return Kept.read(delivery_id, fields, self._vault) if fields else None

    def ids_beginning(self, start: str) -> list[str]:
        """Return the ids of deliveries that begin so."""
        return [name for name in self._names(newest_first=True) if name.startswith(start)]

    def drop(self, delivery_id: str) -> bool:
        """Throw one away, and return whether it was there."""
        with self.redis.pipeline() as both:
            both.zrem(keys.QUARANTINE, delivery_id)
            both.delete(keys.quarantined(delivery_id))
            return bool(both.execute()[0])

    def _names(self, *, newest_first: bool) -> list[str]:
        names: Any = self.redis.zrange(keys.QUARANTINE, 0, -1, desc=newest_first)
        return list(readable(names))
