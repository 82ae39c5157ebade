"""The arguments and answers of the scripts that pause, move and forget handlers. No I/O is here."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from bellhop.ledger.calls import Argument, Call, load, milliseconds, moment, read_names

PAUSE = load("pause")
FORGET = load("subscribing", "abandoning", "forget")
MOVE = load("subscribing", "abandoning", "move")

SealedRecords: TypeAlias = Mapping[str, tuple[bytes, bytes | str]]
"""By event, a record as it was read, and as it is to be under another name."""

NOTHING_SEALED: SealedRecords = MappingProxyType({})


class StepState(StrEnum):
    """How far a handler is forgotten, or moved to another name."""

    UNKNOWN = "unknown"
    """It is not subscribed, or no longer."""
    HAD = "had"
    """A worker has it: nothing was done."""
    HELD = "held"
    """A worker holds mail of it that will come back within half a minute."""
    SEAL = "seal"
    """Records must be sealed for the new name first."""
    MORE = "more"
    OVER = "over"


Cursor: TypeAlias = bytes | str
"""Where the next step goes on, in the walk through `due`."""

START: Cursor = "0"


class Step(NamedTuple):
    """What one call did.

    `events`: how many it abandoned or moved. `had`: how many of them the new handler had itself.
    `workers`: those that have the handler, or hold mail of it. `to_seal`: records by event, that
    are to be sealed for the new name. `wake`: sets of handlers for which to put a shift into RQ's
    queue.
    """

    state: StepState
    cursor: Cursor
    events: int
    workers: tuple[str, ...]
    had: int = 0
    to_seal: Mapping[str, bytes] = MappingProxyType({})
    wake: tuple[str, ...] = ()


class Paused(StrEnum):
    """Answer to a pause, or its end."""

    UNKNOWN = "unknown"
    CHANGED = "changed"
    SAME = "same"


def pause(
    handler: str, *, resume: bool, now_ms: int | None
) -> Call[tuple[Paused, tuple[str, ...]]]:
    """Have nothing more of a handler claimed, or have it claimed again."""
    arguments: list[Argument] = [moment(now_ms), handler, "resume" if resume else "pause"]
    return Call(
        PAUSE, arguments, lambda answer: (Paused(answer[0].decode()), read_names(answer[1]))
    )


def forget(handler: str, cursor: Cursor, retention: timedelta, now_ms: int | None) -> Call[Step]:
    """Abandon some of what waits for a handler, and forget it if that was all."""
    arguments: list[Argument] = [moment(now_ms), milliseconds(retention), handler, cursor]

    def read(answer: Any) -> Step:
        state, events, next_cursor, workers = answer
        return Step(StepState(state.decode()), next_cursor, events, read_names(workers))

    return Call(FORGET, arguments, read)


def move(
    old: str,
    new: str,
    cursor: Cursor,
    retention: timedelta,
    *,
    is_sealed: bool,
    sealed: SealedRecords,
    now_ms: int | None,
) -> Call[Step]:
    """Move some of what waits for a handler to another, and forget it if that was all.

    `is_sealed`: whether what handlers said is sealed with their names. `sealed`: records for the
    new name.
    """
    arguments: list[Argument] = [
        moment(now_ms),
        milliseconds(retention),
        old,
        new,
        cursor,
        int(is_sealed),
    ]
    for event_id, records in sealed.items():
        arguments += (event_id, *records)

    def read(answer: Any) -> Step:
        state, moved, had, next_cursor, workers, to_seal, wake = answer
        return Step(
            StepState(state.decode()),
            next_cursor,
            moved,
            read_names(workers),
            had,
            {
                event_id.decode(): record
                for event_id, record in zip(to_seal[::2], to_seal[1::2], strict=True)
            },
            read_names(wake),
        )

    return Call(MOVE, arguments, read)
