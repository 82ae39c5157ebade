"""Each script's arguments and answers, for both faces of the ledger.

A `Call` is a script with its arguments and the way to read its answer; nothing here does I/O.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha1
from importlib.resources import files
from typing import Any, Generic, TypeVar

from pydantic_core import to_json

from bellhop.events import Drift
from bellhop.ledger.entries import (
    About,
    Arrival,
    Claimed,
    Entry,
    Errand,
    Mail,
    Open,
    Quarantined,
    Receipt,
    Replay,
    Replayed,
    Resolution,
    Resolved,
    Settled,
    SettledMail,
    Swept,
)

T = TypeVar("T")
Argument = str | bytes | int

RETRIES_A_SWEEP = 500


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the digest under which Redis remembers it."""

    source: str
    sha: str


def _load(name: str) -> Script:
    folder = files(__package__)
    source = "\n".join(
        folder.joinpath(f"{part}.lua").read_text(encoding="utf-8") for part in ("common", name)
    )
    # Redis names scripts by their SHA-1; nothing secret depends on it.
    return Script(source, sha1(source.encode(), usedforsecurity=False).hexdigest())


ACCEPT = _load("accept")
CLAIM = _load("claim")
INDEX = _load("index")
FETCH = _load("fetch")
REPLAY = _load("replay")
RESOLVE = _load("resolve")
REST = _load("rest")
SETTLE = _load("settle")
SWEEP = _load("sweep")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A script, its arguments, and how to read its answer."""

    script: Script
    arguments: list[Argument]
    read: Callable[[Any], T]


def _milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)


def _now(now_ms: int | None) -> Argument:
    return "" if now_ms is None else now_ms


def accept(
    batch: Sequence[Arrival | Quarantined], retention: timedelta, now_ms: int | None
) -> Call[Receipt]:
    """Take in a batch of deliveries, each once."""
    arguments: list[Argument] = [_now(now_ms), _milliseconds(retention)]
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
    wants_shift, received, unseen = answer
    return Receipt(
        tuple(new == 1 for new in received),
        wants_shift == 1,
        tuple(
            Drift(event_type.decode(), name.decode(), kind.decode(), example.decode() or None)
            for event_type, kind, name, example in unseen
        ),
    )


def claim(
    shift: str,
    *,
    lease: timedelta,
    mailboxes: int,
    entries: int,
    share: int,
    with_newest: bool,
    rested: bool,
    settles: int,
    now_ms: int | None,
) -> Call[Claimed]:
    """Give a shift with empty hands its first mail."""
    return Call(
        CLAIM,
        [
            _now(now_ms),
            shift,
            _milliseconds(lease),
            mailboxes,
            entries,
            share,
            int(with_newest),
            "rest" if rested else "start",
            settles,
        ],
        lambda answer: Claimed(_read_mail(answer[1]), answer[0] == 1),
    )


def settle(
    shift: str,
    number: int,
    results: Sequence[SettledMail],
    *,
    lease: timedelta,
    retention: timedelta,
    mailboxes: int,
    entries: int,
    share: int,
    with_newest: bool,
    now_ms: int | None,
) -> Call[Settled]:
    """Write down what a shift did and claim its next mail."""
    arguments: list[Argument] = [
        _now(now_ms),
        shift,
        number,
        _milliseconds(lease),
        _milliseconds(retention),
        mailboxes,
        entries,
        share,
        int(with_newest),
        # Of named tuples, this takes half as long as pydantic's.
        json.dumps(results, separators=(",", ":")),
    ]
    return Call(
        SETTLE,
        arguments,
        lambda answer: Settled(
            answer[0] == 1, _read_mail(answer[2]), answer[1] == 1, answer[3] == 1
        ),
    )


def rest(shift: str, duration: timedelta, now_ms: int | None) -> Call[bool]:
    """Let a shift with empty hands wait for mail."""
    return Call(REST, [_now(now_ms), shift, _milliseconds(duration)], lambda answer: answer == 1)


def resolve(
    resolutions: Sequence[Resolution], retention: timedelta, now_ms: int | None
) -> Call[Resolved]:
    """Try dead letters again, or be done with them."""
    arguments: list[Argument] = [_now(now_ms), _milliseconds(retention)]
    for resolution in resolutions:
        arguments += resolution
    return Call(
        RESOLVE,
        arguments,
        lambda answer: Resolved(tuple(done == 1 for done in answer[1]), answer[0] == 1),
    )


def index(most: int, now_ms: int | None) -> Call[int]:
    """Make events that came lately findable."""
    return Call(INDEX, [_now(now_ms), most], _read_number)


def _read_number(answer: Any) -> int:
    return int(answer)


def replay(replays: Sequence[Replay], now_ms: int | None) -> Call[Replayed]:
    """Give events that are over to handlers again."""
    arguments: list[Argument] = [_now(now_ms)]
    for one in replays:
        arguments += one
    return Call(
        REPLAY,
        arguments,
        lambda answer: Replayed(tuple(done == 1 for done in answer[1]), answer[2], answer[0] == 1),
    )


def sweep(
    retention: timedelta, queued: int, dead_workers: Sequence[str], now_ms: int | None
) -> Call[Swept]:
    """Bring due retries back and free what dead workers held."""
    return Call(
        SWEEP,
        [_now(now_ms), _milliseconds(retention), queued, RETRIES_A_SWEEP, *dead_workers],
        lambda answer: Swept(
            answer[0] == 1,
            answer[1],
            tuple(shift.decode() for shift in answer[2]),
            answer[3] == 1,
        ),
    )


def fetch(
    lease: timedelta, retention: timedelta, now_ms: int | None
) -> Call[Errand | float | None]:
    """Give a fetcher the next action attempt."""

    def read(answer: list[Any]) -> Errand | float | None:
        attempt, times, wait_ms = answer
        if attempt:
            return Errand(attempt.decode(), times)
        return float(wait_ms) / 1000 if wait_ms else None

    return Call(FETCH, [_now(now_ms), _milliseconds(lease), _milliseconds(retention)], read)


def _read_mail(answer: list[Any]) -> tuple[Mail, ...]:
    return tuple(
        Mail(
            mailbox.decode(),
            careful == 1,
            tuple(_read_entry(entry) for entry in entries),
            {handler.decode(): Open(total, tuple(orders)) for handler, total, orders in open},
            {
                handler.decode(): int(occurred)
                for handler, occurred in zip(newest[::2], newest[1::2], strict=True)
            },
        )
        for mailbox, careful, open, newest, *entries in answer
    )


def _read_entry(answer: list[Any]) -> Entry:
    body, about, deaths, records, name = answer
    event_id, _, handler = name.decode().partition(" ")
    return Entry(
        event_id,
        handler or None,
        body,
        About.read(about),
        int(deaths or 0),
        {
            handler.decode(): record.decode()
            for handler, record in zip(records[::2], records[1::2], strict=True)
        },
    )
