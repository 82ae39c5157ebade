import json
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bellhop.events as events
from bellhop.events import (
    TYPES,
    AccessCodeFailedToDeleteEvent,
    Drift,
    LockEvent,
    LockLockedEvent,
    LockUnlockedEvent,
    NotASeamEvent,
    SeamEvent,
    masked,
    parse,
)
from bellhop.events.description import Property, described
from bellhop.samples import sample

FACTS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "facts" / "event-types.json").read_text()
)["event_types"]
DOTS = "••••"
UNLOCKED = {
    "event_id": "event1",
    "event_type": "lock.unlocked",
    "workspace_id": "w1",
    "connected_account_id": "a1",
    "device_id": "d1",
    "created_at": "2026-01-31T12:00:00.123Z",
    "occurred_at": "2026-01-31T11:59:59Z",
    "method": "keycode",
}


def body(base: dict[str, Any] = UNLOCKED, /, **fields: Any) -> bytes:
    """Return an event's JSON; a field that is `...` is left out."""
    return json.dumps({k: v for k, v in {**base, **fields}.items() if v is not ...}).encode()


def of_type(event_type: str, **fields: Any) -> bytes:
    ids = (f"event{n}" for n in count(1))
    event = sample(event_type, now=datetime(2026, 1, 31, tzinfo=UTC), new_id=lambda: next(ids))
    return body(event, **fields)


def kinds(data: bytes) -> set[tuple[str, str]]:
    return {(drift.field, drift.kind) for drift in parse(data).drift}


def problems(data: bytes) -> tuple[str, ...]:
    with pytest.raises(NotASeamEvent) as caught:
        parse(data)
    return caught.value.problems


# The models and the facts


def test_the_catalogue_holds_every_known_type_and_no_other() -> None:
    assert set(TYPES) == set(FACTS)


def test_the_package_exports_every_class_of_the_catalogue() -> None:
    assert {cls.__name__ for cls in TYPES.values()} <= set(events.__all__)
    assert all(hasattr(events, name) for name in events.__all__)


@pytest.mark.parametrize("event_type", FACTS)
def test_a_class_is_named_after_its_type(event_type: str) -> None:
    words = event_type.replace(".", "_").split("_")
    assert TYPES[event_type].__name__ == "".join(word.title() for word in words) + "Event"
    assert TYPES[event_type].__doc__


@pytest.mark.parametrize("event_type", FACTS)
def test_a_class_has_a_base_for_its_group(event_type: str) -> None:
    group = FACTS[event_type]["group"].title().replace("_", "")
    assert issubclass(TYPES[event_type], getattr(events, f"{group}Event"))


def expected(fact: dict[str, Any]) -> Property:
    """Bring one property of the facts into the same shape."""
    required = fact["required"]
    items = fact.get("items", {})
    inside = fact.get("properties") or items.get("properties")
    time = fact.get("format") == "date-time"
    return Property(
        "time" if time else fact.get("base_type", fact["type"]),
        required=required if isinstance(required, bool) else required != "no",
        nullable=fact.get("nullable", False),
        enum=frozenset(fact.get("enum", ())),
        item="object" if inside and items else items.get("type"),
        properties=named(inside) if inside else None,
    )


def named(properties: list[dict[str, Any]]) -> dict[str, Property]:
    return {p["name"]: expected(p) for p in properties}


@pytest.mark.parametrize("event_type", sorted(FACTS.keys() - {"access_code.failed_to_delete"}))
def test_a_class_says_exactly_what_the_facts_say(event_type: str) -> None:
    facts = {name: expected(fact) for name, fact in FACTS[event_type]["properties"].items()}
    model = described(TYPES[event_type])
    assert model.keys() == facts.keys()
    for name, fact in facts.items():
        assert model[name] == fact, name


def test_the_type_without_facts_is_like_its_siblings() -> None:
    assert described(AccessCodeFailedToDeleteEvent) == described(events.AccessCodeCreatedEvent)


