"""The version of the ledger's layout: a program writes only into a ledger of its own version.

Every script sees to that: see `version.lua`. Programs look before they begin, so that they can say
so at once.
"""

import re
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from bellhop.errors import WrongVersion
from bellhop.ledger import keys

VERSION = 2
"""What this program reads and writes."""

_FIRST = 1

_WRONG = re.compile(r"WRONGVERSION (\d+)")


def read_version(redis: Redis) -> int | None:
    """Return the version of the ledger, or `None` if it holds nothing yet. Raises `RedisError`."""
    asked: Any = redis.pipeline(transaction=False)
    asked.get(keys.VERSION)
    asked.exists(keys.ORDER)
    asked.exists(keys.SUBSCRIPTIONS, keys.SETS, keys.UNROUTED)
    stored, has_events, has_subscriptions = asked.execute(raise_on_error=False)
    if isinstance(stored, bytes) and stored.isdigit():
        return int(stored)
    if has_subscriptions:
        return VERSION
    return _FIRST if has_events else None


def require_version(redis: Redis) -> None:
    """Raise `WrongVersion` if the ledger is not of this program's version; else `RedisError`."""
    found = read_version(redis)
    if found not in (None, VERSION):
        raise WrongVersion(found, VERSION)


def version_error(error: RedisError) -> Exception:
    """Return what an error of a script means: `WrongVersion`, or the error itself."""
    found = _WRONG.match(str(error))
    return WrongVersion(int(found[1]), VERSION) if found else error
