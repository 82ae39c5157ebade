"""Finds where an event and Seam's published schema differ without harm."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args, get_origin

from bellhop.events.base import SeamEvent, SeamModel, is_of_one_type
from bellhop.events.fields import NullableMark, OpenEnum, PromisedMark
from bellhop.events.masking import hide, shown
from bellhop.events.shape import shape_of

DriftKind: TypeAlias = Literal[
    "unknown_type",
    "unknown_field",
    "missing_field",
    "unknown_value",
    "unexpected_null",
    "unreadable_time",
]

MOST_DRIFT: Final = 50
"""How many differences of one event are told."""
_LONGEST_FIELD: Final = 120


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference between an event and Seam's schema that is no reason to refuse the event."""

    event_type: str
    field: str
    """The name of the field, after a dot if it is inside of another."""
    kind: DriftKind
    example: str | None = None
    """What was sent; None for a missing field.

    Of an unknown field, or a time that cannot be read, only type and length: a new field may hold a
    secret that nobody knows as one yet.
    """

    def without_value(self) -> "Drift":
        """Return it without what was sent in a known field. The type of an event is no secret."""
        return replace(self, example=None) if self.kind == "unknown_value" else self


@dataclass(frozen=True, slots=True)
class Schema:
    """What Seam promises of one model, by the names of its fields."""

    names: dict[str, str]
    """Of each field, the name that Seam uses."""
    is_of_one_type: bool
    """Whether it is the class of one type of event."""
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
        is_of_one_type=issubclass(model, SeamEvent) and is_of_one_type(model),
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


class _Found(NamedTuple):
    """A difference before its value is made fit to be shown."""

    field: str
    kind: DriftKind
    value: object = None


def drift_of(event: SeamEvent) -> tuple[Drift, ...]:
    """Return the first 50 differences in an event and in the objects right inside of it."""
    schema = schema_of(type(event))
    found: list[_Found] = []
    if schema.is_of_one_type:
        found += _differences(event, schema, "")
        for name, cls in schema.nested.items():
            inside, prefix = event.__dict__[name], f"{schema.names[name]}."
            for model in inside if isinstance(inside, list) else [inside]:
                if model is not None:
                    found += _differences(model, schema_of(cls), prefix)
        if not found:
            return ()
    else:
        found.append(_Found("event_type", "unknown_type", event.event_type))
    # A new name, or value, may repeat a door code in words.
    secrets = event.secrets()
    told = {(one.field, one.kind): one for one in found}
    return tuple(_told(event.event_type, one, secrets) for one in islice(told.values(), MOST_DRIFT))


def _told(event_type: str, found: _Found, secrets: frozenset[str]) -> Drift:
    field, example = found.field, None
    if found.kind == "unknown_field":
        field, example = hide(field, secrets)[:_LONGEST_FIELD], shape_of(found.value)
    elif found.kind != "missing_field":
        example = shown(found.value, secrets=secrets)
    return Drift(event_type, field, found.kind, example)


def _differences(model: SeamModel, schema: Schema, prefix: str) -> Iterator[_Found]:
    values, extra = model.__dict__, model.__pydantic_extra__
    sent = model.__pydantic_fields_set__
    if extra:
        # An unknown field may be called as one of our attributes: "from_".
        sent = sent - extra.keys()
        for name, value in extra.items():
            yield _Found(prefix + name, "unknown_field", value)
    if not schema.promised <= sent:
        for name in sorted(schema.promised - sent):
            yield _Found(prefix + schema.names[name], "missing_field")
    for name, known in schema.enums.items():
        value = values[name]
        if value is not None and value not in known:
            yield _Found(prefix + schema.names[name], "unknown_value", value)
    for name, value in values.items():
        if value is None and name in sent and name not in schema.nullable:
            yield _Found(prefix + schema.names[name], "unexpected_null")
