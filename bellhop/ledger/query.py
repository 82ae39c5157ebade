"""Which events are asked for, and where in their order one is. Nothing here does I/O."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

State = Literal["accepted", "done", "retrying", "dead", "unhandled", "abandoned"]
"""What may be said of an event: it waits, was handled, is tried again, was given up, had no
handler, or was abandoned for one of its handlers, whatever became of it for others."""


class Place(NamedTuple):
    """Where an event is among all: when it was created (ms), and as which it came.

    It stays what it is whatever else arrives: whoever goes on from one misses and repeats nothing.
    """

    created_ms: int
    order: int


@dataclass(frozen=True, slots=True)
class Query:
    """Events of which all is true that is given.

    about: for each field, such as `device_id`, the ids of which any will do. Fields are named in
        the singular, see `events.subjects`.
    types: patterns of event types, such as `lock.*`, of which any will do, if there are any.
    event_ids: of which any will do, if it is not `None`.
    states: of which any will do, if there are any.
    since_ms, until_ms: when it was created, in milliseconds since the epoch, exclusive.
    oldest_first: in which order; otherwise the newest comes first.
    """

    about: Mapping[str, Collection[str]] = field(default_factory=dict)
    types: Collection[str] = ()
    event_ids: Collection[str] | None = None
    states: Collection[State] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    oldest_first: bool = False
