"""The arguments and answers of the scripts that workers call. Nothing here does I/O."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from redis.exceptions import ResponseError

from bellhop.errors import NameTaken
from bellhop.ledger.calls import Argument, Call, load, milliseconds, moment, read_names
from bellhop.ledger.entries import About
from bellhop.ledger.mail import (
    Claimed,
    ClaimedEvent,
    ClaimLimit,
    Entry,
    GiveBack,
    HandlerSet,
    Mail,
    Result,
    Settled,
    SettledEntry,
    SettledMail,
)

SUBSCRIBE = load("subscribing", "hooks", "subscribe")
CLAIM = load("claiming", "claim")
SETTLE = load("claiming", "subscribing", "hooks", "settle")
IDLE = load("idle")

_JSON = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))
"""Writes names as they were read, whatever bytes they are (see `_read_text`). No result refers to
itself: to look whether one does takes a fifth of the time."""

_TAKEN = re.compile(r"NAMETAKEN (\S+) (\S+) (.*)")


def subscribe(
    worker: str, handlers: HandlerSet, retention: timedelta, now_ms: int | None
) -> Call[tuple[str, ...]]:
    """Say which handlers a worker has."""
    arguments: list[Argument] = [
        moment(now_ms),
        milliseconds(retention),
        worker,
        handlers.fingerprint,
        handlers.json,
        handlers.only_json,
        handlers.others_json,
    ]
    return Call(SUBSCRIBE, arguments, read_names)


def subscribe_error(error: ResponseError) -> Exception:
    """Return what an error of `subscribe` means: `NameTaken`, or the error itself."""
    taken = _TAKEN.match(str(error))
    return NameTaken(*taken.groups()) if taken else error


def claim(
    worker: str,
    handlers: HandlerSet,
    limits: Sequence[ClaimLimit],
    *,
    was_idle: bool,
    settles: int,
    now_ms: int | None,
) -> Call[Claimed]:
    """Give a worker with empty hands its first mail."""
    arguments: list[Argument] = [
        moment(now_ms),
        worker,
        handlers.fingerprint,
        "idle" if was_idle else "start",
        settles,
        _limits_json(limits),
    ]
    return Call(
        CLAIM,
        arguments,
        lambda answer: Claimed(answer[0] == 1, _read_mail(answer[2]), read_names(answer[1])),
    )


def settle(
    worker: str,
    handlers: HandlerSet,
    number: int,
    results: Sequence[SettledMail],
    limits: Sequence[ClaimLimit],
    retention: timedelta,
    now_ms: int | None,
) -> Call[Settled]:
    """Write down what a worker did and claim its next mail."""
    arguments: list[Argument] = [
        moment(now_ms),
        worker,
        handlers.fingerprint,
        number,
        milliseconds(retention),
        _limits_json(limits),
        _results_json(results),
    ]
    return Call(
        SETTLE,
        arguments,
        lambda answer: Settled(
            answer[0] == 1, _read_mail(answer[2]), read_names(answer[1]), answer[3] == 1
        ),
    )


def idle(worker: str, handlers: HandlerSet, duration: timedelta, now_ms: int | None) -> Call[bool]:
    """Let a worker with empty hands wait for mail."""
    arguments: list[Argument] = [
        moment(now_ms),
        worker,
        handlers.fingerprint,
        milliseconds(duration),
    ]
    return Call(IDLE, arguments, lambda answer: answer == 1)


def _limits_json(limits: Sequence[ClaimLimit]) -> str:
    return json.dumps([one.as_json() for one in limits], separators=(",", ":"))


def _results_json(results: Sequence[SettledMail]) -> bytes:
    """Return results as the script reads them."""
    text = _JSON.encode([_settled_mail(one) for one in results])
    return text.encode(errors="surrogateescape")


def _read_text(text: bytes) -> str:
    """Read a text; if nobody of us wrote it, it may be no UTF-8, and is written back as it was."""
    return text.decode(errors="surrogateescape")


def _settled_mail(one: SettledMail) -> dict[str, Any]:
    settled: dict[str, Any] = {
        "handler": one.handler,
        "mailbox": one.mailbox,
        "give_back": one.give_back,
        "entries": [_settled_entry(entry) for entry in one.entries],
    }
    if one.give_back is GiveBack.PARK:
        settled["delay"] = one.entries[-1].outcome.delay_ms
    return settled


def _settled_entry(entry: SettledEntry) -> dict[str, Any]:
    kind, record, delay_ms = entry.outcome
    settled: dict[str, Any] = {"event_id": entry.event_id, "outcome": kind, "record": record}
    if kind is Result.RETRY:
        settled["delay"] = delay_ms
    if entry.again:
        settled["again"] = True
    if entry.wants_retries:
        settled["wants_retries"] = True
    if entry.occurred_ms is not None:
        settled["occurred"] = entry.occurred_ms
    return settled


def _read_mail(answer: list[Any]) -> tuple[Mail, ...]:
    mailboxes, flat = answer
    events = {
        event_id: ClaimedEvent(_read_text(event_id), About.read(about), body, 0)
        for event_id, about, body in zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    }
    return tuple(_read_mailbox(events, *one) for one in mailboxes)


def _read_mailbox(
    events: Mapping[bytes, ClaimedEvent],
    handler: bytes,
    mailbox: bytes,
    alone: int,
    orders: list[int],
    newest: int | bytes,
    *flat: Any,
) -> Mail:
    entries = []
    for event_id, record, deaths in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
        event = events[event_id]
        event.handlers += 1
        entries.append(Entry(event, _read_text(record), deaths))
    return Mail(
        _read_text(handler),
        _read_text(mailbox),
        alone == 1,
        tuple(entries),
        orders,
        newest if isinstance(newest, int) else None,
    )
