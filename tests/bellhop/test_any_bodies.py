"""Whatever a body holds, it is parsed or refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellhop.events import TYPES, NotASeamEvent, masked, parse
from tests.bellhop.events_from_facts import FACTS

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
