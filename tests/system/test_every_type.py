"""Each type of Seam's events, and what real ones lack or have too much: posted and handled.

One house serves them all: a receiver, a worker and a Redis of their own, and a handler for each
type, annotated with its class.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from bellhop.embedded import EmbeddedRedis
from bellhop.events import TYPES
from bellhop.samples import sample
from bellhop.signature import sign
from tests.conftest import SECRET
from tests.system.conftest import ANSWER_WITHIN, House, eventually

FACTS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "facts" / "event-types.json").read_text()
)["event_types"]
IN_GUIDE = sorted(name for name, fact in FACTS.items() if fact["described_in_seam_guide"])
NOT_IN_GUIDE = sorted(FACTS.keys() - IN_GUIDE)
LEAVES = """
import json
from bellhop.events import *

def leaves(handler, event):
    ran(json.dumps([event.event_id, handler, os.getpid(), type(event).__name__, masked(event)]))

@on("lock.*")
def any_lock(event): leaves("any_lock", event)

@on("lock.jam*", allow_unknown=True)
async def jammed(event: SeamEvent): leaves("jammed", event)
"""
TYPED = """
@on("{name}")
def {function}(event: {cls}): leaves("{function}", event)
"""


class Room:
    """A house with a handler for each type, and what these saw."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.workers: set[int] = set()
        """The processes in which handlers ran."""
        self._client = httpx.Client(trust_env=False, timeout=ANSWER_WITHIN)

    def post(self, event: dict[str, Any]) -> httpx.Response:
        """Post an event as Svix does."""
        return self.post_body(json.dumps(event).encode())

    def post_body(self, body: bytes) -> httpx.Response:
        """Post a body as Svix does."""
        headers = sign(f"msg_{uuid4().hex}", datetime.now(UTC), body, SECRET)
        headers["content-type"] = "application/json"
        return self._client.post(self._house.webhook, content=body, headers=headers)

    def handled(self, event_id: str, *handlers: str) -> list[tuple[str, Any]]:
        """Wait until all these handlers have run; return the classes and fields they saw."""
        left: list[list[Any]] = []

        def done() -> bool:
            lines = [json.loads(line) for line in self._house.lines() if event_id in line]
            left[:] = [line for line in lines if line[0] == event_id]
            return len(left) >= len(handlers)

        eventually(done, f"{event_id} is handled", shown=self._house.output)
        assert sorted(handler for _, handler, *_ in left) == sorted(handlers)
        self.workers |= {pid for _, _, pid, *_ in left}
        return [(cls, fields) for *_, cls, fields in left]

    def close(self) -> None:
        """End its processes."""
        self._client.close()
        self._house.end()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """A house in which every type has its handler, with a Redis that no other test empties."""
    path = tmp_path_factory.mktemp("room")
    server = EmbeddedRedis(path / ".bellhop")
    server.start()
    house = House(path, server.url)
    room = Room(house)
    try:
        house.handlers(
            LEAVES
            + "".join(
                TYPED.format(name=name, function=function_for(name), cls=cls.__name__)
                for name, cls in TYPES.items()
            )
        )
        house.start("receiver")
        house.start("worker")
        house.await_ready()
        yield room
    finally:
        room.close()
        server.stop()


def function_for(event_type: str) -> str:
    return f"on_{event_type.replace('.', '__')}"


def handlers_of(event_type: str) -> list[str]:
    """Return the handlers of a known type."""
    own = function_for(event_type)
    return [own, "any_lock"] if event_type.startswith("lock.") else [own]


def event_of(event_type: str, /, **fields: object) -> dict[str, Any]:
    """Return a sample; a field that is `...` is left out."""
    now = datetime.now(UTC)
    event = sample(event_type, now=now, new_id=lambda: str(uuid4()))
    return {name: value for name, value in {**event, **fields}.items() if value is not ...}


def test_seams_guide_describes_59_types_and_56_more_are_known() -> None:
    assert (len(IN_GUIDE), len(NOT_IN_GUIDE)) == (59, 56)
    assert set(TYPES) == {*IN_GUIDE, *NOT_IN_GUIDE}


@pytest.mark.parametrize(
    "event_type",
    [
        *(pytest.param(name, id=f"guide-{name}") for name in IN_GUIDE),
        *(pytest.param(name, id=f"beyond-{name}") for name in NOT_IN_GUIDE),
    ],
)
def test_an_event_of_each_type_is_handled_as_its_class(event_type: str, room: Room) -> None:
    plain = event_of(event_type)
    described = event_of(event_type, event_description="Something happened.")

    for event in (plain, described):
        answer = room.post(event)
        assert (answer.status_code, answer.json()) == (202, {"outcome": "accepted"})

    words = event_type.replace(".", "_").split("_")
    cls = "".join(word.title() for word in words) + "Event"
    for event in (plain, described):
        for seen, fields in room.handled(event["event_id"], *handlers_of(event_type)):
            assert seen == cls
            assert fields.keys() == event.keys()
            assert fields.get("event_description") == event.get("event_description")


