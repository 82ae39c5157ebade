"""The walk along the indexes finds what a look at every event finds, however short its strides."""

from fnmatch import fnmatchcase
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bellhop.ledger import Arrival, Ledger, Place, Query
from bellhop.ledger.steps import take
from bellhop.ledger.walk import Walk
from tests.examples import examples

START = 10
"""Milliseconds before now that times are counted from: few, so that many events share one."""


class Sent(NamedTuple):
    device: str
    event_type: str
    spaces: frozenset[str]
    created: int

    def fits(self, query: Query, event_id: str, created_ms: int) -> bool:
        has = {"device_id": {self.device}, "space_id": self.spaces}
        return (
            all(has[field] & set(values) for field, values in query.about.items())
            and (query.event_ids is None or event_id in query.event_ids)
            and (query.since_ms is None or query.since_ms < created_ms)
            and (query.until_ms is None or created_ms < query.until_ms)
            and (not query.types or any(fnmatchcase(self.event_type, one) for one in query.types))
        )


DEVICES = st.sampled_from(["1", "2"])
SPACES = st.sampled_from(["a", "b", "c"])
TYPES = st.sampled_from(["lock.locked", "lock.unlocked", "access_code.created"])
EVENTS = st.lists(
    st.builds(Sent, DEVICES, TYPES, st.frozensets(SPACES), st.integers(0, 4)), max_size=12
)
PLACES = st.none() | st.tuples(st.integers(0, 4), st.integers(1, 9))


@st.composite
def queries(draw: st.DrawFn) -> Query:
    about = {}
    if draw(st.booleans()):
        about["device_id"] = draw(st.lists(DEVICES))
    if draw(st.booleans()):
        about["space_id"] = draw(st.lists(SPACES))
    return Query(
        about=about,
        types=draw(st.lists(st.sampled_from(["lock.*", "*", "access_code.created"]), max_size=2)),
        event_ids=draw(st.none() | st.lists(st.integers(1, 20).map("e{}".format), max_size=5)),
        since_ms=draw(st.none() | st.integers(-1, 5)),
        until_ms=draw(st.none() | st.integers(-1, 5)),
        oldest_first=draw(st.booleans()),
    )


@settings(
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    EVENTS,
    queries(),
    st.integers(1, 4),
    st.none() | st.tuples(st.integers(0, 4), st.integers(1, 9)),
)
def test_it_comes_by_every_event_that_is_asked_for(
    ledger: Ledger, events: list[Sent], query: Query, stride: int, after: tuple[int, int] | None
) -> None:
    ledger.redis.flushall()
    now = 1_800_000_000_000
    start = now - START
    query = Query(
        query.about,
        query.types,
        query.event_ids,
        since_ms=None if query.since_ms is None else start + query.since_ms,
        until_ms=None if query.until_ms is None else start + query.until_ms,
        oldest_first=query.oldest_first,
    )
    place = Place(start + after[0], after[1]) if after else None
    for number, sent in enumerate(events, start=1):
        subjects = [f"event_type {sent.event_type}", f"device_id {sent.device}"]
        subjects += [f"space_id {space}" for space in sorted(sent.spaces)]
        arrival = Arrival(
            f"m{number}",
            f"e{number}",
            sent.event_type,
            "device:1",
            b"{}",
            created_ms=start + sent.created,
            subjects=subjects,
        )
        ledger.accept([arrival], now_ms=now)
    ledger.index(now_ms=now)

    walk = Walk(query, place, stride)
    found: list[Place] = []
    while not walk.over:
        found += take(ledger.redis, walk.places())

    places = {
        Place(start + sent.created, number): sent
        for number, sent in enumerate(events, start=1)
        if sent.fits(query, f"e{number}", start + sent.created)
    }
    expected = sorted(places, reverse=not query.oldest_first)
    if place:
        expected = [one for one in expected if (one > place if query.oldest_first else one < place)]
    if found != expected:  # types may be looked at more closely by who reads the records
        assert query.types
        assert [one for one in found if one in places] == expected
