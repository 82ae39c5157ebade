"""Each script's arguments and answers, for both faces of the ledger.

A `Call` is a script with its arguments and the way to read its answer; nothing here does I/O.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha1
from importlib.resources import files
from typing import Any, Generic, TypeVar

from pydantic_core import to_json

from bellhop.durations import FOREMAN_GONE_AFTER, LEASE, WORKER_GONE_AFTER
from bellhop.events import Drift
from bellhop.handler_state import HandlerState
from bellhop.hooks import END_OF_CALL
from bellhop.ledger.entries import (
    About,
    Arrival,
    FetchTask,
    Freed,
    Quarantined,
    Receipt,
    Replay,
    Replayed,
    Resolution,
    Resolved,
    Swept,
)
from bellhop.ledger.repairs import Repair, Repaired
from bellhop.ledger.version import VERSION

T = TypeVar("T")
Argument = str | bytes | int

RETRIES_A_SWEEP = 500


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the digest under which Redis remembers it."""

    source: str
    sha: str


def milliseconds(duration: timedelta) -> int:
    """Return a duration as the scripts count it."""
    return round(duration.total_seconds() * 1000)


_CONSTANTS = f"""
local VERSION = {VERSION}
local LEASE = {milliseconds(LEASE)}
local WORKER_GONE_AFTER = {milliseconds(WORKER_GONE_AFTER)}
local FOREMAN_GONE_AFTER = {milliseconds(FOREMAN_GONE_AFTER)}
local END_OF_CALL = '{END_OF_CALL}'
local STATE = {{{", ".join(f"{one.name} = '{one}'" for one in HandlerState)}}}
"""
"""What scripts and this package must agree on, in front of every script."""

_SHARED = ("calling", "common", "records", "claim_limits", "mailboxes", "waking", "routes")
"""What is in front of every script, each part behind those that it needs."""


def load(*parts: str, any_version: bool = False) -> Script:
    """Return a script that is made of these parts, and of what all share in front of them.

    It refuses a ledger of another version than ours, unless it is for `any_version`.
    """
    folder = files(__package__)
    version = () if any_version else ("version",)
    names = (*_SHARED, *version, *parts)
    texts = [folder.joinpath(f"{name}.lua").read_text("utf-8") for name in names]
    source = "\n".join([_CONSTANTS, *texts])
    # Redis names scripts by their SHA-1; nothing secret depends on it.
    return Script(source, sha1(source.encode(), usedforsecurity=False).hexdigest())


FIRST_SWEEP = -1
"""The number of jumps that a foreman knows of that has not swept yet."""

ACCEPT = load("hooks", "accept")
INDEX = load("index")
FETCH = load("fetch")
REPLAY = load("subscribing", "replay")
RESOLVE = load("subscribing", "resolve")
SWEEP = load("subscribing", "hooks", "abandoning", "freeing", "sweep")
FREE = load("freeing", "free")
REPAIR = load("subscribing", "hooks", "mending_mailboxes", "mending_events", "repair")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A script, its arguments, and how to read its answer."""

    script: Script
    arguments: list[Argument]
    read: Callable[[Any], T]


def moment(time_ms: int | None) -> Argument:
    """Return a time as the scripts take it; without one, they ask the server's clock."""
    return "" if time_ms is None else time_ms


def read_names(answer: Any) -> tuple[str, ...]:
    """Read a list of names. What nobody of us wrote does not keep the others from being read."""
    return tuple(name.decode(errors="replace") for name in answer)


def accept(
    batch: Sequence[Arrival | Quarantined], retention: timedelta, now_ms: int | None
) -> Call[Receipt]:
    """Take in a batch of deliveries, each once."""
    arguments: list[Argument] = [moment(now_ms), milliseconds(retention)]
    for item in batch:
        if isinstance(item, Arrival):
            arguments += _arrival(item)
        else:
            problems, headers = "\n".join(item.problems), json.dumps(dict(item.headers))
            arguments += ("quarantine", item.delivery_id, item.body, problems, headers)
    return Call(ACCEPT, arguments, _read_receipt)


