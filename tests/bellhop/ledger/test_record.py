"""The record: events asked for by what they are about, in their order, page by page."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis
from redis.client import Pipeline

from bellhop.connections import connect_async
from bellhop.ledger import Arrival, AsyncRecord, Ledger, Page, Place, Query, Record, Recorded, keys
from bellhop.vault import Sealed, Vault
from tests.bellhop.ledger.conftest import DONE, END, LOG, Desk, box, dead, done, failed

TYPES = ("lock.locked", "lock.unlocked", "lock.jammed", "access_code.created")


def arrival(
    event_id: str,
    device: str = "1",
    event_type: str = "lock.unlocked",
    created_ms: int | None = None,
    space: str = "",
) -> Arrival:
    subjects = [f"event_type {event_type}", f"device_id {device}"]
    if event_type == "lock.jammed":
        subjects.append("event_type ?")
    if space:
        subjects.append(f"space_id {space}")
    return Arrival(
        f"msg_{event_id}",
        event_id,
        event_type,
        f"device:{device}",
        b'{"event_id": "%s"}' % event_id.encode(),
        created_ms=created_ms,
        subjects=subjects,
    )


@pytest.fixture
def record(desk: Desk) -> Record:
    return Record(desk.redis)


def ids(record: Record, limit: int = 100, after: Place | None = None, **query: Any) -> list[str]:
    """Return the ids of a page."""
    return [one.event_id for one in record.page(Query(**query), limit=limit, after=after).events]


def test_an_event_is_found_with_all_that_is_known_of_it(desk: Desk, record: Record) -> None:
    desk.accept(arrival("e1", created_ms=desk.now - 500))
    desk.claim()
    desk.settle(box(END, done("e1")))
    [event] = record.page(Query(), limit=10).events

    assert (event.event_id, event.event_type, event.state) == ("e1", "lock.unlocked", "done")
    assert event.body == b'{"event_id": "e1"}'
    assert event.about.delivery_id == "msg_e1"
    assert event.received_at - event.created_at == timedelta(milliseconds=500)
    assert record.get("e1") == event
    assert record.get("e2") is None


def test_bodies_stay_sealed_until_somebody_with_the_key_asks(desk: Desk, redis: Redis) -> None:
    vault = Vault(["d3Vua25vd24ta2V5LW9mLTMyLWJ5dGVzLWxvbmcuLi4="])
    Ledger(redis, timedelta(days=1), vault).accept([arrival("e1")])

    [event] = Record(redis).page(Query(), limit=1).events
    with pytest.raises(Sealed):
        _ = event.body
    [event] = Record(redis, vault).page(Query(), limit=1).events
    assert event.body == b'{"event_id": "e1"}'
    assert b"event_id" not in event.stored


def test_the_newest_comes_first_unless_the_oldest_is_asked_for(desk: Desk, record: Record) -> None:
    for event_id, created in (("e1", 20), ("e2", 10), ("e3", 30)):
        desk.accept(arrival(event_id, created_ms=desk.now - 1_000 + created))

    assert ids(record) == ["e3", "e1", "e2"]
    assert ids(record, oldest_first=True) == ["e2", "e1", "e3"]


def test_events_of_one_millisecond_are_in_the_order_in_which_they_came(
    desk: Desk, record: Record
) -> None:
    came = [f"e{number}" for number in range(1, 1_203)]
    desk.accept(*(arrival(event_id, created_ms=desk.now - 1) for event_id in came))

    assert ids(record, 2_000, oldest_first=True) == came
    assert ids(record, 2_000) == came[::-1]
    assert pages_of(record, Query(about={"device_id": ["1"]}), 100) == came[::-1]


def pages_of(record: Record, query: Query, limit: int) -> list[str]:
    found: list[str] = []
    page = record.page(query, limit=limit)
    found += [one.event_id for one in page.events]
    while page.next:
        page = record.page(query, limit=limit, after=page.next)
        assert page.events
        found += [one.event_id for one in page.events]
    return found


def test_bounds_of_time_are_exclusive(desk: Desk, record: Record) -> None:
    for created in (1, 2, 3):
        desk.accept(arrival(f"e{created}", created_ms=desk.now - 10 + created))
    start = desk.now - 10

    assert ids(record, since_ms=start + 1) == ["e3", "e2"]
    assert ids(record, until_ms=start + 3) == ["e2", "e1"]
    assert ids(record, since_ms=start + 1, until_ms=start + 3) == ["e2"]
    assert ids(record, since_ms=start + 1, event_ids=["e1", "e2"]) == ["e2"]


def test_a_place_outside_of_the_time_asked_for_leads_nowhere_else(
    desk: Desk, record: Record
) -> None:
    for created in (1, 2, 3):
        desk.accept(arrival(f"e{created}", created_ms=desk.now - 10 + created))
    start = desk.now - 10

    assert ids(record, after=Place(start + 9, 9), until_ms=start + 3) == ["e2", "e1"]
    assert ids(record, after=Place(start + 1, 1), since_ms=start + 1) == []


def test_states_are_those_of_the_events(desk: Desk, record: Record) -> None:
    desk.accept(*(arrival(f"e{number}", str(number)) for number in range(1, 7)))
    desk.claim()
    results = [done("e1"), failed("e2", 5_000), dead("e3")]
    desk.settle(*(box(END, one, mailbox=f"device:{one.event_id[1]}") for one in results))
    desk.redis.delete(keys.SETS, keys.SUBSCRIPTIONS, "{bellhop}:routes")
    desk.subscribe("v", LOG._replace(patterns=["access_code.*"]))
    desk.accept(arrival("e7"))

    assert ids(record, states=["accepted"]) == ["e6", "e5", "e4"]
    assert ids(record, states=["unhandled"]) == ["e7"]
    assert ids(record, states=["done", "unhandled"]) == ["e7", "e1"]
    assert ids(record, states=["retrying"]) == ["e2"]
    assert ids(record, states=["dead"], event_ids=["e1"]) == []
    assert ids(record, states=["dead", "retrying"]) == ["e3", "e2"]


def test_what_each_handler_did_is_told(desk: Desk, record: Record) -> None:
    desk.subscribe("v", LOG)
    desk.accept(arrival("e1"))
    desk.claim()
    desk.settle(box(END, done("e1")))

    [event] = record.page(Query(), limit=9).events
    assert event.handlers["bell"].for_people() == json.loads(DONE)
    assert event.handlers["log"].attempts == ()
    assert {one.handler: one.state for one in event.handled()} == {"bell": "done", "log": "waiting"}


def test_types_that_nobody_knew_fit_a_pattern_too(desk: Desk, record: Record) -> None:
    for number, event_type in enumerate(TYPES):
        desk.accept(arrival(f"e{number}", event_type=event_type))

    assert ids(record, types=["lock.*"]) == ["e2", "e1", "e0"]
    assert ids(record, types=["lock.jammed"]) == ["e2"]
    assert ids(record, types=["lock.unl*", "access_code.created"]) == ["e3", "e1"]
    assert ids(record, types=["*"]) == ["e3", "e2", "e1", "e0"]
    assert ids(record, types=["lock.*"], about={"device_id": ["2"]}) == []
    assert ids(record, types=["?"]) == []


def test_events_that_lie_far_apart_are_found_too(desk: Desk, record: Record) -> None:
    desk.accept(*(arrival(f"e{number}", "1" if number % 20 else "2") for number in range(100)))
    assert ids(record, about={"device_id": ["2"]}) == ["e80", "e60", "e40", "e20", "e0"]


def test_nothing_is_asked_for_by_no_id(desk: Desk, record: Record) -> None:
    desk.accept(arrival("e1"))
    assert ids(record, about={"device_id": []}) == []
    assert ids(record, about={"device_id": [], "space_id": ["1"]}) == []


def test_what_is_no_more_is_passed_over(desk: Desk, record: Record) -> None:
    desk.accept(*(arrival(f"e{number}") for number in range(1, 7)))
    desk.redis.delete("{bellhop}:event:e2", "{bellhop}:event:e6")
    desk.redis.xtrim("{bellhop}:log", minid="2", approximate=False)

    assert ids(record) == ["e5", "e4", "e3"]
    assert pages_of(record, Query(), 1) == ["e5", "e4", "e3"]
    assert ids(record, event_ids=["e1", "e2", "e3"], about={"device_id": ["1"]}) == ["e3"]


def test_pages_neither_miss_nor_repeat_an_event_while_others_arrive(
    desk: Desk, record: Record
) -> None:
    desk.accept(*(arrival(f"e{number}", created_ms=desk.now - 5) for number in range(20)))
    found: list[str] = []
    page = record.page(Query(), limit=3)
    while page.next:
        found += [one.event_id for one in page.events]
        # Some are newer, and some of the very millisecond that is being read.
        desk.accept(arrival(f"new{len(found)}"), arrival(f"n{len(found)}", created_ms=desk.now - 5))
        page = record.page(Query(), limit=3, after=page.next)
    found += [one.event_id for one in page.events]

    assert found == [f"e{number}" for number in reversed(range(20))]


def test_an_event_loop_reads_the_same(desk: Desk, record: Record, redis_url: str) -> None:
    desk.accept(*(arrival(f"e{number}") for number in range(5)))
    query = Query(about={"device_id": ["1"]}, types=["lock.*"])

    async def read() -> tuple[Page, Page, Recorded | None]:
        async with connect_async(redis_url) as client:
            record = AsyncRecord(client)
            first = await record.page(query, limit=3)
            rest = await record.page(query, limit=3, after=first.next)
            return first, rest, await record.get("e1")

    first, rest, one = asyncio.run(read())
    assert first == record.page(query, limit=3)
    assert [event.event_id for event in first.events + rest.events] == [
        "e4",
        "e3",
        "e2",
        "e1",
        "e0",
    ]
    assert rest.next is None
    assert one == record.get("e1")


def test_all_goes_on_from_page_to_page(desk: Desk, record: Record) -> None:
    desk.accept(*(arrival(f"e{number}") for number in range(1_100)))
    found = [one.event_id for one in record.all(Query())]
    assert found == [f"e{number}" for number in reversed(range(1_100))]


@pytest.mark.parametrize("most", [1, 2500, 10_000])
def test_no_more_bodies_are_read_at_a_time_than_fit(
    desk: Desk, redis: Redis, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("bellhop.ledger.record.MOST_BYTES", most)
    desk.accept(*(arrival(f"e{number}")._replace(body=b"x" * 1000) for number in range(7)))
    desk.accept(*(arrival(f"e{number}")._replace(body=b"x" * 10) for number in range(7, 10)))
    read: list[int] = []
    hgetall = Pipeline.hgetall

    def counted(self: Pipeline, name: str) -> Any:
        read.append(int(redis.hstrlen(name, "body")))
        return hgetall(self, name)

    monkeypatch.setattr(Pipeline, "hgetall", counted)
    newest_first = [f"e{number}" for number in reversed(range(10))]
    record = Record(redis)
    page = record.page(Query(), limit=1000)
    assert sum(read) <= most + 1000
    found = [*page.events]
    while page.next:
        page = record.page(Query(), limit=1000, after=page.next)
        found += page.events
    assert [one.event_id for one in found] == newest_first
    assert [one.event_id for one in record.first(Query(), 8).events] == newest_first[:8]
    assert [one.event_id for one in record.all(Query())] == newest_first


def test_events_are_skipped_without_their_bodies(
    desk: Desk, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.deliver(*(f"e{number}" for number in range(10)))
    redis.delete(keys.event("e7"))
    monkeypatch.setattr(Pipeline, "hgetall", None, raising=False)
    record = Record(redis)
    place = record.skip(Query(), 4)
    monkeypatch.undo()
    assert place
    assert record.page(Query(), limit=1, after=place).events[0].event_id == "e4"
    assert record.skip(Query(), 9) is None
    assert record.skip(Query(), 100) is None
