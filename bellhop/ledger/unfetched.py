"""What is yet to be fetched from Seam's API, and what came of it.

Each action attempt that an event told about is asked for until the answer says how it ended. One
sorted set is queue, leases and retries in one: an attempt is in it until that is over, with the
time from which on it may be taken. What was fetched stays as long as events do, sealed as they are.
"""

from datetime import timedelta

from bellhop.ledger import keys
from bellhop.ledger.entries import FetchTask
from bellhop.ledger.ledger import Ledger
from bellhop.vault import Kind


class Unfetched:
    """The attempts to ask about, for any number of fetchers. Raises `RedisError`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def take(self, lease: timedelta) -> FetchTask | float | None:
        """Return the next one, see `Ledger.fetch`."""
        return self._ledger.fetch(lease)

    def store(self, action_attempt_id: str, body: bytes) -> None:
        """Keep what the API said of an attempt that has ended, as JSON."""
        self._end(action_attempt_id, "body", body, Kind.FETCHED)

    def give_up(self, action_attempt_id: str, reason: str) -> None:
        """Have it asked for no more, with the reason on record."""
        self._end(action_attempt_id, "given_up", reason.encode(), Kind.GIVEN_UP)

    def try_later(self, action_attempt_id: str, wait: timedelta) -> None:
        """Have it asked for again after that time, unless it is done with."""
        seconds, microseconds = self._ledger.redis.time()
        due = seconds * 1000 + microseconds // 1000 + wait // timedelta(milliseconds=1)
        self._ledger.redis.zadd(keys.UNFETCHED, {action_attempt_id: due}, xx=True)

    def _end(self, action_attempt_id: str, field: str, value: bytes, kind: Kind) -> None:
        sealed = self._ledger.vault.seal(value, kind, action_attempt_id)
        with self._ledger.redis.pipeline() as all_or_nothing:
            all_or_nothing.hset(keys.attempt(action_attempt_id), field, sealed)
            all_or_nothing.pexpire(keys.attempt(action_attempt_id), self._ledger.retention)
            all_or_nothing.zrem(keys.UNFETCHED, action_attempt_id)
            all_or_nothing.execute()
