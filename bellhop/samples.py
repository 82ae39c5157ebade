"""Plausible events of every known type, for trying things out.

Values are chosen by the name of a field, so that a new type of event needs nothing here. Ids stay
the same from call to call: all samples are of one device in one account of one workspace.
"""

import difflib
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, get_args, get_origin
from uuid import NAMESPACE_URL, uuid5

from pydantic.fields import FieldInfo
from pydantic_core import from_json

from bellhop.errors import BellhopError
from bellhop.events.base import SeamEvent, SeamModel
from bellhop.events.catalogue import TYPES
from bellhop.events.drift import schema_of
from bellhop.events.parsing import NotASeamEvent, parse

_USUAL: Final = frozenset(
    {
        "access_code_id",
        "change_reason",
        "changed_properties",
        "code",
        "connected_account_id",
        "device_id",
        "noise_level_decibels",
        "noise_threshold_name",
        "reason",
    }
)
"""Optional fields without which a sample would say little."""

_VALUES: Final[Mapping[str, object]] = {
    "activation_reason": "motion_detected",
    "battery_level": 0.18,
    "battery_status": "low",
    "change_reason": "updated by the front desk",
    "climate_preset_key": "away",
    "code": "1234",
    "description": "The access code was changed.",
    "device_name": "Front Door",
    "ends_at": "2026-01-31T11:00:00.000Z",
    "error_message": "The device does not support access codes.",
    "is_fallback_climate_preset": False,
    "lower_limit_celsius": 16.0,
    "lower_limit_fahrenheit": 60.8,
    "message": "The device cannot be reached.",
    "mutation_code": "updating_code",
    "name": "Guest",
    "noise_level_decibels": 72.5,
    "noise_threshold_name": "Quiet hours",
    "property": "code",
    "reason_code": "unknown_code",
    "starts_at": "2026-01-28T15:00:00.000Z",
    "temperature_celsius": 21.5,
    "temperature_fahrenheit": 70.7,
    "upper_limit_celsius": 26.0,
    "upper_limit_fahrenheit": 78.8,
    "warning_code": "device_unreachable",
}

_CHANGES: Final[Mapping[str, Mapping[str, object]]] = {
    "changed_properties": {"from": "1234", "to": "5678"},
    "reason": {"message": "No access code has these digits."},
    "from": {"name": "Reservation 7", "code": "1234"},
    "to": {"name": "Reservation 8", "code": "5678", "ends_at": "2026-01-31T12:00:00.000Z"},
}
"""What differs inside of a field from the values above."""

_FEW: Final = 25
"""Up to how many fields of a type a message names."""


class UnknownEventType(BellhopError):
    """A sample was asked for of a type that Seam is not known to send."""


class UnknownField(BellhopError):
    """A sample was asked for with a field that its type does not have."""


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

    `fields` replaces values, or adds fields that the type has; the values are taken as they are.
    Raises UnknownEventType or UnknownField.
    """
    cls = _class_of(event_type)
    for name in fields or {}:
        _check_field(cls, event_type, name)
    event = {
        "event_id": new_id(),
        "event_type": event_type,
        "created_at": _written(now),
        "occurred_at": _written(now - timedelta(seconds=1.5)),
        **_of_type(event_type),
    }
    return {**_filled(cls, event), **(fields or {})}


def read_field(event_type: str, name: str, text: str) -> object:
    """Turn what was typed on a command line into a value of that field.

    Where a string fits it is taken as it stands; else it is read as JSON. Raises UnknownEventType,
    UnknownField, or an InvalidField that says what is expected.
    """
    _check_field(_class_of(event_type), event_type, name)
    candidates: list[object] = [text]
    with suppress(ValueError):
        candidates.append(from_json(text, allow_inf_nan=False))
    if text[:1] in ("[", "{"):
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
    if event_type in TYPES:
        return TYPES[event_type]
    raise UnknownEventType(f"Seam sends no {event_type!r}.{_nearest(event_type, TYPES)}")


def _check_field(cls: type[SeamEvent], event_type: str, name: str) -> None:
    names = schema_of(cls).names.values()
    if name not in names:
        known = f" It has {', '.join(names)}." if len(names) <= _FEW else ""
        raise UnknownField(f"{event_type} has no field {name!r}.{_nearest(name, names)}{known}")


def _nearest(word: str, words: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, words, n=3)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _of_type(event_type: str) -> dict[str, object]:
    """Return what the name of a type says about the values in its events."""
    resource, *_, what = event_type.split(".")
    values: dict[str, object] = {
        "error_code": f"{resource}_disconnected",
        "method": "keycode" if resource == "lock" else "external",
    }
    if resource == "action_attempt":
        values["action_type"] = event_type.split(".")[1].upper()
        values["status"] = "success" if what == "succeeded" else "error"
    return values


def _filled(cls: type[SeamModel], chosen: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a model that are always or usually sent, with their values."""
    schema = schema_of(cls)
    values: dict[str, object] = {}
    for name, field in cls.model_fields.items():
        wire = schema.names[name]
        if not (field.is_required() or name in schema.promised or wire in _USUAL):
            continue
        if name in schema.nested:
            values[wire] = _nested(wire, schema.nested[name], chosen, many=_is_list(field))
        elif wire in chosen:
            values[wire] = chosen[wire]
        elif wire.endswith("_ids"):
            values[wire] = [_id(wire.removesuffix("s"))]
        elif wire.endswith("_id"):
            values[wire] = _id(wire)
        else:
            values[wire] = _VALUES[wire]
    return values


def _nested(name: str, cls: type[SeamModel], event: Mapping[str, object], *, many: bool) -> object:
    chosen = {"created_at": event["occurred_at"], **_CHANGES.get(name, {})}
    filled = _filled(cls, {**chosen, "error_code": f"{name.removesuffix('_errors')}_disconnected"})
    if not many:
        return filled
    resource = str(event["event_type"]).partition(".")[0]
    tells_nothing = name.endswith(("_errors", "_warnings")) and name != f"{resource}_errors"
    return [] if tells_nothing else [filled]


def _is_list(field: FieldInfo) -> bool:
    return any(get_origin(part) is list for part in get_args(field.annotation))


def _id(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"https://example.com/{name}"))


def _written(time: datetime) -> str:
    utc = time.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='milliseconds')}Z"
