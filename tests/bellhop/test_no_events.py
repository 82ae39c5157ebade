"""What is no event is refused, in words that hold no secret."""

from typing import Any

import pytest

from bellhop.events import NotASeamEvent, parse
from tests.bellhop.bodies import UNLOCKED, body, kinds, of_type, problems


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
            "event_id: expected 1 to 200 characters without white space, "
            "got a string of 3 characters",
        ),
        (
            of_type("device.low_battery", battery_level="high"),
            "battery_level: expected a number, got a string of 4 characters",
        ),
        (
            body(is_via_nfc="ja"),
            "is_via_nfc: expected true or false, got a string of 2 characters",
        ),
        (body(device_id={"code": "1234"}), "device_id: expected a string, got an object"),
        (body(code=1234), "code: expected a string, got a number"),
        (
            of_type("access_code.code_changed", to="1234"),
            "to: expected an object, got a string of 4 characters",
        ),
        (
            of_type("access_code.code_changed", to={"code": 1234}),
            "to.code: expected a string, got a number",
        ),
        (
            of_type("access_code.changed", changed_properties=[{"property": "code", "to": 1234}]),
            "changed_properties.0.to: expected a string, got a number",
        ),
        (body(method=["x"] * 1000), "method: expected a string, got a list"),
        (
            of_type("device.low_battery", battery_level="x" * 1000),
            "battery_level: expected a number, got a string of 1000 characters",
        ),
        (
            body(device_custom_metadata='{"code": "9876"}'),
            "device_custom_metadata: expected an object, got a string of 16 characters",
        ),
        (
            b'{"event_id":"e","event_type":"x","a":1,"a":2}',
            '"a": stands in one object twice',
        ),
        (
            of_type("access_code.code_changed", to={"code": "12", "codE": "34"}).lower(),
            '"code": stands in one object twice',
        ),
    ],
)
def test_problems_are_said_in_words_without_secrets(data: bytes, words: str) -> None:
    assert problems(data) == (words,)


def test_the_refusal_is_not_chained_to_an_error_that_holds_the_values() -> None:
    with pytest.raises(NotASeamEvent) as caught:
        parse(body(code=1234))
    assert caught.value.__context__ is None
    assert str(caught.value) == "code: expected a string, got a number"


def test_a_colon_after_a_quote_in_a_string_is_no_second_key() -> None:
    assert kinds(body(event_description='"event_id": "x", "event_id": "y"')) == set()
    assert kinds(body(device_custom_metadata={"event_id": "1", "device_id": "2"})) == set()


def test_thousands_of_problems_or_differences_are_cut_short() -> None:
    assert len(problems(of_type("space.created", device_ids=[1] * 5000))) == 10
    new_fields: dict[str, Any] = {f"new_{n}": n for n in range(5000)}
    assert len(parse(body(UNLOCKED | new_fields)).drift) == 50
