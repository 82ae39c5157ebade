"""The values that the ledger's model is made of, and how they are read."""

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from bellhop.events import Drift
from bellhop.ledger import HandlerSet
from bellhop.patterns import Pattern

RETENTION_MS = 14 * 24 * 3600 * 1000


class Box(NamedTuple):
    """A mailbox of one handler."""

    handler: str
    mailbox: str

    def __str__(self) -> str:
        return f"{self.handler} {self.mailbox}"


class Draining(NamedTuple):
    """A worker that empties its hands for suspects, since when and for how long (ms)."""

    worker: str
    since: int
    length: int

    def __str__(self) -> str:
        return f"{self.worker} {self.since} {self.length}"


@dataclass
class Event:
    """The record of one event. `records`: of each handler that it was given to, empty at first.

    Of a call of hooks there is no body, but what the call is about.
    """

    body: bytes | None
    event_type: str
    mailbox: str
    delivery_id: str
    received_ms: int
    order: int
    state: str = "accepted"
    records: dict[str, str] = field(default_factory=dict)
    open: int = 0
    """How many handlers are not through."""
    dead: int = 0
    """How many gave up."""
    deaths: dict[str, int] = field(default_factory=dict)
    interrupted: dict[str, int] = field(default_factory=dict)
    call: dict[str, str] | None = None
    told: dict[str, str] = field(default_factory=dict)
    """The ids of the calls of hooks about handlers that gave it up."""
    may_be_forgotten: bool = False
    """Whether nothing of it is open, so that its time to live has begun."""


@dataclass
class SeenDrift:
    """How often events differed in one way from Seam's schema, and since when."""

    drift: Drift
    first: int
    last: int
    count: int = 1


@dataclass
class Subscribed:
    """A handler that is subscribed. `seen`: when a live worker last had it.

    `patterns`: by what they are of: `patterns` of types of events, and those of hooks.
    """

    patterns: dict[str, set[str]]
    since: int
    seen: int


def told_by(handlers: HandlerSet) -> list[dict[str, Any]]:
    """Return the subscriptions of a set as the scripts read them."""
    told: list[dict[str, Any]] = json.loads(handlers.json)
    return told


def names_of(handlers: HandlerSet) -> list[str]:
    """Return the names of the handlers of a set."""
    return [one["name"] for one in told_by(handlers)]


def wants(handlers: HandlerSet, name: str, event_type: str) -> bool:
    """Say whether a handler of events is for a type, as a set has it."""
    return any(
        one["name"] == name
        and not one.get("hook")
        and any(Pattern(pattern).matches(event_type) for pattern in one["patterns"])
        for one in told_by(handlers)
    )


def state_of(record: str) -> str:
    """Return the state that a record of a handler tells, empty if it has none."""
    found = re.search(r'"state": "([a-z]+)"', record)
    return found[1] if found else ""


def milliseconds(duration: timedelta) -> int:
    """Return a duration as the scripts count it."""
    return duration // timedelta(milliseconds=1)
