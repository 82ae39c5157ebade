"""A copy of an event is the same event, and nothing that is done to it is seen in the other."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bellhop.events import parse
from bellhop.events.base import SeamModel
from bellhop.events.copying import copy_of
from tests.bellhop.events_from_facts import EVENT_TYPES, JSON, Event, valid, written
from tests.examples import examples


def changeable(value: Any) -> list[int]:
    """Return the identities of all objects in a value that can be changed."""
    if isinstance(value, SeamModel):
        parts = [value.__dict__, value.__pydantic_extra__, value.__pydantic_private__]
        own = [id(value), id(value.__pydantic_fields_set__)]
        return own + [one for part in parts if part is not None for one in changeable(part)]
    if isinstance(value, dict):
        return [id(value), *(one for inner in value.values() for one in changeable(inner))]
    if isinstance(value, list):
        return [id(value), *(one for inner in value for one in changeable(inner))]
    return []


@given(st.sampled_from(EVENT_TYPES).flatmap(valid), JSON, st.data())
@settings(deadline=None, max_examples=examples(200))
def test_a_copy_is_equal_and_shares_nothing_that_can_be_changed(
    sent: Event, new: Any, data: st.DataObject
) -> None:
    body = data.draw(written({**sent, "a_new_field": new}))
    event = parse(body).event

    copy = copy_of(event)

    assert type(copy) is type(event)
    assert copy == event
    assert copy.raw == event.raw == body
    assert copy.model_dump_json() == event.model_dump_json()
    assert copy.model_fields_set == event.model_fields_set
    assert repr(copy) == repr(event)
    assert not set(changeable(copy)) & set(changeable(event))


def test_an_event_made_by_hand_is_copied_as_well() -> None:
    event = parse(
        json.dumps({"event_id": "e", "event_type": "lock.jammed", "device_id": "d"}).encode()
    ).event
    event.model_extra["shared"] = {1, 2}  # type: ignore[index]

    copy = copy_of(event)
    copy.model_extra["shared"].add(3)  # type: ignore[index]

    assert event.model_extra["shared"] == {1, 2}  # type: ignore[index]
