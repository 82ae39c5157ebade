"""Says what Seam's schema must look like for a model to be right."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from bellhop.events.base import SeamModel
from bellhop.events.drift import schema_of


@dataclass(frozen=True, slots=True)
class Property:
    """One property of an object, as far as a model says something of it."""

    kind: str
    """As in JSON Schema, or `time`; `any` where the schema names none."""
    required: bool
    nullable: bool = False
    enum: frozenset[str] = frozenset()
    item: str | None = None
    """The type of what is in an array."""
    properties: "Mapping[str, Property] | None" = None
    """Of an object, or of the objects in an array, if they are known."""
    model: type[SeamModel] | None = field(default=None, compare=False)
    """The class of such an object."""


_TYPES: Final[Mapping[Any, str]] = {
    str: "string",
    datetime: "time",
    float: "number",
    int: "integer",
    bool: "boolean",
    dict: "object",
    list: "array",
    Any: "any",
}


def described(model: type[SeamModel]) -> dict[str, Property]:
    """Return the properties of a model, by the names that Seam uses."""
    schema = schema_of(model)
    return {
        schema.names[name]: _property(
            field.annotation,
            required=field.is_required() or name in schema.promised,
            nullable=name in schema.nullable,
            enum=schema.enums.get(name, frozenset()),
            model=schema.nested.get(name),
        )
        for name, field in model.model_fields.items()
    }


def _property(annotation: Any, *, model: type[SeamModel] | None, **facts: Any) -> Property:
    kind, item = _type(annotation), None
    if kind == "array":
        (inside,) = get_args(_plain(annotation))
        item = _type(inside)
    properties = described(model) if model else None
    return Property(kind, item=item, properties=properties, model=model, **facts)


def _type(annotation: Any) -> str:
    plain = _plain(annotation)
    if isinstance(plain, type) and issubclass(plain, SeamModel):
        return "object"
    return _TYPES[get_origin(plain) or plain]


def _plain(annotation: Any) -> Any:
    """Take marks and None off an annotation, and make a string of literals."""
    if hasattr(annotation, "__metadata__"):
        return _plain(annotation.__origin__)
    if get_origin(annotation) is Literal:
        return str
    if get_origin(annotation) in (Union, UnionType):
        (one,) = {_plain(part) for part in get_args(annotation)} - {type(None)}
        return one
    return annotation
