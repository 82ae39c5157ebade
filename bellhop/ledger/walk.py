"""The walk along the indexes: the places of the events that are asked for, in their order.

1. Each thing that is asked for has an index, or several of which any will do. The one with the
   fewest events in the time asked for is walked; of each event on it, the others are asked.
2. Several indexes are walked abreast, no further than the one that has come least far. The events
   of a millisecond are seen all at once, since an index does not have them in their order.
3. What arrives meanwhile moves nothing: a walk goes on from a place, not after so many events.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from operator import methodcaller

from bellhop.events.subjects import UNKNOWN
from bellhop.ledger import keys
from bellhop.ledger.entries import About
from bellhop.ledger.query import Place, Query
from bellhop.ledger.steps import Command, Steps
from bellhop.patterns import Pattern

_SHORTEST = 32


class Walk:
    """A walk for a query, from `after` on. `stride`: how many events are looked at at a
    time, at most.

    Types of events are looked at no closer than the indexes do: see the records.
    """

    def __init__(self, query: Query, after: Place | None, stride: int) -> None:
        self._query = query
        self._after = after
        self._stride = stride
        self._step = stride
        self._sign = 1 if query.oldest_first else -1
        self._indexes: Sequence[str] = ()
        self._others: Sequence[Sequence[str]] = ()
        self._begun = False
        self.over = False
        """Whether nothing more is to come."""

    def places(self) -> Steps[list[Place]]:
        """Return the next places, in order; there may be none though the walk is not over."""
        if self._query.event_ids is not None:
            found = yield from self._of_event_ids(self._query.event_ids)
        else:
            if not self._begun:
                yield from self._begin()
                self._shorten()
            found = yield from self._next()
        return (yield from self._on_the_others(found))

    def _begin(self) -> Steps[None]:
        self._begun = True
        wanted = _wanted(self._query)
        if len(wanted) == 1:
            [self._indexes] = wanted.values()
            return
        every = [(field, index) for field, indexes in wanted.items() for index in indexes]
        since, until = _bounds(self._query)
        counts = yield [methodcaller("zcount", index, since, until) for _, index in every]
        events = dict.fromkeys(wanted, 0)
        for (field, _), count in zip(every, counts, strict=True):
            events[field] += count
        narrowest = min(wanted, key=events.__getitem__)
        self._indexes = wanted.pop(narrowest)
        self._others = _besides_types(wanted)
        self.over = not all(events.values())

    def _shorten(self) -> None:
        """Begin with short steps on many indexes: most of what is on them is not next."""
        self._step = min(
            self._stride, max(_SHORTEST, 2 * self._stride // max(1, len(self._indexes)))
        )

    def _next(self) -> Steps[list[Place]]:
        while not self.over:
            step = self._step
            stretches = yield [self._stretch(index, step) for index in self._indexes]
            # Those that were not walked to their end, and how far they were.
            ends = [int(one[-1][1]) * self._sign for one in stretches if len(one) == step]
            nearest = min(ends, default=None)
            places = {
                Place(int(created), int(order)) for one in stretches for order, created in one
            }
            found = self._in_order(
                place
                for place in places
                if nearest is None or place.created_ms * self._sign < nearest
            )
            self.over = nearest is None and len(found) <= self._stride
            if found:
                self._step = min(2 * step, self._stride)
                found = found[: self._stride]
                self._after = found[-1]
                return found
            self._step = 2 * step
        return []

    def _stretch(self, index: str, stride: int) -> Command:
        start, end = _bounds(self._query)
        if self._sign < 0:
            start, end = end, start
        if self._after and self._is_in_time(self._after.created_ms):
            # Others of that millisecond may be left.
            start = self._after.created_ms
        return methodcaller(
            "zrange",
            index,
            start,
            end,
            desc=self._sign < 0,
            byscore=True,
            offset=0,
            num=stride,
            withscores=True,
        )

    def _of_event_ids(self, event_ids: Collection[str]) -> Steps[list[Place]]:
        self.over = True
        self._others = _besides_types(_wanted(self._query))
        events = [keys.event(one) for one in dict.fromkeys(event_ids)]
        abouts = (yield [methodcaller("hget", one, "about") for one in events]) if events else ()
        orders = [About.read(about).order for about in abouts if about]
        if not orders:
            return []
        [scores] = yield [methodcaller("zmscore", keys.CREATED, orders)]
        return self._in_order(
            Place(int(created), order)
            for created, order in zip(scores, orders, strict=True)
            if created is not None and self._is_in_time(int(created))
        )

    def _is_in_time(self, created_ms: int) -> bool:
        since, until = self._query.since_ms, self._query.until_ms
        return (since is None or since < created_ms) and (until is None or created_ms < until)

    def _in_order(self, places: Iterable[Place]) -> list[Place]:
        """Return those that come after the last place, in order."""
        if self._after is None:
            return sorted(places, reverse=self._sign < 0)
        after = self._after
        left = (place for place in places if (place > after if self._sign > 0 else place < after))
        return sorted(left, reverse=self._sign < 0)

    def _on_the_others(self, places: list[Place]) -> Steps[list[Place]]:
        if not places or not self._others:
            return places
        orders = [place.order for place in places]
        scores = yield [
            methodcaller("zmscore", index, orders) for indexes in self._others for index in indexes
        ]
        answers = iter(scores)
        kept = set(places)
        for indexes in self._others:
            kept &= {
                place
                for its_scores in islice(answers, len(indexes))
                for place, created in zip(places, its_scores, strict=True)
                if created is not None
            }
        return [place for place in places if place in kept]


def _bounds(query: Query) -> tuple[str | int, str | int]:
    return (
        "-inf" if query.since_ms is None else f"({query.since_ms}",
        "+inf" if query.until_ms is None else f"({query.until_ms}",
    )


def _wanted(query: Query) -> dict[str, list[str]]:
    """Return for each thing that is asked for the indexes of which any will do."""
    wanted = {
        field: [keys.index(field, value) for value in dict.fromkeys(values)]
        for field, values in query.about.items()
    }
    if query.types:
        wanted["event_type"] = list(dict.fromkeys(_of_types(query.types)))
    return wanted or {"": [keys.CREATED]}


def _of_types(patterns: Collection[str]) -> Iterator[str]:
    for pattern in patterns:
        if "*" not in pattern:
            yield keys.index("event_type", pattern)
        elif not pattern.strip("*"):
            yield keys.CREATED
        else:
            known = Pattern(pattern).known_types()
            yield from (keys.index("event_type", event_type) for event_type in known)
            yield keys.index("event_type", UNKNOWN)


def _besides_types(wanted: dict[str, list[str]]) -> list[list[str]]:
    """Return what each event is to be asked for: its type is known from its record, and cheaper."""
    return [indexes for field, indexes in wanted.items() if field != "event_type"]
