import json
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from bellhop.events import TYPES, LockEvent, parse
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


def test_all_samples_are_of_one_account_with_a_few_devices() -> None:
    events = [make(event_type) for event_type in TYPES]
    for owner in ("workspace_id", "connected_account_id", "acs_system_id", "access_code_id"):
        assert len({e[owner] for e in events if owner in e}) == 1
    device_of = {e["event_type"]: e["device_id"] for e in events if "device_id" in e}
    lock, thermostat = device_of["lock.unlocked"], device_of["thermostat.temperature_changed"]
    assert len(set(device_of.values())) == 5
    assert {lock} == {device_of[name] for name in device_of if name.startswith("access_code.")}
    assert {thermostat} == {device_of[name] for name in device_of if name.startswith("thermostat.")}
    assert device_of["device.doorbell_rang"] == device_of["camera.activated"]
    assert set(make("space.created")["device_ids"]) == {*device_of.values()} - {
        device_of["phone.deactivated"]
    }


def test_the_lock_keeps_its_id_from_release_to_release() -> None:
    assert make("lock.unlocked")["device_id"] == "69b8a0aa-1789-50c8-ab5b-c17c5b0cfa1d"


@pytest.mark.parametrize("event_type", TYPES)
def test_what_changes_goes_from_one_value_to_another(event_type: str) -> None:
    event = make(event_type)
    inside = [*event.get("changed_properties", []), *event.get("requested_mutations", [])]
    for change in [event, *inside]:
        if "to" in change:
            assert change["from"] != change["to"]


@pytest.mark.parametrize("event_type", TYPES)
def test_a_stay_begins_and_ends_after_the_event(event_type: str) -> None:
    event = make(event_type)
    for stay in (event, event.get("from", {}), event.get("to", {})):
        if "starts_at" in stay:
            assert event["created_at"] < stay["starts_at"] < stay["ends_at"]


def test_a_temperature_passes_the_limit_that_it_exceeds() -> None:
    passed = make("thermostat.temperature_threshold_exceeded")
    assert passed["temperature_celsius"] > passed["upper_limit_celsius"]
    within = make("thermostat.temperature_threshold_no_longer_exceeded")
    low, high = within["lower_limit_celsius"], within["upper_limit_celsius"]
    assert low < within["temperature_celsius"] < high


@pytest.mark.parametrize(
    ("given", "other"),
    [
        ({"temperature_celsius": 30}, {"temperature_fahrenheit": 86.0}),
        ({"temperature_fahrenheit": 86}, {"temperature_celsius": 30.0}),
        ({"lower_limit_celsius": None}, {"lower_limit_fahrenheit": None}),
        ({"lower_limit_fahrenheit": None}, {"lower_limit_celsius": None}),
        (
            {"temperature_celsius": 30, "temperature_fahrenheit": 1},
            {"temperature_celsius": 30, "temperature_fahrenheit": 1},
        ),
    ],
)
def test_a_given_temperature_takes_the_other_unit_along(
    given: dict[str, object], other: dict[str, object]
) -> None:
    event = make("thermostat.temperature_threshold_exceeded", given)
    assert event.items() >= {**given, **other}.items()


def test_a_door_opened_without_a_code_names_none() -> None:
    assert make("lock.unlocked").keys() >= {"access_code_id", "code"}
    for event in (
        make("lock.unlocked", {"method": "manual"}),
        make("lock.locked"),
        make("lock.access_denied"),
    ):
        assert not event.keys() & {"access_code_id", "code"}
    assert make("lock.unlocked", {"method": "manual", "code": "1"})["code"] == "1"


@pytest.mark.parametrize(
    ("event_type", "where", "code"),
    [
        ("access_code.failed_to_set_on_device", "access_code_errors", "failed_to_set_on_device"),
        ("access_code.delay_in_issuing", "access_code_warnings", "delay_in_issuing"),
        ("acs_system.disconnected", "acs_system_errors", "acs_system_disconnected"),
        ("connected_account.disconnected", "connected_account_errors", "account_disconnected"),
        ("device.connection_became_flaky", "device_warnings", "device_has_flaky_connection"),
        ("device.error.subscription_required", "device_errors", "subscription_required"),
        ("device.unmanaged.disconnected", "device_errors", "device_disconnected"),
    ],
)
def test_an_issue_tells_what_the_event_is_about(event_type: str, where: str, code: str) -> None:
    event = make(event_type)
    lists = {name: value for name, value in event.items() if name.endswith(("errors", "warnings"))}
    [issue] = lists.pop(where)
    assert code in issue.values()
    assert issue["created_at"] == event["occurred_at"]
    assert all(value == [] for value in lists.values())


