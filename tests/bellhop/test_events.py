"""How an event is read: what Seam really sends is accepted, and what differs is drift."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import bellhop.events as events
from bellhop.events import Drift, LockEvent, LockUnlockedEvent, SeamEvent, parse
from tests.bellhop.bodies import body, kinds, of_type, problems
from tests.bellhop.events_from_facts import FACTS


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
        "event_id: expected a string, got a number",
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
