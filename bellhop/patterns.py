"""Patterns of event types, and of names of handlers; and which of them a handler may have.

In a pattern `*` stands for any run of characters, dots included. Names are case-sensitive and
nothing else is special.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from bellhop.events import TYPES, SeamEvent
from bellhop.handler import InvalidHandler
from bellhop.nearest import did_you_mean, nearest

_ANSWERS_KEPT = 2048  # a sender could make up any number of types


class Pattern:
    """A pattern of event types or names. Compares equal to nothing; it is only for matching."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._match = re.compile(
            ".*".join(re.escape(part) for part in text.split("*")), re.DOTALL
        ).fullmatch

    def matches(self, text: str) -> bool:
        """Say whether an event type, or the name of a handler, fits the whole pattern."""
        return self._match(text) is not None

    def known_types(self) -> list[str]:
        """Return the known event types that fit."""
        return [name for name in TYPES if self.matches(name)]


def fits_any(patterns: Iterable[str], text: str) -> bool:
    """Say whether an event type, or the name of a handler, fits any of these patterns."""
    return _fits_any(tuple(patterns), text)


@lru_cache(_ANSWERS_KEPT)
def _fits_any(patterns: tuple[str, ...], text: str) -> bool:
    return any(Pattern(pattern).matches(text) for pattern in patterns)


def checked_pattern(pattern: object, label: str, allow_unknown: bool) -> Pattern:
    """Return the pattern that a handler was registered with. `label`: the handler's name.

    Raises `InvalidHandler` if it is none, or fits no known event type without `allow_unknown`.
    """
    if not isinstance(pattern, str) or not pattern:
        raise InvalidHandler(
            f'{label}: a pattern is a string such as "lock.unlocked" or "lock.*", not {pattern!r}'
        )
    checked = Pattern(pattern)
    if not allow_unknown and not checked.known_types():
        hint = did_you_mean(nearest(pattern, TYPES, patterns=True), "`bellhop types` lists all")
        raise InvalidHandler(
            f'{label}: no known event type fits "{pattern}"; {hint} '
            "(allow_unknown=True accepts it all the same)"
        )
    return checked


def check_event_classes(
    patterns: list[Pattern], expected: tuple[type[SeamEvent], ...] | None, label: str
) -> None:
    """Raise `InvalidHandler` if a pattern brings events that are none of the annotated classes."""
    if expected is None:
        return
    for pattern in patterns:
        for event_type in pattern.known_types():
            brought = TYPES[event_type]
            if not issubclass(brought, expected):
                names = " | ".join(one.__name__ for one in expected)
                raise InvalidHandler(
                    f'{label}: "{pattern.text}" brings {event_type} ({brought.__name__}), '
                    f"which is not the {names} that its event is annotated with"
                )


def patterns_of(expected: tuple[type[SeamEvent], ...] | None, label: str) -> list[Pattern]:
    """Return the patterns of a handler that has none, by the classes in its annotation.

    Raises `InvalidHandler` if there is no annotation, or it stands for no known event type.
    """
    if expected is None:
        raise InvalidHandler(
            f'{label}: @on needs a pattern, as in @on("lock.*"), '
            "or an event class as the annotation of the event"
        )
    if SeamEvent in expected:
        return [Pattern("*")]
    found = [name for name, known in TYPES.items() if issubclass(known, expected)]
    if not found:
        names = " | ".join(one.__name__ for one in expected)
        raise InvalidHandler(f"{label}: no known event type is a {names}; give @on a pattern")
    return [Pattern(name) for name in found]
