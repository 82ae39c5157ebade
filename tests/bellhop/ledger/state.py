"""What the ledger's model keeps, and what several of its operations do with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bellhop.events import Drift


@dataclass
class Event:
    """The record of one event."""

    body: bytes
    event_type: str
    mailbox: str
    delivery_id: str
    received_ms: int
    order: int
    state: str = "accepted"
    records: dict[str, str] = field(default_factory=dict)
    """What each handler did, by its name."""
    begun: bool = False
    """Whether some handlers' outcomes were written before all had run."""
    deaths: dict[str | None, int] = field(default_factory=dict)
    """Workers that died, by the handler that was tried again, or None for all of them."""
    may_be_forgotten: bool = False
    """Whether nothing of it is open, so that its time to live has begun."""


@dataclass
class SeenDrift:
    """How often events differed in one way from Seam's schema, and since when."""

    drift: Drift
    first: int
    last: int
    count: int = 1


@dataclass
class Shift:
    """A shift that holds mailboxes."""

    lease_ends: int
    in_hand: dict[str, int]
    """How many entries of each mailbox it was given and has not finished."""


class LedgerState:
    """All that is in the ledger."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.deliveries: dict[str, int] = {}
        self.quarantine: dict[str, tuple[bytes, tuple[str, ...], Mapping[str, str], int]] = {}
        self.drift: dict[str, SeenDrift] = {}
        self.log: list[str] = []
        self.unindexed: list[tuple[int, int, Sequence[str]]] = []
        """Events that are in no index yet: order, when it was created, what it is about."""
        self.attempts: list[tuple[int, str]] = []
        """The action attempts that events were about, with their orders."""
        self.created: dict[str, int] = {}
        self.indexes: dict[str, dict[str, int]] = {}
        """By what events are about, their orders, with when they were created."""
        self.mail: dict[str, list[str]] = {}
        self.ready: list[str] = []
        self.careful: list[str] = []
        self.doubts: dict[str, int] = {}
        self.company: dict[str, int] = {}
        self.shifts: dict[str, Shift] = {}
        self.last_settle: dict[str, int] = {}
        self.due: dict[str, int] = {}
        self.dead: dict[str, int] = {}
        self.unfinished: dict[tuple[str, str], list[str]] = {}
        """Events that are open for a handler, by handler and mailbox, in order of arrival."""
        self.behind: dict[tuple[str, str], list[str]] = {}
        """Those of them that wait for the ones before."""
        self.newest: dict[str, dict[str, int]] = {}
        self.replaying: set[str] = set()
        """Entries that a replay put into mailboxes, as they wait there."""
        self._let_go: list[str] = []
        self.waiting: int | None = None
        self.resting: dict[str, int] = {}
        self.bells: set[str] = set()
        self.swept: int | None = None

    def _post(self, mailbox: str, entry: str) -> None:
        """Put an entry at the end of its mailbox; if that was empty, nobody knows of it yet."""
        if not self.mail.get(mailbox):
            self.ready.append(mailbox)
        self.mail.setdefault(mailbox, []).append(entry)

    def _in_hand(self, shift: str) -> dict[str, int]:
        return self.shifts[shift].in_hand if shift in self.shifts else {}

    def _wants_shift(self, now: int) -> bool:
        """Say whether the caller is to ask for a shift: there is mail, and nobody asked yet."""
        if (self.ready or self.careful) and not self._ring(now) and self.waiting is None:
            self.waiting = now
            return True
        return False

    def _ring(self, now: int) -> bool:
        """Wake the shift that rests until the latest time, if its time is not up."""
        if not self.resting:
            return False
        shift = max(self.resting, key=lambda one: (self.resting[one], one))
        if self.resting.pop(shift) <= now:
            return False
        self.bells.add(shift)
        return True

    def _retries(self, event_id: str) -> int:
        """Return how many entries there are of an event for one of its handlers."""
        waiting = [*self.due, *self.mail.get(self.events[event_id].mailbox, []), *self._let_go]
        behind = [event for events in self.behind.values() for event in events]
        return sum(name.startswith(f"{event_id} ") for name in waiting) + behind.count(event_id)

    def _dead_letters(self, event_id: str) -> int:
        return sum(name.startswith(f"{event_id} ") for name in self.dead)

    def snapshot(self) -> dict[str, Any]:
        """Return everything, as `snapshot.of` reads it from Redis."""
        return {
            "events": {
                event_id: {
                    "body": event.body,
                    "type": event.event_type,
                    "mailbox": event.mailbox,
                    "delivery": event.delivery_id,
                    "received": event.received_ms,
                    "order": event.order,
                    "state": event.state,
                    "records": event.records,
                    "open": self._retries(event_id),
                    "dead": self._dead_letters(event_id),
                    "begun": event.begun,
                    "deaths": {name: count for name, count in event.deaths.items() if count},
                    "may be forgotten": event.may_be_forgotten,
                }
                for event_id, event in self.events.items()
            },
            "deliveries": self.deliveries,
            "quarantine": self.quarantine,
            "quarantine order": list(self.quarantine),
            "drift": {
                name: (seen.drift.example, seen.count, seen.first, seen.last)
                for name, seen in self.drift.items()
            },
            "log": self.log,
            "unindexed": self.unindexed,
            "attempts": self.attempts,
            "created": self.created,
            "indexes": self.indexes,
            "unfinished": {
                f"{handler} {mailbox}": {name: self.events[name].order for name in events}
                for (handler, mailbox), events in self.unfinished.items()
            },
            "behind": {
                f"{handler} {mailbox}": events
                for (handler, mailbox), events in self.behind.items()
                if events
            },
            "newest": self.newest,
            "mail": {mailbox: mail for mailbox, mail in self.mail.items() if mail},
            "ready": self.ready,
            "careful": self.careful,
            "doubts": self.doubts,
            "company": self.company,
            "shifts": {name: shift.lease_ends for name, shift in self.shifts.items()},
            "held": {name: shift.in_hand for name, shift in self.shifts.items()},
            "last settle": {
                # It is forgotten some day after the shift has given everything back.
                shift: (number, shift not in self.shifts)
                for shift, number in self.last_settle.items()
            },
            "replaying": self.replaying,
            "due": self.due,
            "dead": self.dead,
            "waiting": self.waiting,
            "resting": self.resting,
            "bells": self.bells,
            "swept": self.swept,
        }


def split(name: str) -> tuple[str, str | None]:
    """Return the event and the handler, if it is for one only, of an entry."""
    event_id, _, handler = name.partition(" ")
    return event_id, handler or None


def worker_of(shift: str) -> str:
    """Return the worker whose shift it is."""
    return shift.rpartition("/")[0]


def milliseconds(duration: timedelta) -> int:
    """Return a duration as the scripts count it."""
    return duration // timedelta(milliseconds=1)