def _arrival(item: Arrival) -> list[Argument]:
    arguments: list[Argument] = [
        "release" if item.released else "event",
        item.delivery_id,
        item.event_id,
        item.event_type,
        item.mailbox,
        item.body,
        About.named(item),
        "" if item.created_ms is None else item.created_ms,
        to_json(item.subjects),
        len(item.drift),
    ]
    for drift in item.drift:
        arguments += (drift.event_type, drift.kind, drift.field, drift.example or "")
    return arguments


def _read_receipt(answer: list[Any]) -> Receipt:
    wake, received, unseen = answer
    return Receipt(
        tuple(new == 1 for new in received),
        read_names(wake),
        tuple(
            Drift(event_type.decode(), name.decode(), kind.decode(), example.decode() or None)
            for event_type, kind, name, example in unseen
        ),
    )


def resolve(
    resolutions: Sequence[Resolution], retention: timedelta, now_ms: int | None
) -> Call[Resolved]:
    """Try dead letters again, or be done with them."""
    arguments: list[Argument] = [moment(now_ms), milliseconds(retention)]
    for resolution in resolutions:
        arguments += resolution
    return Call(
        RESOLVE,
        arguments,
        lambda answer: Resolved(tuple(done == 1 for done in answer[1]), read_names(answer[0])),
    )


def index(most: int, now_ms: int | None) -> Call[int]:
    """Make events that came lately findable."""
    return Call(INDEX, [moment(now_ms), most], _read_number)


def _read_number(answer: Any) -> int:
    return int(answer)


def replay(replays: Sequence[Replay], now_ms: int | None) -> Call[Replayed]:
    """Give events that are over to handlers again."""
    arguments: list[Argument] = [moment(now_ms)]
    for one in replays:
        arguments += one
    return Call(
        REPLAY,
        arguments,
        lambda answer: Replayed(tuple(done == 1 for done in answer[1]), read_names(answer[0])),
    )


def sweep(
    retention: timedelta,
    *,
    queues: str,
    alive: Sequence[str],
    dead: Mapping[str, str | None],
    forget_after: timedelta,
    alone: bool,
    jumped_ms: int,
    jumps: int,
    now_ms: int | None,
) -> Call[Swept]:
    """Bring due retries back, and free what dead workers held."""
    arguments: list[Argument] = [
        moment(now_ms),
        jumped_ms,
        jumps,
        milliseconds(retention),
        milliseconds(forget_after),
        RETRIES_A_SWEEP,
        queues,
        to_json(
            {
                "alive": list(alive),
                "dead": [_end_of_worker(*one) for one in dead.items()],
                "alone": alone,
            }
        ),
    ]

    def read(answer: list[Any]) -> Swept:
        wake, retries, freed, dropped, abandoned, more, now, jumped, forgotten = answer
        names = (read_names(freed), read_names(dropped), read_names(abandoned))
        return Swept(
            read_names(wake), retries, *names, more == 1, now, jumped, read_names(forgotten)
        )

    return Call(SWEEP, arguments, read)


def free(waited: timedelta, now_ms: int | None) -> Call[Freed]:
    """Free the mail of workers whose lease has ended, if no foreman is there to do it."""
    return Call(
        FREE,
        [moment(now_ms), milliseconds(waited)],
        lambda answer: Freed(read_names(answer[0]), read_names(answer[1])),
    )


def _end_of_worker(worker: str, entry: str | None) -> dict[str, str]:
    if entry is None:
        return {"worker": worker, "blamed": "nobody"}
    if not entry:
        return {"worker": worker, "blamed": "unknown"}
    return {"worker": worker, "blamed": "entry", "entry": entry}


def repair(retention: timedelta, now_ms: int | None) -> Call[Repaired]:
    """Look at a part of the ledger, and mend what is not as it must be."""
    return Call(
        REPAIR,
        [moment(now_ms), milliseconds(retention)],
        lambda answer: Repaired(tuple(map(Repair.read, answer[0])), read_names(answer[1])),
    )


def fetch(
    lease: timedelta, retention: timedelta, now_ms: int | None
) -> Call[FetchTask | float | None]:
    """Give a fetcher the next action attempt."""

    def read(answer: list[Any]) -> FetchTask | float | None:
        attempt, times, wait_ms = answer
        if attempt:
            return FetchTask(attempt.decode(errors="surrogateescape"), times)
        return float(wait_ms) / 1000 if wait_ms else None

    return Call(FETCH, [moment(now_ms), milliseconds(lease), milliseconds(retention)], read)