@pytest.mark.parametrize("event_type", FACTS)
def test_only_ids_that_seam_always_sent_are_required(event_type: str) -> None:
    facts = FACTS[event_type]["properties"]
    required = {n for n, f in TYPES[event_type].model_fields.items() if f.is_required()}
    own = required - {"event_id", "event_type"}
    assert required >= {"event_id", "event_type"}
    assert all(name.endswith("_id") for name in own)
    assert all(facts[name]["required"] == "always" for name in own if facts)
    assert len(own) == (0 if event_type in ("lock.unlocked", "lock.access_denied") else 1)


# Tolerance


@pytest.mark.parametrize(
    ("data", "drift"),
    [
        (
            body(occurred_at=..., connected_account_id=...),
            {("occurred_at", "missing_field"), ("connected_account_id", "missing_field")},
        ),
        (
            of_type("device.battery_status_changed", battery_level=..., battery_status=...),
            {("battery_level", "missing_field"), ("battery_status", "missing_field")},
        ),
        (
            of_type("access_method.issued", access_grant_ids=...),
            {("access_grant_ids", "missing_field")},
        ),
        (body(device_id=...), set()),
        (of_type("lock.locked", method=...), {("method", "missing_field")}),
        (body(method="seamapi"), set()),
        (body(method="palm_vein"), {("method", "unknown_value")}),
        (body(method=None), {("method", "unexpected_null")}),
        (body(new_field=1), {("new_field", "unknown_field")}),
        (body(device_id="not a uuid", event_description="A door was unlocked."), set()),
        (body(reason={"message": "no"}), {("reason", "unknown_field")}),
        (
            of_type("lock.access_denied", reason={"reason_code": "bored", "x": 1}),
            {
                ("reason.message", "missing_field"),
                ("reason.reason_code", "unknown_value"),
                ("reason.x", "unknown_field"),
            },
        ),
        (
            of_type("device.disconnected", device_errors=[{"message": None}, {"message": None}]),
            {
                ("device_errors.created_at", "missing_field"),
                ("device_errors.error_code", "missing_field"),
                ("device_errors.message", "unexpected_null"),
            },
        ),
        (of_type("access_code.deleted", code=None), set()),
        (of_type("access_code.code_changed", to={"code": None}), set()),
        (of_type("access_code.code_changed", **{"from": None}), {("from", "unexpected_null")}),
        (body(event_type="lock.jammed"), {("event_type", "unknown_type")}),
    ],
)
def test_what_seam_really_sends_is_accepted_and_differences_are_drift(
    data: bytes, drift: set[tuple[str, str]]
) -> None:
    assert kinds(data) == drift


