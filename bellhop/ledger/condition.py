"""How the ledger is doing, in a few numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis

from bellhop.ledger import keys
from bellhop.ledger.entries import About
from bellhop.ledger.names import readable

_LOOKED_AT = 100
"""Mailboxes whose first entry is looked at: those that wait longest are in front."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The ledger at one moment of the server's clock. Times are aware."""

    now: datetime
    swept_at: datetime | None
    """When a foreman looked after it last."""
    mailboxes_ready: int
    unrouted: int
    """Events that came before any worker did, and wait for one."""
    oldest_mail: datetime | None
    """When the event came that waits longest to be begun, or is being handled.

    What waits for a paused handler does not count. Of one that is tried again that says nothing:
    it came hours ago, perhaps, and waits since now.
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
    oldest_unrouted: datetime | None = None


def read_condition(redis: Redis) -> Condition:
    """Ask the ledger how it is doing. Raises `RedisError`; costs some hundred quick commands."""
    seconds, microseconds = redis.time()
    handlers = _handlers(redis)
    numbers: Any = redis.pipeline(transaction=False)
    for handler in handlers:
        numbers.llen(keys.suspects(handler))
        numbers.llen(keys.ready(handler))
    lengths = numbers.execute()
    numbers.llen(keys.UNROUTED)
    for name in (keys.DUE, keys.DEAD, keys.QUARANTINE, keys.DRIFT):
        numbers.zcard(name)
    numbers.get(keys.SWEPT)
    numbers.get(keys.PUT_OFF)
    numbers.lindex(keys.UNROUTED, 0)
    numbers.smembers(keys.PAUSED)
    for name in (keys.DUE, keys.DEAD, keys.QUARANTINE):
        numbers.zrange(name, 0, 0, withscores=True)
    unrouted, due, dead, quarantined, drift, swept, put_off, waits, paused, *first = (
        numbers.execute()
    )
    first_due, first_dead, first_quarantined = map(_score, first)
    return Condition(
        now=_time(seconds * 1000 + microseconds // 1000),
        swept_at=_time(at) if (at := _number(swept)) else None,
        mailboxes_ready=sum(lengths),
        unrouted=unrouted,
        oldest_mail=_oldest_mail(redis, [one for one in handlers if one.encode() not in paused]),
        retries=due,
        oldest_due=first_due and first_due + timedelta(milliseconds=_number(put_off) or 0),
        dead=dead,
        quarantined=quarantined,
        drift=drift,
        oldest_dead=first_dead,
        oldest_quarantined=first_quarantined,
        oldest_unrouted=next((_received_at(redis, one) for one in readable([waits])), None),
    )


def read_oldest_mail(redis: Redis, handler: str) -> datetime | None:
    """Return when the event came that waits longest of those of a handler that nobody holds.

    Only the first mailboxes are looked at. Raises `RedisError`.
    """
    asked: Any = redis.pipeline(transaction=False)
    for name in (keys.suspects(handler), keys.ready(handler)):
        asked.lrange(name, 0, _LOOKED_AT - 1)
    suspects, ready = asked.execute()
    for mailbox in readable((*suspects, *ready)):
        asked.lindex(keys.mail(handler, mailbox), 0)
    times = [_received_at(redis, event_id) for event_id in readable(asked.execute())]
    return min(times, default=None)


def _received_at(redis: Redis, event_id: str) -> datetime:
    about: Any = redis.hget(keys.event(event_id), "about")
    return _time(About.read(about).received_ms)


def _handlers(redis: Redis) -> list[str]:
    names: Any = redis.hkeys(keys.SUBSCRIPTIONS)
    return list(readable(names))


def _number(stored: bytes | None) -> int | None:
    """Return a number that is stored, or `None` if there is none."""
    try:
        return int(stored or b"")
    except ValueError:
        return None


def _score(first: Sequence[tuple[bytes, float]]) -> datetime | None:
    return _time(int(first[0][1])) if first else None


def _oldest_mail(redis: Redis, handlers: Sequence[str]) -> datetime | None:
    asked: Any = redis.pipeline(transaction=False)
    asked.lindex(keys.UNROUTED, 0)
    mailboxes = list(_mailboxes(redis, handlers))
    for handler, mailbox in mailboxes:
        asked.lindex(keys.mail(handler, mailbox), 0)
    unrouted, *first = asked.execute()
    waiting = [("no such handler", unrouted)]
    waiting += [(handler, one) for (handler, _), one in zip(mailboxes, first, strict=True)]
    for handler, one in waiting:
        for event_id in readable([one]):
            asked.hmget(keys.event(event_id), "about", f"h:{handler}")
    # What has a record was tried before.
    abouts = [About.read(about) for about, record in asked.execute() if about and not record]
    times = [about.received_ms for about in abouts if about.received_ms]
    return _time(min(times)) if times else None


def _mailboxes(redis: Redis, handlers: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield handlers and mailboxes with mail, those first that wait longest."""
    for handler in handlers:
        for name in (keys.suspects(handler), keys.ready(handler)):
            waiting: Any = redis.lrange(name, 0, _LOOKED_AT - 1)
            yield from ((handler, mailbox) for mailbox in readable(waiting))
    workers: Any = redis.zrange(keys.LEASES, 0, _LOOKED_AT - 1)
    for worker in readable(workers):
        held: Any = redis.hkeys(keys.held(worker))
        for handler_mailbox in readable(held[:_LOOKED_AT]):
            handler, _, mailbox = handler_mailbox.partition(" ")
            yield handler, mailbox


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
