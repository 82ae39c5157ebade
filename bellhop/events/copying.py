"""Copies of events, so that what one handler does to its own is seen by no other.

`copy.deepcopy` and pydantic's `model_copy(deep=True)` take longer than to read the event again.
What an event holds was read from JSON: objects, lists, models, and values that cannot be changed.
"""

from copy import deepcopy
from datetime import datetime
from typing import Any, TypeVar

from bellhop.events.base import SeamModel

M = TypeVar("M", bound=SeamModel)

_UNCHANGEABLE = frozenset({str, int, float, bool, type(None), bytes, datetime})

_set = object.__setattr__


def copy_of(model: M) -> M:
    """Return an event, or a part of one, that shares nothing with this one that can be changed."""
    cls = type(model)
    copy = cls.__new__(cls)
    _set(copy, "__dict__", _own(model.__dict__))
    _set(copy, "__pydantic_fields_set__", model.__pydantic_fields_set__.copy())
    extra, private = model.__pydantic_extra__, model.__pydantic_private__
    _set(copy, "__pydantic_extra__", _own(extra) if extra else {})
    _set(copy, "__pydantic_private__", private.copy() if private else private)
    return copy


def _own(fields: dict[str, Any]) -> dict[str, Any]:
    own = fields.copy()
    if _UNCHANGEABLE.issuperset(map(type, fields.values())):
        return own
    for name, value in fields.items():
        if type(value) not in _UNCHANGEABLE:
            own[name] = _own_value(value)
    return own


def _own_value(value: Any) -> Any:
    if type(value) in _UNCHANGEABLE:
        return value
    if isinstance(value, SeamModel):
        return copy_of(value)
    if type(value) is list:
        return [_own_value(inner) for inner in value]
    if type(value) is dict:
        return _own(value)
    return deepcopy(value)
