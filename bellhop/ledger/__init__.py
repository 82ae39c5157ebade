"""The record, in Redis, of every event and of what each handler did with it.

Four Lua scripts are its only way to change: `accept`, `claim`, `settle` and `sweep`. `Ledger` calls
them from workers and the foreman, `AsyncLedger` from the receiver; both are thin, and the logic is
in the scripts alone.
"""

from bellhop.ledger.drift import DriftReport, SeenDrift
from bellhop.ledger.entries import (
    Arrival,
    Claimed,
    Entry,
    Mail,
    Outcome,
    Quarantined,
    Receipt,
    Settled,
    SettledEntry,
    SettledMail,
    Swept,
)
from bellhop.ledger.ledger import AsyncLedger, Ledger
from bellhop.ledger.quarantine import Kept, Quarantine

__all__ = [
    "Arrival",
    "AsyncLedger",
    "Claimed",
    "DriftReport",
    "Entry",
    "Kept",
    "Ledger",
    "Mail",
    "Outcome",
    "Quarantine",
    "Quarantined",
    "Receipt",
    "SeenDrift",
    "Settled",
    "SettledEntry",
    "SettledMail",
    "Swept",
]
