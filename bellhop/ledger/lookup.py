"""Ids on record, found by their first characters. It goes through all keys, if it may.

The Redis user that Bellhop needs may not SCAN, since that tells the names of all keys, others' too.
A whole id is found without.
"""

from collections.abc import Iterator

from redis import Redis
from redis.exceptions import NoPermissionError

from bellhop.errors import BellhopError
from bellhop.ledger import keys
from bellhop.ledger.names import readable

_AT_A_TIME = 5_000


class WholeIdNeeded(BellhopError):
    """There is no such id, and those that begin so cannot be looked for."""


def event_ids(redis: Redis, start: str) -> Iterator[str]:
    """Yield the ids of events that begin so. Raises `RedisError` and `WholeIdNeeded`."""
    return _ends(redis, keys.event(""), start)


def ids(redis: Redis, field: str, start: str) -> Iterator[str]:
    """Yield the ids under `field`, such as `device_id`, that begin so. Raises the same."""
    return _ends(redis, keys.index(field, ""), start)


def _ends(redis: Redis, place: str, start: str) -> Iterator[str]:
    if redis.exists(f"{place}{start}"):
        yield start
        return
    try:
        found = redis.scan_iter(match=keys.glob(f"{place}{start}"), count=_AT_A_TIME)
        for key in readable(found):
            yield key.removeprefix(place)
    except NoPermissionError:
        raise WholeIdNeeded(
            f"{start}: there is no such id on record, and this Redis user may not look for those "
            "that begin so (SCAN); give the whole id"
        ) from None