def test_an_issue_says_in_a_sentence_what_is_wrong() -> None:
    [error] = make("access_code.failed_to_set_on_device")["access_code_errors"]
    assert error["message"] == "The code could not be set."


def test_an_issue_is_as_old_as_the_event() -> None:
    then = "2020-01-01T00:00:00Z"
    [error] = make("device.disconnected", {"occurred_at": then})["device_errors"]
    assert error["created_at"] == then


def test_given_fields_replace_values() -> None:
    event = make("lock.unlocked", {"method": "palm_vein", "is_via_nfc": True})
    assert event["method"] == "palm_vein"
    assert event["is_via_nfc"] is True


def test_an_unknown_type_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownEventType, match=r"did you mean lock\.locked"):
        make("lock.lockd")


@pytest.mark.parametrize("several", ["lock", "lock.", "lock.*", "lock*"])
def test_a_pattern_is_refused_with_what_fits_it(several: str) -> None:
    with pytest.raises(UnknownEventType) as caught:
        make(several)
    assert "did you mean lock.access_denied or lock.locked or lock.unlocked?" in str(caught.value)


def test_an_unknown_type_is_refused_with_where_all_are_listed() -> None:
    with pytest.raises(UnknownEventType, match="`bellhop types` lists all"):
        make("zzz")


def test_the_type_cannot_be_changed_by_a_field() -> None:
    with pytest.raises(InvalidField, match=r"ask for an event of 'lock\.locked' instead"):
        make("lock.unlocked", {"event_type": "lock.locked"})
    with pytest.raises(InvalidField, match="event_type cannot be set"):
        read_field("lock.unlocked", "event_type", "lock.locked")
    assert make("lock.locked", {"event_type": "lock.locked"})["event_type"] == "lock.locked"
    assert read_field("lock.locked", "event_type", "lock.locked") == "lock.locked"


def test_an_unknown_field_is_refused_with_the_nearest_and_the_list() -> None:
    with pytest.raises(UnknownField, match="did you mean battery_level") as caught:
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
        read_field("lock.locked", "metod", "1")


def test_a_type_that_nobody_knows_yet_has_what_all_of_its_resource_have() -> None:
    event = make("lock.jammed", {"jammed_for": 7})
    assert event["device_id"] == make("lock.locked")["device_id"]
    assert event["jammed_for"] == 7
    assert isinstance(parse(json.dumps(event).encode()).event, LockEvent)
    for event_type in ("robot.exploded", "device.unmanaged.vanished", "acs_system.on_fire"):
        assert parse(json.dumps(make(event_type)).encode()).event.event_type == event_type


def test_values_of_python_stand_in_json_as_seam_writes_them() -> None:
    noon = datetime(2026, 1, 31, 13, tzinfo=timezone(timedelta(hours=1)))
    event = make("lock.unlocked", {"occurred_at": noon, "guest": {"id": UUID(int=7), "at": [noon]}})
    assert event["occurred_at"] == "2026-01-31T12:00:00Z"
    assert event["guest"] == {"id": str(UUID(int=7)), "at": ["2026-01-31T12:00:00Z"]}
    with pytest.raises(InvalidField, match="occurred_at: expected a time with its offset"):
        make("lock.unlocked", {"occurred_at": datetime(2026, 1, 31)})
    with pytest.raises(InvalidField, match="guest: JSON has nothing for a value of the type objec"):
        make("lock.unlocked", {"guest": [object()]})
    with pytest.raises(InvalidField, match="guest: JSON has nothing for nan"):
        make("lock.unlocked", {"guest": [float("nan")]})
    with pytest.raises(UnknownEventType, match=r"did you mean lock\.unlocked"):
        make("LOCK.UNLOCKED")


@pytest.mark.parametrize(
    ("text", "value"), [("7", 7), ("seven", "seven"), ("[1]", [1]), ("07", "07")]
)
def test_a_field_that_a_type_does_not_have_is_read_as_json_if_it_is(
    text: str, value: object
) -> None:
    assert read_field("lock.locked", "lucky", text) == value
