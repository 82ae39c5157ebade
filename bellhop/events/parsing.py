"""Turns the body of a delivery into an event, or says why it is none."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain
from math import isfinite
from typing import Any, Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

from bellhop.errors import BellhopError
from bellhop.events.base import SeamEvent, SeamModel
from bellhop.events.catalogue import TYPES, base_of
from bellhop.events.drift import MOST_DRIFT, Drift, drift_of
from bellhop.events.fields import UNREADABLE_TIME
from bellhop.events.masking import hide, shown
from bellhop.events.shape import shape_of


class NotASeamEvent(BellhopError):
    """A body that cannot be read as an event. `problems` says in words what is wrong with it."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems: tuple[str, ...] = problems


class Parsed(NamedTuple):
    """An event, and where it differs from Seam's schema."""

    event: SeamEvent
    drift: tuple[Drift, ...]


_EXPECTED: Final = {
    "bool_type": "true or false",
    "dict_type": "an object",
    "finite_number": "a number of ordinary size",
    "float_type": "a number",
    "list_type": "a list",
    "model_type": "an object",
    "string_too_long": "a string of at most 200 characters",
    "string_too_short": "a string that is not empty",
    "string_type": "a string",
    UNREADABLE_TIME: "a time with its offset, such as 2026-01-31T12:00:00Z",
}
_COLON: Final = re.compile(rb'"\s*:')
_HUGE: Final = (re.compile(rb"[eE]\+?\d{3}"), re.compile(rb"\d{200}"))
"""One of them is in every number that is larger than a float can be: with an exponent below 100, it
takes 210 digits. (Faster than both in one.)"""

_TYPE: Final = re.compile(rb'"event_type":\s*"([^"\\]*)"')
_WHITE: Final = b" \t\r\n"
_FLAT: Final = frozenset({str, type(None), bool, int, datetime})
"""What has neither keys nor a fraction."""

_MOST: Final = 10
"""How many problems are told: a list of thousands can be wrong in every place."""

_EXPECTED_EVENT_ID: Final = "1 to 200 characters without white space"


def parse(body: bytes) -> Parsed:
    """Read an event from the body of a delivery.

    One of a type that nobody knows yet is of the base class of its resource, such as `LockEvent`
    for `lock.jammed`, if it fits that, and else a plain `SeamEvent`. Raises NotASeamEvent, and
    nothing else, for a body that is no JSON object, that lacks `event_id`, `event_type` or the id
    of the resource it is about, or in which a known field has the wrong type. A time that cannot be
    read counts as one that is missing.
    """
    event = _read_usual(body)
    return Parsed(event, drift_of(event)) if event else _read_any(body)


def _read_usual(body: bytes) -> SeamEvent | None:
    """Read an event of a known type, as nearly all are, without parsing it a second time.

    Returns `None` unless it is sure that no key stands twice and that no number is too large.
    """
    named = _TYPE.search(body)
    cls = TYPES.get(named[1].decode(errors="replace")) if named else None
    if cls is None or b"NaN" in body or b"Infinity" in body:
        return None
    try:
        event = _validated(cls, body)
    except ValidationError:
        return None
    # As many keys as colons behind a quote: then none was dropped for standing twice. (A quote in a
    # string, with a colon behind it, makes them more.)
    colons = body.translate(None, _WHITE).count(b'":')
    inside = _inside(event)
    keys = len(event.__pydantic_fields_set__) + sum(map(_keys, inside))
    return event if colons == keys and all(map(_is_finite, inside)) else None


def _validated(cls: type[SeamEvent], body: bytes) -> SeamEvent:
    event: SeamEvent = cls.__pydantic_validator__.validate_json(body, by_alias=True, by_name=False)
    event._keep(body)
    return event


def _read_any(body: bytes) -> Parsed:
    sent = _object(body)
    details: list[ErrorDetails] = []
    for cls in _classes(sent.get("event_type")):
        try:
            return _validated_but_for_times(cls, body, sent)
        except ValidationError as error:
            # The error holds the values that were sent, so it must not be chained to ours.
            details = error.errors(include_url=False)[:_MOST]
    raise NotASeamEvent(*map(_problem, details))