@pytest.mark.parametrize("event_type", FACTS)
def test_every_type_can_carry_a_description(event_type: str) -> None:
    parsed = parse(of_type(event_type, event_description="Something happened."))
    assert parsed.event.event_description == "Something happened."
    assert parsed.drift == ()


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00+02:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31T12:00:00.123456Z", datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)),
        ("2026-01-31T12:00:00.123456789Z", datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_times_are_read_with_any_offset_and_up_to_nine_digits(text: str, time: datetime) -> None:
    event = parse(body(created_at=text)).event
    assert event.created_at == time
    assert event.created_at.utcoffset() is not None


def test_an_offset_is_kept() -> None:
    created_at = parse(body(created_at="2026-01-31T12:00:00+02:00")).event.created_at
    assert created_at is not None
    assert created_at.utcoffset() == timedelta(hours=2)


def test_an_unknown_type_is_read_as_the_base_of_its_resource() -> None:
    event, drift = parse(body(event_type="lock.jammed", jam={"depth": 1}))
    assert type(event) is LockEvent
    assert (event.device_id, event.access_code_id) == ("d1", None)
    assert event.model_extra == {"method": "keycode", "jam": {"depth": 1}}
    assert repr(event).startswith("LockEvent(event_id='event1', event_type='lock.jammed', ")
    assert drift == (Drift("lock.jammed", "event_type", "unknown_type", '"lock.jammed"'),)


@pytest.mark.parametrize(
    ("event_type", "cls"),
    [
        ("lock.access_requested", LockEvent),
        ("access_code.delay_in_changing", events.AccessCodeProblemEvent),
        ("access_code.unmanaged.renamed", events.AccessCodeEvent),
        ("acs_lift.added", events.AcsEvent),
        ("thermostat.temperature_fell", events.TemperatureEvent),
        ("access_point.added", SeamEvent),
        ("connect_webhook.added", SeamEvent),
        ("lock", SeamEvent),
        ("locks.counted", SeamEvent),
        ("robot.arrived", SeamEvent),
        (".", SeamEvent),
    ],
)
def test_the_base_is_told_by_how_the_name_begins(event_type: str, cls: type[SeamEvent]) -> None:
    fields = {"access_code_id": "c", "acs_system_id": "s", "connect_webview_id": "w"}
    event, (drift,) = parse(body(event_type=event_type, **fields))
    assert type(event) is cls
    assert event.event_type == event_type
    assert drift.kind == "unknown_type"


@pytest.mark.parametrize(
    "data",
    [
        body(event_type="lock.jammed", device_id=5),
        body(event_type="device.sang", device_id=...),
        body(event_type="access_code.sang"),
        body(event_type="robot.arrived", device_id=[]),
    ],
)
def test_an_unknown_type_that_does_not_fit_the_base_is_a_plain_event(data: bytes) -> None:
    event, (drift,) = parse(data)
    assert type(event) is SeamEvent
    assert event.model_extra is not None
    assert event.model_extra["method"] == "keycode"
    assert drift.kind == "unknown_type"


def test_an_unknown_type_that_is_no_event_is_told_as_such_once() -> None:
    assert problems(body(event_type="lock.jammed", event_id=5)) == (
        "event_id: expected a string, got 5",
    )
    assert len(problems(body(event_type="lock." + "x" * 100_000))) == 1
    assert len(problems(body(event_type="lock." + "_" * 300_000))) == 1


def test_the_raw_body_is_kept_byte_for_byte() -> None:
    data = b' {"event_type" : "lock.unlocked",\n "event_id":"\\u0061"}\n'
    event = parse(data).event
    assert event.raw == data
    assert event.event_id == "a"


def test_an_event_made_by_hand_has_its_json_as_raw() -> None:
    event = LockUnlockedEvent(event_id="e", event_type="lock.unlocked", code="1234")
    assert json.loads(event.raw) == {
        "event_id": "e",
        "event_type": "lock.unlocked",
        "code": "1234",
    }


def test_a_field_is_known_by_the_name_that_seam_uses_alone() -> None:
    data = of_type("access_code.code_changed", from_={"code": "1"}, **{"from": ...})
    assert kinds(data) == {("from", "missing_field"), ("from_", "unknown_field")}


def test_from_is_reached_with_an_underscore() -> None:
    event = parse(of_type("access_code.code_changed")).event
    assert isinstance(event, events.AccessCodeCodeChangedEvent)
    assert event.from_ is not None
    assert event.from_.code == "1234"


# What is no event


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no",
        b"\xff\xfe",
        b'{"event_id":"\xff","event_type":"x"}',
        b'{"event_id":"\\ud800","event_type":"x"}',
        b"null",
        b"[]",
        b'"event"',
        b"1" * 512 * 1024,
        b'{"event_id":"e","event_type":"x","n":' + b"1" * 512 * 1024 + b"}",
        b'{"event_id":"e","event_type":"x","n":NaN}',
        b'{"event_id":"e","event_type":"x","n":1' + b"0" * 250 + b"e99}",
        b'{"event_id":"e","event_type":"x","n":[-1' + b"0" * 212 + b".5E+98]}",
        b'{"event_id":"e","event_type":"x","n":-Infinity}',
        b"[" * 100_000,
        b'{"event_id":"e","event_type":"x","n":' + b'{"a":' * 100_000,
        b'{"event_id":"e","event_type":"x","n":' + b"[" * 1000 + b"]" * 1000 + b"}",
        b'{"event_id":"e","event_type":"x"} {}',
        b'{"event_id":"e","event_type":"x","event_id":"f"}',
        b'{"event_id" :"e","event_type":"x","event_id"\n:"f"}',
        b'{"event_type":"ping","data":{"success":true}}',
        b'{"test": 2432232314}',
        body(event_id=...),
        body(event_id=""),
        body(event_id=1),
        body(event_id=None),
        body(event_id="a b"),
        body(event_id="a\n"),
        body(event_id="a\u0000"),
        body(event_id="a\u00a0b"),
        body(event_id="a" * 201),
        body(event_type=...),
        body(event_type=""),
        body(event_type=1),
        body(event_type=["lock.unlocked"]),
        of_type("lock.locked", device_id=...),
        of_type("device.connected", device_id=None),
        body(device_id=1),
        body(is_via_nfc=1),
        body(code=1234),
        body(created_at="2026-01-31T12:00:00"),
        body(created_at="2026-01-31"),
        body(created_at="1769860800"),
        body(created_at=1769860800),
        body(device_custom_metadata=[]),
        of_type("device.low_battery", battery_level="0.2"),
        of_type("device.low_battery", battery_level=True),
        of_type("device.low_battery", battery_level=10**400),
        of_type("device.disconnected", device_errors={}),
        of_type("device.disconnected", device_errors=["no"]),
        of_type("space.created", device_ids=[1]),
    ],
    ids=lambda data: data[-60:].decode("ascii", "replace"),
)
def test_what_is_no_event_is_refused_with_its_problems(data: bytes) -> None:
    assert all(0 < len(problem) < 200 for problem in problems(data))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[]", "expected an object, got a list"),
        (body(event_id=...), "event_id: is missing"),
        (
            body(event_id="a b"),
            'event_id: expected 1 to 200 characters without white space, got "a b"',
        ),
        (
            of_type("device.low_battery", battery_level="high"),
            'battery_level: expected a number, got "high"',
        ),
        (body(is_via_nfc="yes"), 'is_via_nfc: expected true or false, got "yes"'),
        (body(device_id={"code": "1234"}), "device_id: expected a string, got an object"),
        (body(code=1234), f"code: expected a string, got {DOTS}"),
        (
            of_type("access_code.code_changed", to="1234"),
            f"to: expected an object, got {DOTS}",
        ),
        (
            of_type("access_code.code_changed", to={"code": 1234}),
            f"to.code: expected a string, got {DOTS}",
        ),
        (
            of_type("access_code.changed", changed_properties=[{"property": "code", "to": 1234}]),
            f"changed_properties.0.to: expected a string, got {DOTS}",
        ),
        (body(method=["x"] * 1000), "method: expected a string, got a list"),
        (
            of_type("device.low_battery", battery_level="x" * 1000),
            f'battery_level: expected a number, got "{"x" * 38}…',
        ),
        (
            body(device_custom_metadata='{"code": "9876"}'),
            "device_custom_metadata: expected an object, got a string",
        ),
        (
            b'{"event_id":"e","event_type":"x","a":1,"a":2}',
            '"a": stands in the object twice',
        ),
    ],
)
def test_problems_are_said_in_words_without_secrets(data: bytes, words: str) -> None:
    assert problems(data) == (words,)


