"""What an event is about: its type, and every resource whose id it carries."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from bellhop.events.base import SeamEvent, is_of_one_type
from bellhop.events.catalogue import TYPES
from bellhop.uuids import is_uuid

UNKNOWN: Final = "?"
"""The `event_type` by which all events are found whose type nobody knew when they came."""

_NONE: Final = frozenset({"event_id", "workspace_id"})
"""Ids that find one event, or all of them."""

_LONGEST: Final = 200
_MOST: Final = 50


class _Field(NamedTuple):
    name: str
    subject: str
    """`device_id`, also where the field is the list `device_ids`."""


def subjects_of(event: SeamEvent) -> tuple[str, ...]:
    """Return what the event can be found by, each as `field value`: `device_id 6f1a…`.

    Fields are named in the singular: an id in `space_ids` is a `space_id`. At most 50 of them, and
    none longer than 200 characters: a body could be all ids. The attempts at a device can be found
    by themselves, as `attempts_of_device_id 6f1a…`.
    """
    found = [f"event_type {event.event_type}"]
    if not is_of_one_type(type(event)):
        found.append(f"event_type {UNKNOWN}")
    found += _in(event.__dict__, _fields(type(event)))
    if extra := event.__pydantic_extra__:
        found += _in(extra, filter(None, map(_field, extra)))
    attempts = [one for one in found if one.startswith("action_attempt_id ")]
    devices = [one for one in found if one.startswith("device_id ")]
    if attempts and devices:
        found[1:1] = [attempts[0], f"attempts_of_{devices[0]}"]
    return tuple(dict.fromkeys(found))[:_MOST] if len(found) > 1 else tuple(found)


def known_subjects(subjects: Iterable[str]) -> tuple[str, ...]:
    """Return those that hold an id which Seam's schema knows, or that look as Seam's ids do.

    For where nothing else of a body may be told: nobody knows what a new field may hold.
    """
    return tuple(
        subject
        for subject in subjects
        for name, _, value in [subject.partition(" ")]
        if name in _known() or is_uuid(value)
    )


@cache
def _known() -> frozenset[str]:
    classes = (SeamEvent, *TYPES.values())
    named = {field.subject for cls in classes for field in _fields(cls)}
    return frozenset({"event_type", "attempts_of_device_id", *named})


def id_fields() -> frozenset[str]:
    """Return the names of the ids by which events can be found."""
    return _known() - {"event_type"}


@cache
def _fields(cls: type[SeamEvent]) -> tuple[_Field, ...]:
    return tuple(filter(None, map(_field, cls.model_fields)))


def _field(name: str) -> _Field | None:
    if name in _NONE:
        return None
    if name.endswith("_id") or name == "customer_key":
        return _Field(name, name)
    return _Field(name, name[:-1]) if name.endswith("_ids") else None


def _in(values: Mapping[str, Any], fields: Iterable[_Field]) -> Iterator[str]:
    for name, subject in fields:
        value = values[name]
        for one in value[:_MOST] if isinstance(value, list) else (value,):
            if one and isinstance(one, str) and len(one) <= _LONGEST:
                yield f"{subject} {one}"
