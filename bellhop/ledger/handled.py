"""What handlers did about an event, for people: as their records tell it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bellhop.ledger.handler_record import HandlerRecord
from bellhop.ledger.stored_record import Attempt
from bellhop.vault import Vault

_LATER = datetime.max.replace(tzinfo=UTC)


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
    def of(cls, record: HandlerRecord) -> "Handled":
        """Return what is on record of a handler."""
        return cls(
            record.handler,
            record.state,
            record.attempts_made,
            record.uncounted,
            record.attempts,
            record.error or record.reason or None,
        )


def read_records(
    fields: Mapping[bytes, bytes], event_id: str, vault: Vault
) -> dict[str, HandlerRecord]:
    """Return what is on record of each handler, from the fields of an event's hash in Redis."""
    names = [name for name in fields if name.startswith(b"h:")]
    records = [
        HandlerRecord.shown(fields[name], event_id, name[2:].decode(errors="replace"), vault)
        for name in names
    ]
    return {record.handler: record for record in records}


def handled_by(records: Mapping[str, HandlerRecord]) -> list[Handled]:
    """Return what each handler did about an event, in the order in which they began."""
    found = map(Handled.of, records.values())
    return sorted(found, key=lambda one: one.attempts[0].started_at if one.attempts else _LATER)