def test_the_refusal_is_not_chained_to_an_error_that_holds_the_values() -> None:
    with pytest.raises(NotASeamEvent) as caught:
        parse(body(code=1234))
    assert caught.value.__context__ is None
    assert str(caught.value) == f"code: expected a string, got {DOTS}"


def test_a_colon_after_a_quote_in_a_string_is_no_second_key() -> None:
    assert kinds(body(event_description='"event_id": "x", "event_id": "y"')) == set()
    assert kinds(body(device_custom_metadata={"event_id": "1", "device_id": "2"})) == set()


def test_thousands_of_problems_or_differences_are_cut_short() -> None:
    assert len(problems(of_type("space.created", device_ids=[1] * 5000))) == 10
    new_fields: dict[str, Any] = {f"new_{n}": n for n in range(5000)}
    assert len(parse(body(UNLOCKED | new_fields)).drift) == 50


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = sorted({name for fact in FACTS.values() for name in fact["properties"]})


def parses_or_refuses(data: bytes) -> None:
    try:
        event, drift = parse(data)
    except NotASeamEvent:
        return
    assert event.raw == data
    assert event.mailbox
    assert repr(event)
    assert event.secrets() is not None
    assert json.dumps(masked(event))
    assert all(isinstance(d.example, str | None) for d in drift)


