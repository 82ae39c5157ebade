"""How the record of one handler and one event is stored: each try, and how it ended.

A record is JSON: `{"state": …, "attempts": [[started, took, error], …]}` with milliseconds since
the epoch, milliseconds, and a text or null. `state` is one of `HandlerState`; a record that is
neither `done` nor `skipped` has the last `error`, with its traceback where there is one, and one
that is skipped or dropped by hand the `reason`. `earlier` attempts are kept as a number only;
`forgiven` ones were made before somebody had the handler tried again, and `since` is when the first
was made after that. An attempt of a replay is marked "replay" behind these three; `replay` is how
many were made before. A try that is no attempt is marked "uncounted" there: `uncounted` is how many
there were, and no other number counts them.

Scripts read the state, and change nothing else (see `records.lua`).
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bellhop.errors import BellhopError

UNCOUNTED = "uncounted"
REPLAY = "replay"

_NEVER_MS = 10**14


class UnreadableRecord(BellhopError):
    """What is on record of a handler cannot be read: no version of Bellhop wrote it."""


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


def read_stored(stored: bytes | str) -> dict[str, Any]:
    """Read a record. Raises `UnreadableRecord`."""
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
        and all(isinstance(record.get(name), int | None) for name in ("forgiven", REPLAY))
        and all(isinstance(record.get(name), str | None) for name in ("error", "reason"))
    )


def _is_attempt(attempt: Any) -> bool:
    match attempt:
        case [int() | float() as started, int() | float() as took, str() | None, *_]:
            return 0 <= started < _NEVER_MS and 0 <= took < _NEVER_MS
    return False
