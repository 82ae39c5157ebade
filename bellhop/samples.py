"""Plausible events of every known type, for trying things out.

Values are chosen by the name of a field, so that a new type of event needs little here. Ids stay
the same from call to call: all samples are of one account in one workspace, with a lock, a
thermostat, a noise sensor, a camera and a phone. What is given takes along what hangs on it: the
other unit of a temperature, the code that opened a door.
"""

import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic_core import from_json

from bellhop.errors import BellhopError
from bellhop.events.base import SeamEvent, SeamModel
from bellhop.events.catalogue import TYPES, base_of
from bellhop.events.drift import schema_of
from bellhop.events.parsing import NotASeamEvent, parse
from bellhop.nearest import did_you_mean, nearest
from bellhop.sample_values import ISSUES, USUAL, VALUES
from bellhop.times import written

_TYPE: Final = re.compile(r"[^\s.*]+(\.[^\s.*]+)+")
_TYPO: Final = 0.9
"""How alike a name is to a known one that it must be a typo of: `metod` to `method`."""

_FEW: Final = 25
"""Up to how many fields of a type a message names."""


class UnknownEventType(BellhopError):
    """A sample was asked for of what can be no type of event, or is a typo of one."""


class UnknownField(BellhopError):
    """A sample was asked for with a field whose name is a typo of one that its type has."""


class InvalidField(BellhopError):
    """A value was given that its field cannot have."""


def sample(
    event_type: str,
    fields: Mapping[str, object] | None = None,
    *,
    now: datetime,
    new_id: Callable[[], str],
) -> dict[str, object]:
    """Return an event of that type as Seam would send it, created at `now`.

    `fields` replaces values, or adds fields; the values are taken as they are, and times and UUIDs
    as JSON has them. A type that nobody knows yet has the fields that all of its resource have.
    Raises UnknownEventType, UnknownField, or an InvalidField for another `event_type` and for what
    JSON cannot hold.
    """
    cls = _class_of(event_type)
    given = {name: _as_json(name, value) for name, value in (fields or {}).items()}
    for name, value in given.items():
        _check_field(event_type, name, value)
    occurred_at = given.get("occurred_at", written(now - timedelta(seconds=1.5)))
    chosen = {
        "event_id": new_id(),
        "event_type": event_type,
        "created_at": written(now),
        "occurred_at": occurred_at,
        **_times(now),
        **_issue(event_type, occurred_at),
        **_of_type(event_type, given),
    }
    return {**_filled(cls, chosen, given), **given}


def is_typo(name: str, known: Collection[str]) -> bool:
    """Tell whether a name is none of the known ones, but nearly one of them, or in capitals."""
    return name not in known and bool(get_close_matches(name.lower(), known, n=1, cutoff=_TYPO))