@given(st.binary())
def test_random_bytes_are_parsed_or_refused(data: bytes) -> None:
    parses_or_refuses(data)


@given(st.dictionaries(st.sampled_from(NAMES) | st.text(), JSON), st.sampled_from(sorted(TYPES)))
@settings(deadline=None)  # a type's validator is built when its first event comes
def test_random_json_is_parsed_or_refused(fields: dict[str, Any], event_type: str) -> None:
    own = {"event_id": "e", "event_type": event_type}
    parses_or_refuses(json.dumps({**fields, **own}).encode())


@pytest.mark.parametrize("digits", [61, 308, 400, 4299, 4300, 4301, 4400])
def test_a_number_of_any_length_in_an_unknown_field_is_parsed_or_refused(digits: int) -> None:
    number = b"1" * digits
    parses_or_refuses(b'{"event_id":"e","event_type":"x","n":' + number + b"}")
    parses_or_refuses(b'{"event_id":"e","event_type":"lock.unlocked","n":-' + number + b"}")
    parses_or_refuses(b'{"event_id":"e","event_type":"lock.unlocked","n":[' + number + b"]}")
    parses_or_refuses(b'{"event_id":"e","event_type":"lock.unlocked","pin":' + number + b"}")
    parses_or_refuses(b'{"event_id":"e","event_type":"lock.unlocked","code":' + number + b"}")


@pytest.mark.parametrize("depth", [50, 190, 199, 200, 201, 5000])
def test_objects_inside_of_objects_are_parsed_or_refused_at_any_depth(depth: int) -> None:
    deep = b'{"a":' * depth + b"[]" + b"}" * depth
    parses_or_refuses(b'{"event_id":"e","event_type":"x","deep":' + deep + b"}")
    parses_or_refuses(b'{"event_id":"e","event_type":"lock.unlocked","deep":' + deep + b"}")


# Mailboxes and bases


@pytest.mark.parametrize(
    ("fields", "mailbox"),
    [
        ({}, "device:d1"),
        ({"device_id": ...}, "connected_account:a1"),
        ({"device_id": "", "acs_system_id": "s1"}, "acs_system:s1"),
        ({"device_id": ..., "connected_account_id": ...}, "workspace:w1"),
        (
            {"device_id": ..., "connected_account_id": ..., "workspace_id": ...},
            "event:lock.unlocked",
        ),
        ({"event_type": "lock.jammed"}, "device:d1"),
        ({"event_type": "lock.jammed", "device_id": 7}, "connected_account:a1"),
    ],
)
def test_a_mailbox_is_of_the_device_or_of_what_stands_above_it(
    fields: dict[str, Any], mailbox: str
) -> None:
    assert parse(body(**fields)).event.mailbox == mailbox


def test_lock_events_share_a_base() -> None:
    assert issubclass(LockLockedEvent, LockEvent)
    assert issubclass(LockUnlockedEvent, LockEvent)
