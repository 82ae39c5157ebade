"""The record, in Redis, of every event and of what each handler did with it.

Lua scripts are its only way to change: `accept`, `claim`, `settle`, `rest`, `sweep`, `resolve`,
`replay`, `index`, and `fetch` for what Seam's API says of action attempts.
`Ledger` calls them from workers, the foreman and the command line, `AsyncLedger` from the receiver;
both are thin, and the logic is in the scripts alone.
"""

from bellhop.ledger.alarms import Alarm, read_alarms
from bellhop.ledger.arrivals import Arrivals
from bellhop.ledger.asking import Asked
from bellhop.ledger.attempts import AsyncAttempts, Attempts, RecordedAttempt
from bellhop.ledger.awaiting import AsyncLedger
from bellhop.ledger.condition import Condition, read_condition
from bellhop.ledger.deadletters import DeadLetter, DeadLetters
from bellhop.ledger.drift import DriftReport, SeenDrift
from bellhop.ledger.entries import (
    About,
    Arrival,
    Claimed,
    Entry,
    Errand,
    Mail,
    Open,
    Outcome,
    Quarantined,
    Receipt,
    Replay,
    Replayed,
    Resolution,
    Resolved,
    Settled,
    SettledEntry,
    SettledMail,
    Swept,
    in_ms,
)
from bellhop.ledger.handled import Attempt, Handled
from bellhop.ledger.ledger import Ledger
from bellhop.ledger.quarantine import Kept, Quarantine
from bellhop.ledger.query import Place, Query, State
from bellhop.ledger.record import AsyncRecord, Page, Record
from bellhop.ledger.recorded import Recorded
from bellhop.ledger.unfetched import Unfetched

__all__ = [
    "About",
    "Alarm",
    "Arrival",
    "Arrivals",
    "Asked",
    "AsyncAttempts",
    "AsyncLedger",
    "AsyncRecord",
    "Attempt",
    "Attempts",
    "Claimed",
    "Condition",
    "DeadLetter",
    "DeadLetters",
    "DriftReport",
    "Entry",
    "Errand",
    "Handled",
    "Kept",
    "Ledger",
    "Mail",
    "Open",
    "Outcome",
    "Page",
    "Place",
    "Quarantine",
    "Quarantined",
    "Query",
    "Receipt",
    "Record",
    "Recorded",
    "RecordedAttempt",
    "Replay",
    "Replayed",
    "Resolution",
    "Resolved",
    "SeenDrift",
    "Settled",
    "SettledEntry",
    "SettledMail",
    "State",
    "Swept",
    "Unfetched",
    "in_ms",
    "read_alarms",
    "read_condition",
]
