"""What a handler did about an event, as the record tells it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bellhop.vault import CannotOpen, Kind, Vault


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a handler. `error`: its last line, or what it said. `replay`: it was in one."""

    number: int
    started_at: datetime
    took: timedelta
    error: str | None
    replay: bool


@dataclass(frozen=True, slots=True)
class Handled:
    """What one handler did about one event.

    `attempts`: the last of them, of `attempt_count` in all. `error`: the last one, if it was not
    done in the end, with its traceback where there is one.
    """

    handler: str
    state: str
    attempt_count: int
    attempts: tuple[Attempt, ...]
    error: str | None

    @classmethod
    def read(cls, handler: str, record: Mapping[str, Any]) -> "Handled":
        """Read what is on record of a handler."""
        attempts, earlier = record.get("attempts", ()), int(record.get("earlier", 0))
        return cls(
            handler,
            str(record.get("state", "")),
            earlier + len(attempts),
            tuple(
                Attempt(
                    number,
                    datetime.fromtimestamp(started_ms / 1000, UTC),
                    timedelta(milliseconds=took_ms),
                    error,
                    bool(more),
                )
                for number, (started_ms, took_ms, error, *more) in enumerate(attempts, earlier + 1)
            ),
            record.get("error") or record.get("reason"),
        )


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
