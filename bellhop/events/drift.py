"""Finds where an event and Seam's published schema differ without harm."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin

from bellhop.events.base import SeamEvent, SeamModel
from bellhop.events.fields import NullableMark, OpenEnum, PromisedMark
from bellhop.events.masking import hide, secret_keys, shown

DriftKind: TypeAlias = Literal[
    "unknown_type", "unknown_field", "missing_field", "unknown_value", "unexpected_null"
]

_MOST: Final = 50
"""How many differences of one event are told."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference between an event and Seam's schema that is no reason to refuse the event."""

    event_type: str
    field: str
    """The name of the field, after a dot if it is inside of another."""
    kind: DriftKind
    example: str | None = None
    """What was sent, shortened, without secrets; None for a missing field."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What Seam promises of one model, by the names of its fields."""

    names: dict[str, str]
    """Of each field, the name that Seam uses."""
    promised: frozenset[str]
    nullable: frozenset[str]
    enums: dict[str, frozenset[str]]
    nested: dict[str, type[SeamModel]]


@cache
def schema_of(model: type[SeamModel]) -> Schema:
    """Return what Seam promises of a model."""
    fields = model.model_fields
    parts = {
        name: [*field.metadata, *_parts(field.annotation)]
        for name, field in fields.items()
        if name != "event_type"
    }
    return Schema(
        names={name: field.alias or name for name, field in fields.items()},
        promised=frozenset(n for n, marks in parts.items() if PromisedMark() in marks),
        nullable=frozenset(n for n, marks in parts.items() if NullableMark() in marks),
        enums={
            name: frozenset(mark for mark in marks if isinstance(mark, str))
            for name, marks in parts.items()
            if OpenEnum() in marks
        },
        nested={
            name: mark
            for name, marks in parts.items()
            for mark in marks
            if isinstance(mark, type) and issubclass(mark, SeamModel)
        },
    )


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield the marks, the literals and the classes of which an annotation is made."""
    if get_origin(annotation) is None:
        yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def drift_of(event: SeamEvent) -> tuple[Drift, ...]:
    """Return the first 50 differences in an event and in the objects right inside of it."""
    if type(event) is SeamEvent:
        return (Drift(event.event_type, "event_type", "unknown_type", shown(event.event_type)),)
    found = list(_differences(event, event.event_type, ""))
    schema = schema_of(type(event))
    for name in schema.nested:
        inside = event.__dict__[name]
        if inside is None:
            continue
        for model in inside if isinstance(inside, list) else [inside]:
            found += _differences(model, event.event_type, f"{schema.names[name]}.")
    if not found:
        return ()
    told = list({(drift.field, drift.kind): drift for drift in found}.values())[:_MOST]
    # A new field may repeat a door code in words.
    if secrets := event.secrets():
        told = [replace(one, example=one.example and hide(one.example, secrets)) for one in told]
    return tuple(told)


def _differences(model: SeamModel, event_type: str, prefix: str) -> Iterator[Drift]:
    schema = schema_of(type(model))
    values, extra = model.__dict__, model.__pydantic_extra__ or {}
    # An unknown field may be called as one of our attributes: "from_".
    sent = model.__pydantic_fields_set__ - extra.keys()

    for name, value in extra.items():
        example = shown(value, secret=name in secret_keys(values))
        yield Drift(event_type, prefix + name[:100], "unknown_field", example)
    if not schema.promised <= sent:
        for name in sorted(schema.promised - sent):
            yield Drift(event_type, prefix + schema.names[name], "missing_field")
    for name, known in schema.enums.items():
        value = values[name]
        if value is not None and value not in known:
            yield Drift(event_type, prefix + name, "unknown_value", shown(value))
    for name, value in values.items():
        if value is None and name in sent and name not in schema.nullable:
            yield Drift(event_type, prefix + schema.names[name], "unexpected_null", "null")
