"""Which events a handler is called for: none that are too old (`max_age`), and as `where` says.

What is told of an event names fields, and no value: it may be a door code.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from bellhop.callables import unfinished
from bellhop.events import SeamEvent
from bellhop.setting_values import written_duration
from bellhop.times import shown

MaxAge: TypeAlias = str | float | timedelta
"""A duration such as `"90s"`, `"30m"`, `"2h"` or `"7d"`, seconds, or a `timedelta`."""

Where: TypeAlias = Mapping[str, Any] | Callable[[Any], object]
"""The value of each field that is named, or several in a list; or a function of the event."""

Fields: TypeAlias = tuple[tuple[str, frozenset[object]], ...]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What an event must be like when the handler is about to be called.

    where: the attributes that are looked at, each with the values of which it must have one, or the
    author's function.
    """

    max_age: timedelta | None
    where: Fields | Callable[[Any], object] | None = field(repr=False)

    def too_old(self, event: SeamEvent, accepted_ms: int, now_ms: int) -> str:
        """Return why the event is too old at a time, or "" if it is not.

        Its age counts from when it occurred, or else from when it was created or accepted. Times
        are in milliseconds since the epoch.
        """
        if self.max_age is None:
            return ""
        if event.occurred_at:
            what, since = "occurred", event.occurred_at
        elif event.created_at:
            what, since = "was created", event.created_at
        else:
            what, since = "was accepted", datetime.fromtimestamp(accepted_ms / 1000, UTC)
        if now_ms / 1000 - since.timestamp() <= self.max_age.total_seconds():
            return ""
        return f"older than max_age={written_duration(self.max_age)}: it {what} at {shown(since)}"

    def unfit(self, event: SeamEvent) -> str:
        """Return why `where` does not want the event, or "" if it does.

        Raises what the author's function raises, and `TypeError` if its answer is yet to be run.
        """
        where = self.where
        if where is None:
            return ""
        if isinstance(where, tuple):
            return next(
                (
                    f"its {name} is not what where asks for"
                    for name, values in where
                    if not _is_among(values, getattr(event, name, None))
                ),
                "",
            )
        answer = where(event)
        if answer is not True and answer is not False and unfinished(answer):
            raise TypeError(f"where returned a {type(answer).__name__}, not True or False")
        return "" if answer else f"where ({name_of(where)}) says no"


def _is_among(values: frozenset[object], value: object) -> bool:
    try:
        return value in values
    except TypeError:  # a list or an object, in a field that nobody knew
        return False


def name_of(function: Callable[..., object]) -> str:
    """Return what to call an author's function."""
    name = getattr(function, "__name__", type(function).__name__)
    return "the function" if name == "<lambda>" else str(name)