def _validated_but_for_times(cls: type[SeamEvent], body: bytes, sent: dict[str, object]) -> Parsed:
    """Read an event without the times in it that cannot be read. They are drift."""
    try:
        event = _validated(cls, body)
    except ValidationError as error:
        details = error.errors(include_url=False)
        if any(detail["type"] != UNREADABLE_TIME for detail in details):
            raise
        for detail in details:
            _take_out(sent, detail["loc"])
    else:
        return Parsed(event, drift_of(event))
    event = _validated(cls, to_json(sent))
    event._keep(body)
    times = {_path(detail["loc"]): detail["input"] for detail in details}
    secrets = event.secrets()
    return Parsed(
        event,
        (
            *(
                Drift(event.event_type, hide(field, secrets), UNREADABLE_TIME, shape_of(value))
                for field, value in times.items()
            ),
            # What was taken out is not missing.
            *(one for one in drift_of(event) if one.field not in times),
        )[:MOST_DRIFT],
    )


def _take_out(sent: Any, path: Sequence[str | int]) -> None:
    for step in path[:-1]:
        sent = sent[step]
    del sent[path[-1]]


def _path(path: Sequence[str | int]) -> str:
    """Return the name of a field as drift has it: without places in lists."""
    return ".".join(step for step in path if isinstance(step, str))


def parse_again(body: bytes, event_type: str) -> SeamEvent:
    """Read an event of that type that `parse` has read before, in a third of the time.

    What it may not be was looked for then, and so was drift. Raises NotASeamEvent if it cannot be
    read any more.
    """
    for cls in _classes(event_type):
        with suppress(ValidationError):
            return _validated(cls, body)
    return parse(body).event


def _classes(event_type: object) -> tuple[type[SeamEvent], ...]:
    """Return the classes that an event can be of, the best first."""
    if not isinstance(event_type, str):
        return (SeamEvent,)
    known = TYPES.get(event_type)
    return (known,) if known else (base_of(event_type), SeamEvent)


def _object(body: bytes) -> dict[str, object]:
    """Return the JSON object in the body; in it and inside of it, no key may stand twice."""
    try:
        sent = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        # Says what was expected and where, and quotes nothing of the body.
        problem = f"not JSON: {error}"
    else:
        if not isinstance(sent, dict):
            raise NotASeamEvent(f"expected an object, got {shape_of(sent)}")
        # As many keys as colons after a quote: then none was dropped for standing twice.
        if len(_COLON.findall(body)) != _keys(sent) and (twice := _twice(body)):
            raise NotASeamEvent(
                *(f"{shown(key)}: stands in one object twice" for key in twice[:_MOST])
            )
        if any(huge.search(body) for huge in _HUGE) and not _is_finite(sent):
            raise NotASeamEvent("a number in it is too large")
        return sent
    raise NotASeamEvent(problem)


def _is_finite(value: object) -> bool:
    """Say whether no number, at any depth, was so large that it became infinity."""
    if isinstance(value, float):
        return isfinite(value)
    return all(map(_is_finite, _inside(value)))


def _keys(value: object) -> int:
    """Count the keys of an object, or an event, and of all objects inside of it."""
    own = 0
    if isinstance(value, dict):
        own = len(value)
    elif isinstance(value, SeamModel):
        own = len(value.__pydantic_fields_set__)
    return own + sum(map(_keys, _inside(value)))


def _inside(value: object) -> list[object]:
    """Return what may have a key, or a number with a fraction, right inside of a value."""
    found: Iterable[object] = ()
    if isinstance(value, dict):
        found = value.values()
    elif isinstance(value, list):
        found = value
    elif isinstance(value, SeamModel):
        found = value.__dict__.values()
        if value.__pydantic_extra__:
            found = chain(found, value.__pydantic_extra__.values())
    return [one for one in found if one.__class__ not in _FLAT]


def _twice(body: bytes) -> list[str]:
    """Return the keys that stand more than once in an object, at any depth, the innermost first."""
    twice: list[str] = []

    def note(pairs: list[tuple[str, object]]) -> None:
        times = Counter(key for key, _ in pairs)
        twice.extend(key for key in times if times[key] > 1)

    json.loads(body, object_pairs_hook=note, parse_int=str)
    return twice


def _problem(detail: ErrorDetails) -> str:
    """Say in words what is wrong with one field, with nothing of what was sent in it."""
    path, kind = detail["loc"], detail["type"]
    field = ".".join(str(part) for part in path)
    if kind == "missing":
        return f"{field}: is missing"
    if path == ("event_id",) and kind == "string_pattern_mismatch":
        expected = _EXPECTED_EVENT_ID
    else:
        expected = _EXPECTED.get(kind, "another value")
    return f"{field}: expected {expected}, got {shape_of(detail['input'])}"
