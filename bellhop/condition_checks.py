"""What `@on` refuses of `max_age` and `where`: what could never be meant, and typing errors."""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from bellhop.callables import check_kind, is_async
from bellhop.conditions import Conditions
from bellhop.events import TYPES, SeamEvent
from bellhop.events.description import described
from bellhop.events.drift import schema_of
from bellhop.handler import InvalidHandler
from bellhop.nearest import did_you_mean, nearest
from bellhop.setting_values import read_duration

_ALL_THE_SAME = "(allow_unknown=True accepts it all the same)"
_VALUES = (str, bool, int, float, datetime, type(None))
_KINDS: Final[Mapping[str, tuple[tuple[type, ...], str]]] = {
    "string": ((str,), "a string"),
    "time": ((datetime,), "a datetime with its offset"),
    "number": ((int, float), "a number"),
    "integer": ((int,), "a whole number"),
    "boolean": ((bool,), "True or False"),
}
"""Of each kind of field that can be compared: the types of its values, and what to call it."""


def checked_conditions(
    label: str, max_age: Any, where: Any, event_types: Collection[str], *, allow_unknown: bool
) -> Conditions | None:
    """Return the conditions that a handler of these types has, if it has any.

    allow_unknown: whether fields and values may be new. Raises `InvalidHandler`.
    """
    if max_age is None and where is None:
        return None
    age = None if max_age is None else _age(label, max_age)
    if where is None:
        return Conditions(age, None)
    if isinstance(where, Mapping):
        fields = _fields(f"{label}: where", where, event_types, allow_unknown=allow_unknown)
        return Conditions(age, tuple(fields))
    if not callable(where):
        raise InvalidHandler(
            f'{label}: where is a dict of fields, as in where={{"method": "keycode"}}, or a '
            f"function that takes the event, not {_a(where)}"
        )
    _check_function(f"{label}: where", where)
    return Conditions(age, where)


def _age(label: str, max_age: Any) -> timedelta:
    try:
        age = read_duration(max_age)
        if isinstance(age, int | float) and not isinstance(age, bool):
            age = timedelta(seconds=age)
    except (ValueError, OverflowError):
        age = None
    if not isinstance(age, timedelta) or age <= timedelta():
        raise InvalidHandler(
            f'{label}: max_age is a duration above 0 such as "30m", "2h" or "7d", seconds or a '
            f"timedelta, not {max_age!r}"
        )
    return age


def _check_function(label: str, function: Callable[..., Any]) -> None:
    check_kind(function, label)
    if is_async(function):
        raise InvalidHandler(
            f"{label} says at once whether it wants an event: make it no async def"
        )
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise InvalidHandler(f"{label} is called with the event alone: {error}") from error
    except ValueError:  # some functions written in C do not say what they take
        return


def _fields(
    label: str, where: Mapping[Any, Any], event_types: Collection[str], *, allow_unknown: bool
) -> Iterator[tuple[str, frozenset[object]]]:
    """Yield the attribute of each field that is asked for, with the values that will do."""
    if not where:
        raise InvalidHandler(f'{label} names no field, as in where={{"method": "keycode"}}')
    classes = {TYPES[one] for one in event_types}
    attributes = _attributes(classes)
    for name, wanted in where.items():
        if not isinstance(name, str) or not name:
            raise InvalidHandler(f"{label}: the name of a field is a string, not {_a(name)}")
        several = wanted if isinstance(wanted, list | tuple | set | frozenset) else (wanted,)
        values = frozenset(_plain(label, name, value) for value in several)
        if not values:
            raise InvalidHandler(f"{label}: {name} has no value that would do")
        attribute = attributes.get(name)
        if not allow_unknown:
            if attribute is None:
                hint = did_you_mean(nearest(name, attributes), "`bellhop types TYPE` lists them")
                raise InvalidHandler(
                    f'{label}: none of its events has a field "{name}"; {hint} {_ALL_THE_SAME}'
                )
            _check_values(label, attribute, values, classes, event_types)
        yield attribute or name, values


def _attributes(classes: Collection[type[SeamEvent]]) -> dict[str, str]:
    """Return the attribute of each field, by its name in Python and in Seam's JSON."""
    found = {}
    for cls in classes:
        for attribute, sent in schema_of(cls).names.items():
            found[attribute] = attribute
            found.setdefault(sent, attribute)
    return found


def _plain(label: str, name: str, value: object) -> object:
    """Return a value as events hold it: of a member of an enum, that is what it stands for."""
    if isinstance(value, Enum):
        value = value.value
    if not isinstance(value, _VALUES):
        raise InvalidHandler(
            f"{label}: {name} is compared with a string, a number, True, False, None or a "
            f"datetime, or with several in a list, not with {_a(value)}; a function of the event "
            "can do more"
        )
    return value


def _check_values(
    label: str,
    attribute: str,
    values: Collection[Any],
    classes: Collection[type[SeamEvent]],
    event_types: Collection[str],
) -> None:
    """Refuse values that the field has in no event."""
    holders = [cls for cls in classes if attribute in cls.model_fields]
    found = [described(cls)[schema_of(cls).names[attribute]] for cls in holders]
    kinds = {one.kind for one in found}
    enums = [event_types if attribute == "event_type" else one.enum for one in found]
    known = {value for enum in enums for value in enum} if all(enums) else set()
    may_lack = len(holders) < len(classes) or not all(
        cls.model_fields[attribute].is_required() for cls in holders
    )
    for value in values:
        if value is None and may_lack:
            continue
        if kinds <= {"array", "object"}:
            raise InvalidHandler(
                f"{label}: {attribute} is an {min(kinds)}: compare it in a function of the event"
            )
        if not any(_is_of(value, kind) for kind in kinds):
            words = " or ".join(sorted(_KINDS[kind][1] for kind in kinds & _KINDS.keys()))
            raise InvalidHandler(f"{label}: {attribute} is {words}, never {_a(value)}")
        if known and value not in known:
            hint = did_you_mean(nearest(value, known), f"it is {', '.join(sorted(known))}")
            raise InvalidHandler(f"{label}: {attribute} is never {value!r}; {hint} {_ALL_THE_SAME}")


def _is_of(value: object, kind: str) -> bool:
    if kind == "any":
        return True
    if isinstance(value, bool) or kind == "boolean":
        return isinstance(value, bool) and kind == "boolean"
    if isinstance(value, datetime) and value.tzinfo is None:
        return False
    return kind in _KINDS and isinstance(value, _KINDS[kind][0])


def _a(value: object) -> str:
    """Name the type of a value, which itself may be a secret."""
    if value is None:
        return "None"
    if isinstance(value, datetime) and value.tzinfo is None:
        return "one without"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