@pytest.mark.parametrize(
    ("event_type", "fields"),
    [
        pytest.param(
            "lock.unlocked",
            {
                "occurred_at": ...,
                "connected_account_id": ...,
                "created_at": "2022-09-14T10:15:00.000Z",
            },
            id="of 2022, without the time it occurred and without its account",
        ),
        pytest.param(
            "device.battery_status_changed",
            {"battery_level": ..., "battery_status": ...},
            id="a battery's without the battery",
        ),
        pytest.param("access_method.issued", {"access_grant_ids": ...}, id="without its grants"),
        pytest.param(
            "lock.unlocked",
            {"device_id": ..., "acs_entrance_id": "entrance1", "acs_system_id": "system1"},
            id="at a door that has no device",
        ),
        pytest.param("lock.locked", {"method": ...}, id="locked, and not said how"),
        pytest.param("lock.unlocked", {"method": "seamapi"}, id="a method of former times"),
        pytest.param("lock.unlocked", {"method": "palm_vein"}, id="a method of times to come"),
        pytest.param("lock.unlocked", {"method": None}, id="null where none is announced"),
        pytest.param(
            "lock.unlocked",
            {"device_id": "august_device_1", "connected_account_id": "22222222-3333-4444-5555-6"},
            id="ids that are no UUIDs",
        ),
        pytest.param(
            "device.connected", {"firmware": {"version": [1, 2]}}, id="a field that nobody knows"
        ),
    ],
)
def test_a_real_event_that_differs_from_the_schema_is_handled(
    event_type: str, fields: dict[str, object], room: Room
) -> None:
    event = event_of(event_type, **fields)

    answer = room.post(event)

    assert (answer.status_code, answer.json()) == (202, {"outcome": "accepted"})
    for cls, seen in room.handled(event["event_id"], *handlers_of(event_type)):
        assert cls == TYPES[event_type].__name__
        assert seen.keys() == event.keys()
        assert all(seen.get(n, ...) == v for n, v in fields.items() if not n.endswith("_at"))


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("2026-01-31T12:00:00+02:00", "2026-01-31T12:00:00+02:00"),
        ("2026-01-31T12:00:00.123456Z", "2026-01-31T12:00:00.123456Z"),
        ("2026-01-31T12:00:00.123456+02:00", "2026-01-31T12:00:00.123456+02:00"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
    ],
)
def test_times_reach_the_handler_with_their_offset_and_their_digits(
    sent: str, seen: str, room: Room
) -> None:
    event = event_of("lock.unlocked", occurred_at=sent, created_at=sent)

    assert room.post(event).status_code == 202

    for _, fields in room.handled(event["event_id"], *handlers_of("lock.unlocked")):
        assert (fields["occurred_at"], fields["created_at"]) == (seen, seen)


def test_an_id_that_is_no_uuid_is_an_id(room: Room) -> None:
    event = event_of("lock.unlocked", event_id=f"event1-{uuid4().hex}")

    assert room.post(event).json() == {"outcome": "accepted"}
    assert room.post(event).json() == {"outcome": "duplicate"}
    room.handled(event["event_id"], *handlers_of("lock.unlocked"))


def test_a_type_that_nobody_knows_is_handled_by_patterns(room: Room) -> None:
    event = event_of("lock.unlocked", event_type="lock.jammed", jam={"depth": 1})

    answer = room.post(event)

    assert (answer.status_code, answer.json()) == (202, {"outcome": "accepted"})
    for cls, fields in room.handled(event["event_id"], "any_lock", "jammed"):
        assert cls == "LockEvent"
        assert fields["event_type"] == "lock.jammed"
        assert fields["jam"] == {"depth": 1}


@pytest.mark.parametrize("event_type", ["lock.unlocked", "lock.jammed"])
@pytest.mark.parametrize(
    "value",
    [
        b"[" * 190 + b"]" * 190,
        b'{"a":' * 190 + b"1" + b"}" * 190,
        b"7" * 4300,
        b"0." + b"7" * 100_000,
        b'"\\u0000"',
    ],
    ids=["lists", "objects", "digits", "digits behind the point", "a NUL"],
)
def test_a_strange_value_in_a_field_that_nobody_knows_does_not_end_the_worker(
    value: bytes, event_type: str, room: Room
) -> None:
    event = event_of("lock.unlocked") | {"event_type": event_type, "new_field": None}
    body = json.dumps(event).encode().replace(b"null", value)
    handlers = handlers_of("lock.unlocked") if event_type in TYPES else ["any_lock", "jammed"]

    answer = room.post_body(body)

    assert (answer.status_code, answer.json()) == (202, {"outcome": "accepted"})
    room.handled(event["event_id"], *handlers)
    after = event_of("lock.locked")
    room.post(after)
    room.handled(after["event_id"], *handlers_of("lock.locked"))
    assert len(room.workers) == 1
