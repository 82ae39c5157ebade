"""What the ledger says in the end, and whether it is the end."""

import math
import time
from collections.abc import Iterable
from typing import Any

from redis import Redis

from bellhop.ledger import Quarantine, keys, read_subscriptions
from bellhop.ledger.stored_record import read_stored
from tests.soak.history import Record, Written

_AT_A_TIME = 1000


def is_empty(redis: Redis) -> bool:
    """Say whether no mail waits, no worker holds any, and no retry is due some day.

    All is read in one moment: mail moves from one to the other.
    """
    handlers: Any = redis.hkeys(keys.SUBSCRIPTIONS)
    with redis.pipeline(transaction=True) as pipeline:
        for handler in handlers:
            pipeline.llen(keys.ready(handler.decode()))
            pipeline.llen(keys.suspects(handler.decode()))
        pipeline.zcard(keys.LEASES)
        pipeline.zcard(keys.DUE)
        pipeline.llen(keys.UNROUTED)
        return not any(pipeline.execute())


def read_records(redis: Redis) -> dict[str, Record]:
    """Return what the ledger says of every event that it accepted."""
    records: dict[str, Record] = {}
    last = "-"
    while True:
        entries: Any = redis.xrange(keys.LOG, min=last, max="+", count=_AT_A_TIME)
        if not entries:
            return records
        last = f"({entries[-1][0].decode()}"
        names = [fields[b"event"].decode() for _, fields in entries]
        with redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.hgetall(keys.event(name))
            for name, fields in zip(names, pipeline.execute(), strict=True):
                records[name] = _record(len(records), fields)


def read_since(redis: Redis, handlers: Iterable[str]) -> dict[str, float]:
    """Return since when handlers are subscribed, on the monotonic clock; never, if they are not."""
    offset = time.time() - time.monotonic()
    known = {one.name: one.since.timestamp() - offset for one in read_subscriptions(redis)}
    return {name: known.get(name, math.inf) for name in handlers}


def have_workers(redis: Redis, handlers: Iterable[str]) -> bool:
    """Say whether each of these handlers is subscribed, and a worker has it."""
    had = {one.name for one in read_subscriptions(redis) if one.workers}
    return had >= set(handlers)


def read_quarantine(redis: Redis) -> frozenset[str]:
    """Return the svix-ids of what is in quarantine."""
    return frozenset(kept.delivery_id for kept in Quarantine(redis))


def _record(place: int, fields: dict[bytes, bytes]) -> Record:
    handlers = {}
    for name, value in fields.items():
        if name.startswith(b"h:"):
            read = read_stored(value)
            handlers[name[2:].decode()] = Written(read["state"], read.get("error") or "")
    return Record(place, fields.get(b"state", b"gone").decode(), handlers)
