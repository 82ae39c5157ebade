"""What a handler did about an event, as the record tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any


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

    `attempts`: the last of them, of `tries` in all. `error`: the last one, if it was not done in
    the end, with its traceback where there is one.
    """

    handler: str
    state: str
    tries: int
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
