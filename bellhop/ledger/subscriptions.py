"""Subscriptions: which handlers the ledger knows, who has them, and what waits for them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json
from redis import Redis

from bellhop.durations import WORKER_GONE_AFTER
from bellhop.hooks import Hook
from bellhop.ledger import keys
from bellhop.ledger.names import readable


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A handler that is subscribed.

    `workers`: those alive that have it. `seen_at`: when a live worker last had it. `mailboxes`: how
    many of it are ready to be claimed. `limit`: how many of them may be at work at a time. `hook`:
    which of them it is, if it is one; then it has no patterns of types of events.
    """

    name: str
    patterns: Sequence[str]
    since: datetime
    seen_at: datetime
    workers: Sequence[str]
    mailboxes: int
    paused: bool
    limit: int | None
    hook: Hook | None = None


def read_subscriptions(redis: Redis) -> list[Subscribed]:
    """Return all subscriptions, by name. Raises `RedisError`."""
    asked: Any = redis.pipeline(transaction=False)
    asked.hgetall(keys.SUBSCRIPTIONS)
    asked.zrange(keys.SEEN, 0, -1, withscores=True)
    asked.smembers(keys.PAUSED)
    asked.hgetall(keys.LIMITS)
    asked.hgetall(keys.SETS)
    asked.hgetall(keys.WORKERS)
    stored, seen, paused, limits, sets, workers = asked.execute()
    names = sorted(readable(stored))
    for name in names:
        asked.llen(keys.ready(name))
        asked.llen(keys.suspects(name))
    lengths = asked.execute()
    mailboxes = [
        ready + suspects for ready, suspects in zip(lengths[::2], lengths[1::2], strict=True)
    ]
    alive = set(workers_alive(redis))
    having: defaultdict[str, list[str]] = defaultdict(list)
    for worker in readable(workers):
        if worker in alive:
            for name in readable(sets.get(workers[worker.encode()], b"").split()):
                having[name].append(worker)
    seen_at = dict(seen)
    found = []
    for name, waiting in zip(names, mailboxes, strict=True):
        patterns, hook, since = _told(stored[name.encode()])
        limit = limits.get(name.encode())
        found.append(
            Subscribed(
                name,
                patterns,
                since,
                _time(at) if (at := seen_at.get(name.encode())) else since,
                tuple(sorted(having[name])),
                waiting,
                name.encode() in paused,
                int(limit) if limit and limit.isdigit() else None,
                hook,
            )
        )
    return found


def _told(stored: bytes) -> tuple[Sequence[str], Hook | None, datetime]:
    """Return the patterns of a subscription, or which hook it is, and since when it is.

    One that cannot be read has no patterns.
    """
    try:
        told = from_json(stored)
        patterns = tuple(map(str, told["patterns"]))
        hook = None if patterns else next((one for one in Hook if told.get(one)), None)
        return patterns, hook, _time(float(told["since"]))
    except (TypeError, ValueError, KeyError, OverflowError):
        return (), None, _time(0)


@dataclass(frozen=True, slots=True)
class LiveSet:
    """A set of handlers that workers have who are alive.

    `since`: when the first of them came. `handlers`: of each its patterns, and its limit. `only`:
    patterns of names, if the workers take no other handlers.
    """

    since: datetime
    handlers: Mapping[str, tuple[tuple[str, ...], int | None]]
    workers: Sequence[str]
    only: Sequence[str] = ()


def read_live_sets(redis: Redis) -> list[LiveSet]:
    """Return the sets of handlers of all workers that are alive, the oldest first.

    One that cannot be read is left out. Raises `RedisError`.
    """
    alive = set(workers_alive(redis))
    having: defaultdict[str, list[str]] = defaultdict(list)
    workers: Any = redis.hgetall(keys.WORKERS)
    for worker in readable(workers):
        for fingerprint in readable([workers[worker.encode()]]):
            if worker in alive:
                having[fingerprint].append(worker)
    found = []
    for fingerprint, names in having.items():
        stored: Any = redis.get(keys.handler_set(fingerprint))
        with suppress(TypeError, ValueError, KeyError, OverflowError):
            told = from_json(stored or b"")
            handlers = {
                one["name"]: (tuple(one["patterns"]), one.get("concurrency"))
                for one in told["handlers"]
            }
            only = tuple(map(str, told.get("only", ())))
            found.append(LiveSet(_time(told["since"]), handlers, tuple(sorted(names)), only))
    return sorted(found, key=lambda one: one.since)


def workers_alive(redis: Redis) -> list[str]:
    """Return the names of the workers that their pools reported lately. Raises `RedisError`."""
    seconds, _ = redis.time()
    since = (seconds - WORKER_GONE_AFTER.total_seconds()) * 1000
    alive: Any = redis.zrange(keys.ALIVE, f"({since:.0f}", "+inf", byscore=True)
    return list(readable(alive))


def handler_sets(redis: Redis) -> list[str]:
    """Return the sets of handlers that workers have. Raises `RedisError`."""
    found: Any = redis.hkeys(keys.SETS)
    return list(readable(found))


def _time(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
