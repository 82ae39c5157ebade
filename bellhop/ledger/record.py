"""The record: events asked for, page by page, with what each handler did about them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from operator import methodcaller
from typing import NamedTuple

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from bellhop.handler_state import HandlerState
from bellhop.ledger import keys, lookup
from bellhop.ledger.entries import About
from bellhop.ledger.handled import read_records
from bellhop.ledger.indexing import index_all
from bellhop.ledger.query import Place, Query
from bellhop.ledger.recorded import Recorded
from bellhop.ledger.steps import Steps, take, take_async
from bellhop.ledger.walk import Walk
from bellhop.patterns import Pattern
from bellhop.vault import NO_KEYS, Vault

_STRIDE = 500
"""How many places are looked at at a time, if most of them may not be what is asked for."""

_PAGE = 500

_MOST_FIELDS = 10_000
"""An event has fewer handlers than this, so that one call of HSCAN tells all."""

MOST_BYTES = 16 * 1024**2
"""Bodies that are read at a time end with the one that makes them larger than this, together."""

_Named = tuple[Place, str]


class Page(NamedTuple):
    """Events in the order asked for, and from where to go on, if there are more."""

    events: tuple[Recorded, ...]
    next: Place | None


class Record:
    """The record for callers that block. Its methods raise `RedisError`."""

    def __init__(self, redis: Redis, vault: Vault = NO_KEYS) -> None:
        self.redis = redis
        self._vault = vault

    def get(self, event_id: str) -> Recorded | None:
        """Return an event, if it is on record."""
        return take(self.redis, _event(event_id, self._vault))

    def event_ids(self, start: str) -> Iterator[str]:
        """Yield the ids of events that begin so. It goes through all keys."""
        return lookup.event_ids(self.redis, start)

    def ids(self, field: str, start: str) -> Iterator[str]:
        """Yield the ids under a field that begin so. It goes through all keys."""
        take(self.redis, index_all())
        return lookup.ids(self.redis, field, start)

    def page(self, query: Query, *, limit: int, after: Place | None = None) -> Page:
        """Return the first events that are asked for, or those after a place.

        There may be fewer than `limit`, with a place from where to go on, if bodies are large.
        """
        return take(self.redis, _page(query, limit, after, self._vault))

    def first(self, query: Query, limit: int) -> Page:
        """Return as many of the first events as there may be, however large they are."""
        page = self.page(query, limit=limit)
        while page.next and len(page.events) < limit:
            more = self.page(query, limit=limit - len(page.events), after=page.next)
            page = Page(page.events + more.events, more.next)
        return page

    def skip(self, query: Query, count: int, *, after: Place | None = None) -> Place | None:
        """Return the place of the last of so many events, if there are more. No body is read."""
        return take(self.redis, _skip(query, count, after))

    def all(self, query: Query) -> Iterator[Recorded]:
        """Return all events that are asked for; what arrives meanwhile does not matter."""
        take(self.redis, index_all())
        query = take(self.redis, _by_id_if_dead(query))
        walk = Walk(query, None, _PAGE)
        while not walk.over:
            named = take(self.redis, _next(walk, query))
            while named:
                count, _ = take(self.redis, _as_many_as_fit(named[:_PAGE], MOST_BYTES))
                yield from take(self.redis, _read(named[:count], self._vault))
                named = named[count:]


class AsyncRecord:
    """The same for an event loop."""

    def __init__(self, redis: AsyncRedis, vault: Vault = NO_KEYS) -> None:
        self.redis = redis
        self._vault = vault

    async def get(self, event_id: str) -> Recorded | None:
        """Return an event, if it is on record."""
        return await take_async(self.redis, _event(event_id, self._vault))

    async def page(self, query: Query, *, limit: int, after: Place | None = None) -> Page:
        """Return the first events that are asked for, or those after a place."""
        return await take_async(self.redis, _page(query, limit, after, self._vault))


def _event(event_id: str, vault: Vault) -> Steps[Recorded | None]:
    yield from index_all()
    [fields] = yield [methodcaller("hgetall", keys.event(event_id))]
    if b"body" not in fields:
        return None
    about = About.read(fields.get(b"about"))
    [created] = yield [methodcaller("zscore", keys.CREATED, about.order)]
    # One that is kept for longer than the index is: it has dead letters.
    created_ms = about.received_ms if created is None else int(created)
    return Recorded.read(event_id, created_ms, fields, vault)


def _page(query: Query, limit: int, after: Place | None, vault: Vault) -> Steps[Page]:
    yield from index_all()
    query = yield from _by_id_if_dead(query)
    picky = bool(query.about or query.types or query.states)
    walk = Walk(query, after, max(limit + 1, _STRIDE if picky else 0))
    found: list[Recorded] = []
    named: list[_Named] = []
    room = MOST_BYTES
    while len(found) <= limit and room > 0 and not walk.over:
        named = yield from _next(walk, query)
        # One more than is asked for tells that there are more.
        while named and len(found) <= limit and room > 0:
            count, room = yield from _as_many_as_fit(named[: limit + 1 - len(found)], room)
            found += yield from _read(named[:count], vault)
            named = named[count:]
    events = tuple(found[:limit])
    more = len(found) > limit or (room <= 0 and (named or not walk.over))
    return Page(events, events[-1].place if more else None)


def _skip(query: Query, count: int, after: Place | None) -> Steps[Place | None]:
    yield from index_all()
    query = yield from _by_id_if_dead(query)
    walk = Walk(query, after, max(count + 1, _STRIDE))
    last: Place | None = None
    while not walk.over:
        named = yield from _next(walk, query)
        there = yield [methodcaller("hexists", keys.event(one), "body") for _, one in named]
        for (place, _), exists in zip(named, there, strict=True):
            if not exists:
                continue
            if count == 0:
                return last
            last, count = place, count - 1
    return None


def _as_many_as_fit(named: Sequence[_Named], room: int) -> Steps[tuple[int, int]]:
    """Return how many of the events to read, at least one, and how much room is left then."""
    sizes = yield [methodcaller("hstrlen", keys.event(event_id), "body") for _, event_id in named]
    for count, size in enumerate(sizes, 1):
        room -= size
        if room < 0:
            return count, 0
    return len(named), room or 1


def _by_id_if_dead(query: Query) -> Steps[Query]:
    """Return a query that finds the same: dead letters are few, and known."""
    if set(query.states) != {"dead"}:
        return query
    [letters] = yield [methodcaller("zrange", keys.DEAD, 0, -1)]
    given_up = {name.decode(errors="replace").partition(" ")[0] for name in letters}
    if query.event_ids is not None:
        given_up.intersection_update(query.event_ids)
    return replace(query, event_ids=given_up)


def _next(walk: Walk, query: Query) -> Steps[list[_Named]]:
    """Return the next events that are asked for; there may be none though the walk is not over."""
    named = yield from _named((yield from walk.places()))
    return (yield from _fitting(query, named))


def _named(places: Sequence[Place]) -> Steps[list[_Named]]:
    """Find the ids of the events; without those that the log has no more."""
    if not places:
        return []
    orders = [place.order for place in places]
    first, last = min(orders), max(orders)
    # Of all that came meanwhile most are wanted: then it is cheaper to read on than to pick.
    stretches = (
        [(first, last)] if last - first < 3 * len(orders) else [(one, one) for one in orders]
    )
    logged = yield [methodcaller("xrange", keys.LOG, start, end) for start, end in stretches]
    ids = {
        int(entry.partition(b"-")[0]): fields[b"event"].decode(errors="replace")
        for entry, fields in chain.from_iterable(logged)
        if b"event" in fields
    }
    return [(place, ids[place.order]) for place in places if place.order in ids]


def _fitting(query: Query, named: list[_Named]) -> Steps[list[_Named]]:
    """Return the events of the types and in the states that are asked for."""
    if not named or not (query.types or query.states):
        return named
    patterns = [Pattern(text) for text in query.types]
    fields = yield [
        methodcaller("hmget", keys.event(event_id), "about", "state") for _, event_id in named
    ]
    abandoned: list[bool] = [False] * len(named)
    if HandlerState.ABANDONED.value in query.states:
        abandoned = yield from _abandoned(named)
    return [
        one
        for one, (about, state), given_up in zip(named, fields, abandoned, strict=True)
        if about is not None
        and (
            not query.states
            or given_up
            or (state or b"accepted").decode(errors="replace") in query.states
        )
        and (
            not patterns
            or any(pattern.matches(About.read(about).event_type) for pattern in patterns)
        )
    ]


def _abandoned(named: Sequence[_Named]) -> Steps[list[bool]]:
    """Say of each event whether it was abandoned for a handler: its own state does not tell."""
    scanned = yield [
        methodcaller("hscan", keys.event(event_id), 0, match="h:*", count=_MOST_FIELDS)
        for _, event_id in named
    ]
    return [
        any(
            one.state == HandlerState.ABANDONED
            for one in read_records(fields, "", NO_KEYS).values()
        )
        for _, fields in scanned
    ]


def _read(named: Sequence[_Named], vault: Vault) -> Steps[list[Recorded]]:
    """Return the events, without those whose record is gone."""
    records = yield [methodcaller("hgetall", keys.event(event_id)) for _, event_id in named]
    return [
        Recorded.read(event_id, place.created_ms, fields, vault)
        for (place, event_id), fields in zip(named, records, strict=True)
        if b"body" in fields
    ]
