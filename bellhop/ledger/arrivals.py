"""Events as they arrive."""

from datetime import timedelta
from typing import Any

from bellhop.ledger import keys
from bellhop.ledger.record import Record
from bellhop.ledger.recorded import Recorded

_AT_A_TIME = 200


class Arrivals:
    """The events that are accepted from now on, in order. Raises `RedisError`.

    What arrives while nobody looks, or while Redis is away, comes with the next look.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._seen = self._last()

    def next(self, wait: timedelta) -> list[Recorded]:
        """Return what has arrived since the last look; wait so long if there is nothing."""
        answer: Any = self._record.redis.xread(
            {keys.LOG: self._seen}, count=_AT_A_TIME, block=wait // timedelta(milliseconds=1)
        )
        if not answer:
            return []
        [(_, entries)] = answer
        named = [
            fields[b"event"].decode(errors="replace") for _, fields in entries if b"event" in fields
        ]
        found = [self._record.get(event_id) for event_id in named]
        self._seen = entries[-1][0].decode()
        return [event for event in found if event]

    def begin_anew_if_emptied(self) -> None:
        """Go back to the first event if Redis lost those before, as one without a disk does."""
        if _order(self._last()) < _order(self._seen):
            self._seen = "0-0"

    def _last(self) -> str:
        found: Any = self._record.redis.xrevrange(keys.LOG, count=1)
        return found[0][0].decode() if found else "0-0"


def _order(place: str) -> int:
    return int(place.partition("-")[0])
