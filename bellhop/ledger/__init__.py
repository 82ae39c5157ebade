"""The record, in Redis, of every event and of what each handler did with it.

Lua scripts are its only way to change: `accept`, `subscribe`, `claim`, `settle`, `idle`,
`sweep`, `repair`, `resolve`, `replay`, `pause`, `forget`, `move`, `index`, and `fetch` for what
Seam's API says of action attempts.
`Ledger` calls them from workers, the foreman and the command line, `AsyncLedger` from the receiver;
both are thin, and the logic is in the scripts alone.
"""

from bellhop.ledger.alarms import Alarm, read_alarms
from bellhop.ledger.arrivals import Arrivals
from bellhop.ledger.asking import Asked
from bellhop.ledger.attempts import AsyncAttempts, Attempts, RecordedAttempt
from bellhop.ledger.awaiting import AsyncLedger
from bellhop.ledger.calls import FIRST_SWEEP
from bellhop.ledger.condition import Condition, read_condition, read_oldest_mail
from bellhop.ledger.deadletters import DeadLetter, DeadLetters
from bellhop.ledger.drift import DriftReport, SeenDrift
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
    in_ms,
)
from bellhop.ledger.handled import Handled
from bellhop.ledger.handler_record import HandlerRecord
from bellhop.ledger.hook_calls import Told, told_by_hooks
from bellhop.ledger.ledger import Ledger
from bellhop.ledger.mail import (
    Claimed,
    ClaimedEvent,
    ClaimLimit,
    Entry,
    GiveBack,
    HandlerSet,
    Mail,
    Outcome,
    Result,
    Settled,
    SettledEntry,
    SettledMail,
    Subscription,
)
from bellhop.ledger.moves import Paused, Step, StepState
from bellhop.ledger.quarantine import Kept, Quarantine
from bellhop.ledger.query import Place, Query, State
from bellhop.ledger.record import AsyncRecord, Page, Record
from bellhop.ledger.recorded import Recorded
from bellhop.ledger.repairs import Repair, Repaired
from bellhop.ledger.stored_record import Attempt, UnreadableRecord
from bellhop.ledger.subscriptions import (
    LiveSet,
    Subscribed,
    handler_sets,
    read_live_sets,
    read_subscriptions,
    workers_alive,
)
from bellhop.ledger.unfetched import Unfetched
from bellhop.ledger.version import VERSION, read_version, require_version
from bellhop.ledger.waiting_mail import WaitingMail, read_waiting

__all__ = [
    "FIRST_SWEEP",
    "VERSION",
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
    "ClaimLimit",
    "Claimed",
    "ClaimedEvent",
    "Condition",
    "DeadLetter",
    "DeadLetters",
    "DriftReport",
    "Entry",
    "FetchTask",
    "Freed",
    "GiveBack",
    "Handled",
    "HandlerRecord",
    "HandlerSet",
    "Kept",
    "Ledger",
    "LiveSet",
    "Mail",
    "Outcome",
    "Page",
    "Paused",
    "Place",
    "Quarantine",
    "Quarantined",
    "Query",
    "Receipt",
    "Record",
    "Recorded",
    "RecordedAttempt",
    "Repair",
    "Repaired",
    "Replay",
    "Replayed",
    "Resolution",
    "Resolved",
    "Result",
    "SeenDrift",
    "Settled",
    "SettledEntry",
    "SettledMail",
    "State",
    "Step",
    "StepState",
    "Subscribed",
    "Subscription",
    "Swept",
    "Told",
    "Unfetched",
    "UnreadableRecord",
    "WaitingMail",
    "handler_sets",
    "in_ms",
    "read_alarms",
    "read_condition",
    "read_live_sets",
    "read_oldest_mail",
    "read_subscriptions",
    "read_version",
    "read_waiting",
    "require_version",
    "told_by_hooks",
    "workers_alive",
]
