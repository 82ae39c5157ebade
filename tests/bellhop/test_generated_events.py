"""Events that hypothesis makes from the facts, and whether each goes the way it should."""

import json
import traceback
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bellhop.events import TYPES, NotASeamEvent, Parsed, SeamEvent, masked, parse
from tests.bellhop.changed_events import Change, allowed, changed, differences, drifting, wrongs
from tests.bellhop.events_from_facts import (
    EVENT_TYPES,
    JSON,
    MARK,
    WORDS,
    Event,
    Fact,
    facts_of,
    full,
    valid,
    written,
)
from tests.examples import examples

any_valid = st.sampled_from(EVENT_TYPES).flatmap(valid)
"""Events of all types."""

quick = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def assert_reached(model: Any, sent: Event, facts: Mapping[str, Fact]) -> None:
    """Check that everything that was sent can be reached as an attribute."""
    for name, value in sent.items():
        if name not in facts:
            assert model.model_extra[name] == value
            continue
        found, fact = getattr(model, "from_" if name == "from" else name), facts[name]
        if value is None:
            assert found is None
        elif fact.type == "time":
            time = datetime.fromisoformat(value)
            assert (found, found.utcoffset()) == (time, time.utcoffset())
        elif fact.inside:
            assert_reached(found, value, fact.inside)
        elif fact.item and fact.item.inside:
            for one, item in zip(found, value, strict=True):
                assert_reached(one, item, fact.item.inside)
        else:
            assert found == (float(value) if fact.type == "number" else value)
            assert isinstance(found, bool) == isinstance(value, bool)


def accepted(body: bytes, sent: Event) -> Parsed:
    """Parse an event; check that it is what was sent, and that it shows no secret."""
    parsed = parse(body)
    event = parsed.event
    assert type(event) is TYPES.get(sent["event_type"], SeamEvent)
    facts = facts_of(sent["event_type"]) if sent["event_type"] in TYPES else {}
    assert event.raw == body
    if facts:
        assert_reached(event, sent, facts)
    shown = json.dumps(masked(event)) + repr(event) + str(event) + repr(parsed.drift)
    assert MARK not in shown
    assert bool(event.secrets()) == (MARK in json.dumps(sent))
    assert all(MARK in secret for secret in event.secrets())
    return parsed


def assert_drift(parsed: Parsed, event_type: str, changes: list[Change]) -> None:
    """Check that what was changed is named, once, and nothing else is."""
    named = sorted((drift.field, drift.kind) for drift in parsed.drift)
    assert named == sorted({(change.field, change.kind) for change in changes})
    for drift in parsed.drift:
        assert drift.event_type == event_type
        assert (drift.example is None) == (drift.kind == "missing_field")
        assert len(drift.example or "") <= 70


def refused(body: bytes) -> str:
    """Check that a body is no event, for one reason, which holds no secret; return the reason."""
    with pytest.raises(NotASeamEvent) as caught:
        parse(body)
    error = caught.value
    assert MARK not in "".join(traceback.format_exception(error)) + repr(error)
    assert error.__context__ is None
    (problem,) = error.problems
    assert 0 < len(problem) < 200
    return problem


# Every type, one thing at a time


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_the_least_and_the_most_that_seam_may_send_are_without_drift(event_type: str) -> None:
    for sent in (full(event_type), full(event_type, optional=False)):
        assert accepted(json.dumps(sent).encode(), sent).drift == ()


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_value_that_the_facts_name_is_without_drift(event_type: str) -> None:
    event = full(event_type)
    for change in allowed(event):
        sent = changed(event, change)
        assert accepted(json.dumps(sent).encode(), sent).drift == (), change


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_single_difference_is_drift_of_that_kind_in_that_field(event_type: str) -> None:
    event = full(event_type)
    for change in differences(event):
        sent = changed(event, change)
        parsed = accepted(json.dumps(sent).encode(), sent)
        assert_drift(parsed, event_type, [change])


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_single_wrong_type_and_missing_id_is_refused_by_name(event_type: str) -> None:
    event = full(event_type)
    for change in wrongs(event):
        problem = refused(json.dumps(changed(event, change)).encode())
        assert problem.startswith(change.kind), change


@pytest.mark.parametrize("event_type", EVENT_TYPES)
@given(st.data())
@settings(quick, max_examples=examples(4))
def test_what_the_facts_allow_of_a_type_is_accepted_without_drift(
    event_type: str, data: st.DataObject
) -> None:
    sent = data.draw(valid(event_type))
    assert accepted(data.draw(written(sent)), sent).drift == ()


# All types, many things at once


@given(any_valid, st.data())
@settings(quick, max_examples=examples(200))
def test_a_valid_event_is_accepted_without_drift(sent: Event, data: st.DataObject) -> None:
    assert accepted(data.draw(written(sent)), sent).drift == ()


