"""Copies of events, so that what one handler does to its own is seen by no other.

`copy.deepcopy` and pydantic's `model_copy(deep=True)` take longer than to read the event again.
What an event holds was read from JSON: objects, lists, models, and values that cannot be changed.
Most fields can hold nothing but the last, so the copies share what is in them.
"""

from copy import deepcopy
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from bellhop.events.base import SeamModel

M = TypeVar("M", bound=SeamModel)

_UNCHANGEABLE = frozenset({str, int, float, bool, type(None), bytes, datetime})

_new, _set = object.__new__, object.__setattr__


def copy_of(model: M) -> M:
    """Return an event, or a part of one, that shares nothing with this one that can be changed.

    What the fields of this one hold is still of their types: nobody put anything else there.
    """
    cls = type(model)
    values = model.__dict__.copy()
    extra, private = model.__pydantic_extra__, model.__pydantic_private__
    for name in _changeable_fields(cls):
        if (value := values[name]) is not None:
            values[name] = _own(value)
    copy: M = _new(cls)
    _set(copy, "__dict__", values)
    _set(copy, "__pydantic_fields_set__", model.__pydantic_fields_set__.copy())
    _set(copy, "__pydantic_extra__", _own(extra) if extra else {})
    _set(copy, "__pydantic_private__", private.copy() if private else None)
    return copy


def _own(value: Any) -> Any:
    kind = type(value)
    if kind in _UNCHANGEABLE:
        return value
    if kind is dict:
        return {
            name: inner if type(inner) in _UNCHANGEABLE else _own(inner)  # spares most calls
            for name, inner in value.items()
        }
    if kind is list:
        return [_own(inner) for inner in value]
    if isinstance(value, SeamModel):
        return copy_of(value)
    return deepcopy(value)


@cache
def _changeable_fields(cls: type[SeamModel]) -> tuple[str, ...]:
    """Return the fields of a class that can hold a value which can be changed."""
    fields = cls.model_fields.items()
    return tuple(name for name, field in fields if not _is_unchangeable(field.annotation))


def _is_unchangeable(annotation: Any) -> bool:
    """Tell whether no value of a type can be changed."""
    kind, inner = get_origin(annotation), get_args(annotation)
    if kind is Literal:
        return True
    if kind is Annotated:
        return _is_unchangeable(inner[0])
    if kind in (Union, UnionType):
        return all(map(_is_unchangeable, inner))
    return annotation in _UNCHANGEABLE
