"""How the ledger is doing, in a few numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis import Redis

from bellhop.ledger import keys
from bellhop.ledger.entries import About

_LOOKED_AT = 100
"""Mailboxes whose first entry is looked at: those that wait longest are in front."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The ledger at one moment of the server's clock. Times are aware."""

    now: datetime
    swept_at: datetime | None
    """When a foreman looked after it last."""
    mailboxes_ready: int
    shifts: int
    oldest_mail: datetime | None
    """When the event came that waits longest to be begun, or is being handled.

    Of one that is tried again that says nothing: it came hours ago, perhaps, and waits since now.
    """
    retries: int
    oldest_due: datetime | None
    """When the retry was due, or will be, that comes first."""
    dead: int
    quarantined: int
    drift: int
    oldest_dead: datetime | None = None
    """When the handler gave up that did so first, of the dead letters that are left."""
    oldest_quarantined: datetime | None = None


def read_condition(redis: Redis) -> Condition:
    """Ask the ledger how it is doing. Raises `RedisError`; costs some hundred quick commands."""
    seconds, microseconds = redis.time()
    numbers: Any = redis.pipeline(transaction=False)
    for name in (keys.READY, keys.CAREFUL):
        numbers.llen(name)
    for name in (keys.SHIFTS, keys.DUE, keys.DEAD, keys.QUARANTINE, keys.DRIFT):
        numbers.zcard(name)
    numbers.get(keys.SWEPT)
    for name in (keys.DUE, keys.DEAD, keys.QUARANTINE):
        numbers.zrange(name, 0, 0, withscores=True)
    ready, careful, shifts, due, dead, quarantined, drift, swept, *first = numbers.execute()
    first_due, first_dead, first_quarantined = map(_score, first)
    return Condition(
        now=_time(seconds * 1000 + microseconds // 1000),
        swept_at=_time(int(swept)) if swept else None,
        mailboxes_ready=ready + careful,
        shifts=shifts,
        oldest_mail=_oldest_mail(redis),
        retries=due,
        oldest_due=first_due,
        dead=dead,
        quarantined=quarantined,
        drift=drift,
        oldest_dead=first_dead,
        oldest_quarantined=first_quarantined,
    )


def _score(first: Sequence[tuple[bytes, float]]) -> datetime | None:
    return _time(int(first[0][1])) if first else None


def _oldest_mail(redis: Redis) -> datetime | None:
    asked: Any = redis.pipeline(transaction=False)
    for mailbox in _mailboxes(redis):
        asked.lindex(keys.mail(mailbox), 0)
    first = [entry.decode() for entry in asked.execute() if entry]
    for event_id in [entry for entry in first if " " not in entry]:  # the others are retries
        asked.hget(keys.event(event_id), "about")
    times = [About.read(about).received_ms for about in asked.execute() if about]
    return _time(min(times)) if times else None


def _mailboxes(redis: Redis) -> Iterator[str]:
    """Yield mailboxes with mail, those first that wait longest."""
    for name in (keys.CAREFUL, keys.READY):
        waiting: Any = redis.lrange(name, 0, _LOOKED_AT - 1)
        yield from map(bytes.decode, waiting)
    shifts: Any = redis.zrange(keys.SHIFTS, 0, _LOOKED_AT - 1)
    for shift in shifts:
        held: Any = redis.hkeys(keys.held(shift.decode()))
        yield from map(bytes.decode, held[:_LOOKED_AT])


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
