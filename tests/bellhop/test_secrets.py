"""What opens a door is shown nowhere, and is there all the same."""

import io
import json
from traceback import TracebackException
from typing import Any

import pytest
from pydantic import ValidationError
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback

import bellhop.events as events
from bellhop.events import TYPES, LockUnlockedEvent, SeamEvent, masked, parse
from bellhop.events.base import SeamModel
from bellhop.events.drift import schema_of
from bellhop.events.masking import DOTS, is_secret_name
from tests.bellhop.bodies import UNLOCKED, body, of_type, problems
from tests.bellhop.events_from_facts import EVENT_TYPES, MARK, full


@pytest.mark.parametrize(
    "data",
    [
        body(code="9876"),
        body(pin=9876),
        body(event_type="lock.jammed", code="9876"),
        body(event_type="lock.jammed", deep=[{"pin": "9876"}]),
        body(device_custom_metadata={"code": "9876"}),
        of_type("access_code.code_changed", to={"code": "9876"}, **{"from": {"code": "9876"}}),
        of_type(
            "access_code.changed",
            changed_properties=[{"property": "code", "from": "9876", "to": "9876"}],
        ),
        of_type(
            "access_code.mutations_requested",
            requested_mutations=[
                {"mutation_code": "updating_code", "from": {"code": "9876"}, "to": {"code": "9876"}}
            ],
        ),
        of_type("device.disconnected", device_errors=[{"message": "x", "code": "9876"}]),
        body(event_type="lock.jammed", changed_properties=[{"property": "pin", "to": "9876"}]),
        body(event_type="lock.jammed", changed_properties=[{"property": "Code", "to": "9876"}]),
        of_type("access_code.changed", changed_properties=[{"from": "9876", "to": "98765"}]),
        of_type("access_code.changed", changed_properties=[{"property": None, "to": "9876"}]),
        body(code={"digits": "9876"}, event_type="lock.jammed"),
        body(access_code="9876"),
        body(pin_code=9876, new_codes=["9876", ["9876"]], Old_PINs=["9876"]),
        body(access_code={"digits": "1", "code": "9876"}),
        body(access_codes=[{"access_code_id": "x", "code": "9876"}]),
        of_type(
            "access_code.changed",
            changed_properties=[{"property": "access_code", "from": "9876", "to": "9876"}],
        ),
        body(payload='{"code":"9876"}'),
        body(payload=' [{"new_pin":["9876"]}]'),
        body(payload=json.dumps(json.dumps({"code": "9876"}))),
        body(payload='{"code":"9876'),
        body(code="9876", event_description="Code 9876 was used."),
        body(code="9876", **{"9876": 9876, "long": "z" * 57 + "9876", "deep": [{"x": "9876"}]}),
        of_type(
            "device.disconnected",
            event_description="Code 9876 used",
            device_errors=[{"message": "the code 9876", "code": "9876", "9876": ["9876"]}],
        ),
        of_type("lock.access_denied", reason={"message": "9876?"}, code="9876"),
    ],
)
def test_a_secret_is_shown_nowhere_and_still_there(data: bytes) -> None:
    event, drift = parse(data)
    for text in (
        repr(event),
        str(event),
        pretty_repr(event),
        json.dumps(masked(event)),
        repr(drift),
    ):
        assert "9876" not in text
    assert DOTS in repr(event)
    assert any("9876" in secret for secret in event.secrets())
    assert b"9876" in event.raw


def with_marked_codes(event_type: str) -> SeamEvent:
    """Return an event with all its fields, every code in which holds the digits of MARK."""
    return parse(json.dumps(full(event_type)).encode()).event


def fail(event: SeamEvent) -> None:
    """Fail as a handler can, with the event and its models among its locals."""
    nested = [part for part in event.__dict__.values() if isinstance(part, SeamModel | list)]
    again = parse(event.raw)  # noqa: F841
    raise ValueError(f"{event} {nested}")


FIRST = {event_type.partition(".")[0]: event_type for event_type in reversed(EVENT_TYPES)}
"""A type of each resource. (To show an event as rich does takes a tenth of a second.)"""


@pytest.mark.parametrize(
    "event_type",
    [
        pytest.param(event_type, marks=() if event_type in FIRST.values() else pytest.mark.long)
        for event_type in EVENT_TYPES
    ],
)
def test_a_traceback_with_locals_shows_no_secret(event_type: str) -> None:
    event = with_marked_codes(event_type)
    with pytest.raises(ValueError, match="event_id=") as caught:
        fail(event)
    plain = TracebackException.from_exception(caught.value, capture_locals=True)
    console = Console(file=io.StringIO(), width=1000)
    rich = Traceback.from_exception(
        caught.type, caught.value, caught.tb, show_locals=True, locals_max_string=100_000
    )
    console.print(rich, event, [event])
    assert isinstance(console.file, io.StringIO)
    for shown in ("".join(plain.format()), console.file.getvalue()):
        assert "again = " in shown
        assert type(event).__name__ in shown
        assert MARK not in shown


def test_a_secret_that_stands_in_a_string_beside_another_is_not_shown() -> None:
    event, drift = parse(body(payload='{"code":"9876","code":null}'))
    assert "9876" not in repr(event) + repr(drift) + str(masked(event))