def _as_json(field: str, value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidField(f"{field}: JSON has nothing for {value}")
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): _as_json(field, inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_as_json(field, inner) for inner in value]
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidField(
                f"{field}: expected a time with its offset, such as datetime.now(UTC), got {value}"
            )
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, UUID | date):
        return str(value)
    if isinstance(value, SeamModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    raise InvalidField(f"{field}: JSON has nothing for a value of the type {type(value).__name__}")


def read_field(event_type: str, name: str, text: str) -> object:
    """Turn what was typed on a command line into a value of that field.

    Where a string fits it is taken as it stands; else it is read as JSON. In a field that the type
    does not have, JSON goes first. Raises UnknownEventType, UnknownField, or an InvalidField that
    says what is expected.
    """
    _check_field(event_type, name, text)
    names = schema_of(_class_of(event_type)).names.values()
    candidates: list[object] = [text]
    with suppress(ValueError):
        candidates.append(from_json(text, allow_inf_nan=False))
    if text[:1] in ("[", "{") or name not in names:
        candidates.reverse()
    problems: list[str] = []
    for value in candidates:
        if not (found := _problems_of(event_type, name, value)):
            return value
        problems += found
    raise InvalidField(problems[0])


def _problems_of(event_type: str, name: str, value: object) -> list[str]:
    body = json.dumps({"event_id": "x", "event_type": event_type, name: value})
    try:
        parse(body.encode())
    except NotASeamEvent as error:
        return [p for p in error.problems if p.startswith((f"{name}:", f"{name}."))]
    return []


def _class_of(event_type: str) -> type[SeamEvent]:
    """Return the class of an event type; of one that is not known yet, what `parse` makes of it."""
    if event_type in TYPES:
        return TYPES[event_type]
    if is_typo(event_type, TYPES) or not _TYPE.fullmatch(event_type):
        hint = did_you_mean(nearest(event_type, TYPES), "`bellhop types` lists all")
        raise UnknownEventType(f"Seam sends no {event_type!r}; {hint}")
    return base_of(event_type)


def _check_field(event_type: str, name: str, value: object) -> None:
    names = schema_of(_class_of(event_type)).names.values()
    if is_typo(name, names):
        known = f" It has {', '.join(names)}." if len(names) <= _FEW else ""
        hint = did_you_mean(nearest(name, names))
        raise UnknownField(f"{event_type} has no field {name!r}; {hint}{known}")
    if name == "event_type" and value != event_type:
        raise InvalidField(
            f"event_type cannot be set: ask for an event of {value!r} instead of {event_type}"
        )


def _times(now: datetime) -> dict[str, object]:
    """Return a stay that begins tomorrow, and how it is changed: its name, its code, its end."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    starts_at = written(today + timedelta(days=1, hours=15))
    ends_at, later = (written(today + timedelta(days=4, hours=hour)) for hour in (11, 12))
    stay = {"starts_at": starts_at, "ends_at": ends_at}
    return {
        **stay,
        "from": {"name": "Reservation 7", "code": "1234", **stay},
        "to": {"name": "Reservation 8", "code": "5678", **stay, "ends_at": later},
    }


def _issue(event_type: str, occurred_at: object) -> dict[str, object]:
    """Return what is wrong, if anything is, as the type's name and docstring tell it."""
    resource, *_, what = event_type.split(".")
    kind = "warning" if what.startswith(("delay_", "connection_")) else "error"
    code = ISSUES.get(event_type, what)
    means = re.split("[.:;]", _class_of(event_type).__doc__ or event_type)[0] + "."
    issue = {f"{kind}_code": code, "message": means, "created_at": occurred_at}
    return {"description": means, "error_code": code, f"{resource}_{kind}s": [issue]}


def _of_type(event_type: str, given: Mapping[str, object]) -> dict[str, object]:
    """Return what the name of a type says about the values in its events."""
    resource, _, what = event_type.partition(".")
    what = what.partition(".")[0]
    kind = "camera" if what == "doorbell_rang" else resource
    values: dict[str, object] = {
        "device_id": _device(kind),
        "device_ids": [_device(kind) for kind in ("lock", "thermostat", "noise_sensor", "camera")],
        "missing_device_ids": [_device("lock")],
        "method": {"lock.unlocked": "keycode", "lock.locked": "manual"}.get(event_type, "external"),
    }
    if resource == "action_attempt":
        values["action_type"] = what.upper()
        values["status"] = "success" if event_type.endswith("succeeded") else "error"
    if resource == "lock" and {**values, **given}["method"] != "keycode":
        values |= {"access_code_id": None, "code": None}
    if what == "temperature_threshold_exceeded" and "temperature_fahrenheit" not in given:
        values["temperature_celsius"] = 27.5
    return values


def _filled(
    cls: type[SeamModel], chosen: Mapping[str, object], given: Mapping[str, object]
) -> dict[str, object]:
    """Return the fields of a model that are given, or always or usually sent, with their values.

    What is chosen as None is not sent.
    """
    schema = schema_of(cls)
    known = {**chosen, **given}
    values: dict[str, object] = {}
    for name, field in cls.model_fields.items():
        wire = schema.names[name]
        if wire in given:
            values[wire] = given[wire]
        elif wire in chosen and chosen[wire] is None:
            continue
        elif field.is_required() or name in schema.promised or wire in USUAL:
            value = _value(wire, known)
            values[wire] = _inside(schema.nested[name], value) if name in schema.nested else value
    return values


def _inside(cls: type[SeamModel], value: object) -> object:
    if isinstance(value, list):
        return [_inside(cls, one) for one in value]
    return _filled(cls, value, {}) if isinstance(value, Mapping) else value


def _value(wire: str, known: Mapping[str, object]) -> object:
    """Return the value of a field by its name; of a temperature, in the unit that is not known."""
    if wire in known:
        return known[wire]
    stem, _, unit = wire.rpartition("_")
    if unit == "celsius" and f"{stem}_fahrenheit" in known:
        return _rounded(known[f"{stem}_fahrenheit"], lambda degrees: (degrees - 32) * 5 / 9)
    if unit == "fahrenheit":
        return _rounded(_value(f"{stem}_celsius", known), lambda degrees: degrees * 9 / 5 + 32)
    if unit == "id":
        return _id(wire)
    if unit == "ids":
        return [_id(f"{stem}_id")]
    return [] if unit in ("errors", "warnings") else VALUES[wire]


def _rounded(degrees: object, convert: Callable[[float], float]) -> object:
    return round(convert(degrees), 1) if isinstance(degrees, int | float) else degrees


def _device(kind: str) -> str:
    others = ("thermostat", "noise_sensor", "camera", "phone")
    return _id(f"{kind}_device_id" if kind in others else "device_id")


def _id(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"https://example.com/{name}"))