@given(any_valid.flatmap(drifting), st.data())
@settings(quick, max_examples=examples(200))
def test_drift_names_exactly_what_was_changed(
    drifted: tuple[Event, list[Change]], data: st.DataObject
) -> None:
    sent, changes = drifted
    assert_drift(accepted(data.draw(written(sent)), sent), sent["event_type"], changes)


@given(any_valid.flatmap(drifting), WORDS.filter(lambda word: word and word not in TYPES))
@settings(quick, max_examples=examples(100))
def test_of_a_type_that_nobody_knows_the_type_is_the_only_difference(
    drifted: tuple[Event, list[Change]], event_type: str
) -> None:
    sent = {**drifted[0], "event_type": event_type}
    parsed = accepted(json.dumps(sent).encode(), sent)
    assert_drift(parsed, event_type, [Change(("event_type",), event_type, "unknown_type")])


@given(any_valid, st.data())
@settings(quick, max_examples=examples(200))
def test_one_wrong_thing_in_any_event_is_refused_by_name(sent: Event, data: st.DataObject) -> None:
    change = data.draw(st.sampled_from(list(wrongs(sent))))
    problem = refused(data.draw(written(changed(sent, change))))
    assert problem.startswith(change.kind)


def with_field(body: bytes, name: str, value: bytes) -> bytes:
    """Write one more field in front of the others."""
    return b'{"' + name.encode() + b'":' + value + b"," + body.lstrip()[1:]


@given(any_valid.flatmap(written), st.data())
@settings(quick, max_examples=examples(100))
def test_a_body_that_is_cut_off_or_has_too_much_is_refused(
    body: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(body) - 1))
    assert refused(body[:at]).startswith("not JSON: ")
    assert refused(body + body[at:]).startswith("not JSON: ")
    for byte in (b"\xff", b"\xc3", b"\x00"):
        assert refused(body[:at] + byte + body[at:]).startswith("not JSON: ")


@given(any_valid, st.data())
@settings(quick, max_examples=examples(100))
def test_what_is_no_number_is_refused_anywhere(sent: Event, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*sent, "new_field"]))
    value = data.draw(st.sampled_from([float("nan"), float("inf"), float("-inf")]))
    for inside in (value, [value], {"pin": value}):
        assert refused(json.dumps({**sent, name: inside}).encode()).startswith("not JSON: ")


def test_a_string_is_refused_and_not_repeated() -> None:
    assert refused(b'"lock.unlocked"') == "expected an object, got a string of 13 characters"


@given(any_valid, st.data())
@settings(quick, max_examples=examples(100))
def test_a_field_that_stands_twice_is_refused_by_name(sent: Event, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(sent)))
    first = data.draw(st.just(sent[name]) | JSON)
    once = data.draw(written(sent))
    twice = with_field(once, name, json.dumps(first).encode())
    for body in (twice, with_field(once, "new_field", b"[" + twice + b"]")):
        assert refused(body) == f'"{name}": stands in one object twice'


@given(any_valid.flatmap(written))
@settings(quick, max_examples=examples(50))
def test_an_event_in_a_list_or_a_string_is_refused(body: bytes) -> None:
    assert refused(b"[" + body + b"]") == "expected an object, got a list"


@pytest.mark.parametrize("name", [None, "device_custom_metadata", "reason"])
def test_a_code_in_json_that_was_written_twice_is_not_quoted(name: str | None) -> None:
    event = {"event_id": "e", "event_type": "lock.access_denied"}
    twice = json.dumps({"code": MARK})
    refused(json.dumps({**event, name: twice} if name else twice).encode())


@pytest.mark.parametrize(
    ("scalar", "shape"),
    [(b"7", "a number"), (b"0.5", "a number"), (b"true", "true or false"), (b"null", "null")],
)
def test_a_scalar_is_refused(scalar: bytes, shape: str) -> None:
    assert refused(scalar) == f"expected an object, got {shape}"


@given(any_valid.flatmap(written), st.integers(201, 100_000), st.sampled_from([b"[", b'{"a":']))
@settings(quick, max_examples=examples(50))
def test_an_event_that_is_too_deep_is_refused(body: bytes, depth: int, opening: bytes) -> None:
    closing = b"1" + (b"]" if opening == b"[" else b"}") * depth
    assert refused(with_field(body, "new_field", opening * depth + closing)).startswith("not JSON")


@given(any_valid.flatmap(written), st.integers(4400, 500_000), st.sampled_from([b"", b"-"]))
@settings(quick, max_examples=examples(50))
def test_a_number_of_thousands_of_digits_is_refused(body: bytes, digits: int, sign: bytes) -> None:
    number = sign + b"7" * digits
    assert refused(with_field(body, "new_field", number)).startswith("not JSON: ")


@given(any_valid.flatmap(written))
@settings(quick, max_examples=examples(30))
def test_half_a_character_is_refused(body: bytes) -> None:
    assert refused(with_field(body, "new_field", b'"\\ud800"')).startswith("not JSON: ")