def test_no_end_of_a_secret_is_shown_where_a_text_is_cut() -> None:
    _, (drift, *_) = parse(body(code="472398", method="z" * 55 + "472398"))
    assert drift.example == f'"{"z" * 55}•••…'


@pytest.mark.parametrize("name", ["pincode", "otp", "doorCode", "token", "lucky_number", "4"])
@pytest.mark.parametrize("value", ["98761", 98761, ["98761"], {"x": "98761"}])
def test_of_a_field_that_nobody_knows_only_type_and_length_are_told(name: str, value: Any) -> None:
    _, (drift,) = parse(body(**{name: value}))
    assert drift.field == name
    assert drift.example in ("a string of 5 characters", "a number", "a list", "an object")


def test_no_value_stands_in_a_problem() -> None:
    told = problems(of_type("device.low_battery", battery_level="it is 9876"))
    assert told == ("battery_level: expected a number, got a string of 10 characters",)


@pytest.mark.parametrize(
    "name",
    [
        *("otp", "pincode", "doorCode", "door-code", "newPin", "accessCode", "CODE"),
        *("token", "refreshToken", "apiKey", "api_key", "private_key"),
        *("password", "client_secret", "wifi_passphrase"),
    ],
)
def test_a_new_field_with_the_name_of_a_secret_is_one(name: str) -> None:
    event = parse(body(**{name: "98761", "metadata": {name: "98762"}})).event
    assert event.secrets() == {"98761", "98762"}
    assert "9876" not in repr(event)


NO_SECRETS = {
    "error_code": "9876",
    "warning_code": 9876,
    "reason_code": "9876",
    "last_error_code": "9876",
    "mutation_code": "9876",
    "errorCode": "9876",
    "customer_key": "9876",
    "compassion": 9876,
    "is_code": "9876",
    "codec": 9876,
    "barcode": "9876",
    "codes_": 9876,
}


@pytest.mark.parametrize("name", NO_SECRETS)
def test_a_name_that_is_only_a_little_like_that_of_a_secret_is_shown(name: str) -> None:
    event = parse(body(**{name: NO_SECRETS[name]})).event
    assert "9876" in repr(event)
    assert event.secrets() == frozenset()


def names_in(model: type[SeamModel]) -> set[str]:
    nested = schema_of(model).nested.values()
    return set(schema_of(model).names.values()).union(*map(names_in, nested))


def test_of_the_names_that_seam_uses_those_of_secrets_are_known() -> None:
    names = set().union(*map(names_in, TYPES.values()))
    assert {name for name in names if is_secret_name(name)} == {"code"}


def test_any_number_of_secrets_and_of_names_is_taken() -> None:
    codes = [f"{number:05}" for number in range(3000)]
    event, drift = parse(body(new_codes=codes, note="00001", **dict.fromkeys(codes, 1)))
    assert len(event.secrets()) == 3000
    assert "00001" not in repr(event) + repr(drift)


def test_a_repr_gives_no_orders_to_a_terminal() -> None:
    event = parse(body(**{"\x1b[2J\n": 1, "x": "\x9b"})).event
    assert repr(event).isprintable()
    assert str(event).isprintable()


def test_an_event_with_secrets_is_not_changed_by_being_shown() -> None:
    data = of_type("device.disconnected", code="9876", device_errors=[{"message": "9876"}])
    event = parse(data).event
    assert "9876" not in repr(event)
    assert isinstance(event, events.DeviceDisconnectedEvent)
    assert event.device_errors
    assert event.device_errors[0].message == "9876"


def test_the_attribute_gives_the_secret() -> None:
    event = parse(body(code="9876")).event
    assert isinstance(event, LockUnlockedEvent)
    assert event.code == "9876"


def test_what_only_looks_like_a_secret_stays_visible() -> None:
    event = parse(of_type("device.disconnected", error_code="hub_disconnected")).event
    assert "hub_disconnected" in repr(event)
    assert "device_disconnected" in repr(event)
    assert event.secrets() == frozenset()


def test_a_masked_copy_is_plain_json() -> None:
    assert masked(parse(body(code="9876", device_id=None)).event) == {
        **UNLOCKED,
        "device_id": None,
        "code": DOTS,
        "created_at": "2026-01-31T12:00:00.123000Z",
    }
    assert masked({"code": 1, "pin": None, "to": [("code", "x")]}) == {
        "code": DOTS,
        "pin": None,
        "to": [["code", "x"]],
    }


def test_a_repr_names_the_class_and_what_was_sent() -> None:
    event = LockUnlockedEvent(event_id="e", event_type="lock.unlocked", code="1", method="card")
    assert repr(event) == f"LockUnlockedEvent(event_id='e', method='card', code='{DOTS}')"
    plain_event = SeamEvent(event_id="e", event_type="lock.jammed")
    assert repr(plain_event) == "SeamEvent(event_id='e', event_type='lock.jammed')"


def test_an_event_made_wrongly_by_hand_says_no_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        LockUnlockedEvent(event_id="e", event_type="lock.unlocked", code=9876)  # type: ignore[arg-type]
    assert "9876" not in str(caught.value)
