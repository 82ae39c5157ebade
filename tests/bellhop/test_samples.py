import json
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any

import pytest

from bellhop.events import TYPES, parse
from bellhop.samples import InvalidField, UnknownEventType, UnknownField, read_field, sample

NOW = datetime(2026, 1, 31, 14, tzinfo=timezone(timedelta(hours=2)))


def make(event_type: str, fields: dict[str, object] | None = None) -> dict[str, Any]:
    numbers = count(1)
    return sample(event_type, fields, now=NOW, new_id=lambda: f"event{next(numbers)}")


@pytest.mark.parametrize("event_type", TYPES)
def test_a_sample_of_any_type_is_read_as_that_type_without_drift(event_type: str) -> None:
    event, drift = parse(json.dumps(make(event_type)).encode())
    assert type(event) is TYPES[event_type]
    assert drift == ()


def test_a_sample_has_natural_values() -> None:
    assert make("device.low_battery")["battery_level"] == 0.18
    assert make("thermostat.temperature_changed")["temperature_celsius"] == 21.5
    assert make("access_code.set_on_device")["code"] == "1234"
    assert make("action_attempt.unlock_door.failed")["action_type"] == "UNLOCK_DOOR"
    assert make("action_attempt.unlock_door.failed")["status"] == "error"


def test_a_sample_is_of_now_and_occurred_shortly_before() -> None:
    event = make("lock.unlocked")
    assert event["event_id"] == "event1"
    assert event["created_at"] == "2026-01-31T12:00:00.000Z"
    assert event["occurred_at"] == "2026-01-31T11:59:58.500Z"


def test_all_samples_are_of_one_device() -> None:
    events = [make(event_type) for event_type in TYPES]
    assert len({e["workspace_id"] for e in events}) == 1
    assert len({e["device_id"] for e in events if "device_id" in e}) == 1
    assert make("space.created")["device_ids"] == [make("lock.unlocked")["device_id"]]


def test_given_fields_replace_values() -> None:
    event = make("lock.unlocked", {"method": "palm_vein", "is_via_nfc": True})
    assert event["method"] == "palm_vein"
    assert event["is_via_nfc"] is True


def test_an_unknown_type_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownEventType, match=r"Did you mean lock\.locked"):
        make("lock.lockd")


def test_an_unknown_field_is_refused_with_the_nearest_and_the_list() -> None:
    with pytest.raises(UnknownField, match="Did you mean battery_level") as caught:
        make("device.low_battery", {"batery_level": 1})
    assert "battery_source" in str(caught.value)


@pytest.mark.parametrize(
    ("event_type", "name", "text", "value"),
    [
        ("lock.locked", "code", "0042", "0042"),
        ("lock.locked", "device_id", "[1]", "[1]"),
        ("lock.locked", "is_via_nfc", "true", True),
        ("lock.locked", "created_at", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("device.low_battery", "battery_level", "0.5", 0.5),
        ("device.low_battery", "device_battery_level", "null", None),
        ("lock.locked", "device_custom_metadata", '{"room": "7"}', {"room": "7"}),
        ("space.created", "device_ids", '["a"]', ["a"]),
        ("camera.activated", "media_ids", '["a"]', ["a"]),
        ("access_code.code_changed", "from", '{"code": "1"}', {"code": "1"}),
    ],
)
def test_text_becomes_a_value_of_the_field(
    event_type: str, name: str, text: str, value: object
) -> None:
    assert read_field(event_type, name, text) == value


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("battery_level", "half", "battery_level: expected a number"),
        ("battery_level", "NaN", "battery_level: expected a number"),
        ("created_at", "now", "created_at: expected a time with its offset"),
        ("device_custom_metadata", "[" * 9999, "device_custom_metadata: expected an object"),
    ],
)
def test_text_that_does_not_fit_is_refused_with_what_is_expected(
    name: str, text: str, expected: str
) -> None:
    with pytest.raises(InvalidField, match=expected):
        read_field("device.low_battery", name, text)


def test_reading_a_field_refuses_unknown_names() -> None:
    with pytest.raises(UnknownEventType):
        read_field("lock.lockd", "code", "1")
    with pytest.raises(UnknownField):
        read_field("lock.locked", "codes", "1")
