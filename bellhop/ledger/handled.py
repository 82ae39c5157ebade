"""What a handler did about an event, as the record tells it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bellhop.errors import BellhopError
from bellhop.handler_state import HandlerState
from bellhop.vault import CannotOpen, Kind, Vault

_NEVER_MS = 10**14
UNCOUNTED = "uncounted"
"""Marks a try on record that is no attempt: the handler raised `Retry(counts=False)`."""


class UnreadableRecord(BellhopError):
    """What is on record of a handler cannot be read: no version of Bellhop wrote it."""


def read_record(stored: bytes | str) -> dict[str, Any]:
    """Return the record of a handler, with all that is in it. Raises `UnreadableRecord`.

    An empty one says that the event was given to the handler, which has not run yet.
    """
    if not stored:
        return {"state": HandlerState.WAITING, "attempts": []}
    try:
        record: Any = json.loads(stored)  # an error's text may hold half a character
    except ValueError:
        record = None
    if not _is_record(record):
        raise UnreadableRecord("what is on record of the handler cannot be read")
    read: dict[str, Any] = record
    return read


def _is_record(record: Any) -> bool:
    """Whether all is of its type that is read of a record; it may have more."""
    return (
        isinstance(record, dict)
        and isinstance(record.get("state"), str)
        and isinstance(record.get("attempts", []), list)
        and all(map(_is_attempt, record.get("attempts", ())))
        and all(isinstance(record.get(name, 0), int) for name in ("earlier", UNCOUNTED, "since"))
        and all(isinstance(record.get(name), int | None) for name in ("forgiven", "replay"))
        and all(isinstance(record.get(name), str | None) for name in ("error", "reason"))
    )


def _is_attempt(attempt: Any) -> bool:
    match attempt:
        case [int() | float() as started, int() | float() as took, str() | None, *_]:
            return 0 <= started < _NEVER_MS and 0 <= took < _NEVER_MS
    return False


def shown_record(stored: bytes) -> dict[str, Any]:
    """Return the record of a handler for people: of one that cannot be read, that it is so."""
    try:
        return read_record(stored)
    except UnreadableRecord as error:
        return {"state": HandlerState.UNREADABLE, "attempts": [], "error": str(error)}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a handler. `error`: its last line, or what it said. `replay`: it was in one.

    One that does not count has the number of the next that does.
    """

    number: int
    started_at: datetime
    took: timedelta
    error: str | None
    replay: bool
    counts: bool


@dataclass(frozen=True, slots=True)
class Handled:
    """What one handler did about one event.

    `attempts`: the last of them, of `attempt_count` in all, besides `uncounted_count` that did not
    count. `error`: the last one, if it was not done in the end, with its traceback where there is
    one; or why it was skipped or dropped.
    """

    handler: str
    state: str
    attempt_count: int
    uncounted_count: int
    attempts: tuple[Attempt, ...]
    error: str | None

    @classmethod
    def read(cls, handler: str, record: Mapping[str, Any]) -> "Handled":
        """Read what is on record of a handler."""
        return cls(
            handler,
            str(record.get("state", "")),
            attempts_made(record),
            int(record.get(UNCOUNTED, 0)),
            tuple(_attempts(record)),
            record.get("error") or record.get("reason"),
        )


def _attempts(record: Mapping[str, Any]) -> Iterator[Attempt]:
    number = int(record.get("earlier", 0)) + 1
    for started_ms, took_ms, error, *marks in record.get("attempts", ()):
        counts = UNCOUNTED not in marks
        yield Attempt(
            number,
            datetime.fromtimestamp(started_ms / 1000, UTC),
            timedelta(milliseconds=took_ms),
            error,
            "replay" in marks,
            counts,
        )
        number += counts


_LATER = datetime.max.replace(tzinfo=UTC)


def read_records(fields: Mapping[bytes, bytes]) -> dict[str, Mapping[str, Any]]:
    """Return what is on record of each handler, from the fields of an event's hash in Redis."""
    return {
        name[2:].decode(errors="replace"): shown_record(record)
        for name, record in fields.items()
        if name.startswith(b"h:")
    }


def handled_by(
    records: Mapping[str, Mapping[str, Any]], event_id: str, vault: Vault
) -> list[Handled]:
    """Return what each handler did about an event, in the order in which they began."""
    found = [
        Handled.read(name, opened(record, event_id, name, vault))
        for name, record in records.items()
    ]
    return sorted(found, key=lambda one: one.attempts[0].started_at if one.attempts else _LATER)


def attempts_made(record: Mapping[str, Any]) -> int:
    """Return how often a handler was tried, without the tries that do not count."""
    return int(record.get("earlier", 0)) + counted(record.get("attempts", ()))


def counted(attempts: Sequence[Sequence[Any]]) -> int:
    """Return how many of the tries on record are attempts."""
    return sum(UNCOUNTED not in marks for _, _, _, *marks in attempts)


def opened(record: Mapping[str, Any], event_id: str, handler: str, vault: Vault) -> dict[str, Any]:
    """Return a record as it is for people: with what the handler said, or why that cannot be read.

    Only what was said is sealed; the rest of a record holds numbers and its state.
    """

    def read(stored: str, kind: Kind) -> str:
        try:
            return vault.open_text(stored, kind, event_id, handler)
        except CannotOpen as error:
            return f"cannot be read: {error}"

    return _with_said(record, read)


def resealed(
    record: Mapping[str, Any], event_id: str, handler: str, vault: Vault
) -> dict[str, Any]:
    """Return a record in which what was said is as the first key seals it, if it can be read."""

    def renewed(stored: str, kind: Kind) -> str:
        if vault.is_current(stored):
            return stored
        try:
            text = vault.open_text(stored, kind, event_id, handler)
        except CannotOpen:
            return stored
        return vault.seal_text(text, kind, event_id, handler)

    return _with_said(record, renewed)


def renamed(
    record: Mapping[str, Any], event_id: str, old: str, new: str, vault: Vault
) -> dict[str, Any]:
    """Return the record of a handler as that of another one, if what was said can be read."""

    def renewed(stored: str, kind: Kind) -> str:
        try:
            text = vault.open_text(stored, kind, event_id, old)
        except CannotOpen:
            return stored
        return vault.seal_text(text, kind, event_id, new)

    return _with_said(record, renewed)


def _with_said(record: Mapping[str, Any], change: Callable[[str, Kind], str]) -> dict[str, Any]:
    changed = dict(record)
    if "attempts" in changed:
        changed["attempts"] = [
            [started, took, said and change(said, Kind.ATTEMPT), *more]
            for started, took, said, *more in changed["attempts"]
        ]
    for name in ("error", "reason"):
        if changed.get(name):
            changed[name] = change(changed[name], Kind.ERROR)
    return changed
