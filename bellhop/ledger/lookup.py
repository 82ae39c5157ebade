"""Ids on record, found by their first characters. It goes through all keys."""

import re
from collections.abc import Iterator

from redis import Redis

from bellhop.ledger import keys

_AT_A_TIME = 5_000
_SPECIAL = re.compile(r"[][*?\\]")


def event_ids(redis: Redis, start: str) -> Iterator[str]:
    """Yield the ids of events that begin so. Raises `RedisError`."""
    return _ends(redis, keys.event(""), start)


def ids(redis: Redis, field: str, start: str) -> Iterator[str]:
    """Yield the ids under `field`, such as `device_id`, that begin so. Raises `RedisError`."""
    return _ends(redis, keys.index(field, ""), start)


def _ends(redis: Redis, place: str, start: str) -> Iterator[str]:
    pattern = _SPECIAL.sub(r"\\\g<0>", f"{place}{start}")
    for key in redis.scan_iter(match=f"{pattern}*", count=_AT_A_TIME):
        yield key.decode().removeprefix(place)
