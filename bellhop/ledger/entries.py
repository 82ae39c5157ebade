"""The values that go into the ledger's scripts and come out of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Literal, NamedTuple

from pydantic_core import from_json, to_json

from bellhop.events import Drift, Parsed
from bellhop.events.subjects import subjects_of

_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECOND = timedelta(milliseconds=1)


def in_ms(time: datetime) -> int:
    """Return a time as the ledger counts it and as it is shown: whole milliseconds, not rounded."""
    return (time - _EPOCH) // _MILLISECOND


class Arrival(NamedTuple):
    """A verified delivery of an event, on its way in.

    `released`: it was in quarantine until now. `created_ms`: when Seam made it, in milliseconds
    since the epoch, if it says so. `subjects`: what it is to be found by, see `subjects_of`.
    `sent_at`: when this delivery of it was sent, to the second.
    """

    delivery_id: str
    event_id: str
    event_type: str
    mailbox: str
    body: bytes
    drift: Sequence[Drift] = ()
    released: bool = False
    created_ms: int | None = None
    subjects: Sequence[str] = ()
    sent_at: datetime | None = None

    def __repr__(self) -> str:
        named = f"{self.delivery_id!r}, {self.event_id!r}, {self.event_type!r}, {self.mailbox!r}"
        return f"Arrival({named}, {len(self.body)} bytes)"

    @classmethod
    def of(
        cls,
        delivery_id: str,
        parsed: Parsed,
        *,
        released: bool = False,
        sent_at: datetime | None = None,
    ) -> "Arrival":
        """Return the arrival of an event that was just read."""
        event = parsed.event
        return cls(
            delivery_id,
            event.event_id,
            event.event_type,
            event.mailbox,
            event.raw,
            parsed.drift,
            released,
            in_ms(event.created_at) if event.created_at else None,
            subjects_of(event),
            sent_at,
        )


class About(NamedTuple):
    """What the ledger knows of an event besides its body.

    `order`: its place among all, from 1. `sent`: when its delivery was sent, in seconds since the
    epoch, if that is known.
    """

    received_ms: int = 0
    order: int = 0
    event_type: str = ""
    mailbox: str = ""
    delivery_id: str = ""
    sent: int | None = None

    @classmethod
    def read(cls, field: bytes | None) -> "About":
        """Read what the record of an event says; of one that is gone, nothing is known."""
        if not field:
            return cls()
        when, _, named = field.partition(b" ")
        received_ms, _, order = when.partition(b"-")
        return cls(int(received_ms), int(order), *from_json(named))

    @staticmethod
    def named(arrival: "Arrival") -> bytes:
        """Return what is written of an arrival, behind when and as which it came."""
        named: list[str | int] = [arrival.event_type, arrival.mailbox, arrival.delivery_id]
        if arrival.sent_at:
            named.append(int(arrival.sent_at.timestamp()))
        return to_json(named)


class Quarantined(NamedTuple):
    """A verified delivery of something that could not be read as an event.

    `problems`: what is wrong with it, in words, without secrets. `headers`: those that matter.
    """

    delivery_id: str
    body: bytes
    problems: tuple[str, ...]
    headers: Mapping[str, str] = MappingProxyType({})

    def __repr__(self) -> str:
        return f"Quarantined({self.delivery_id!r}, {self.problems!r}, {len(self.body)} bytes)"


class Receipt(NamedTuple):
    """What became of a batch: for each delivery, in order, whether it was new.

    `wants_shift`: the caller must put a shift into RQ's queue. `unseen`: differences from Seam's
    schema that no event had before.
    """

    new: tuple[bool, ...]
    wants_shift: bool
    unseen: tuple[Drift, ...] = ()


@dataclass(slots=True)  # to make a frozen one takes twice as long
class Entry:
    """One waiting entry of a mailbox: an event for all its handlers, or for one that tries again.

    `body` is `None` if the event's record is gone. `deaths`: how many workers died while they had
    nothing else in hand. `records`: what is written already of the event's handlers, by name.
    """

    event_id: str
    handler: str | None
    body: bytes | None = field(repr=False)
    about: About
    deaths: int
    records: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The entry as it stands in its mailbox."""
        return f"{self.event_id} {self.handler}" if self.handler else self.event_id


class Open(NamedTuple):
    """The events of a mailbox that are open for a handler: how many, and the oldest hundred."""

    total: int
    orders: tuple[int, ...]


@dataclass(slots=True, frozen=True)
class Mail:
    """The first entries of a mailbox that is now in the shift's hands.

    `careful`: a worker died with this mailbox in hand, so it was claimed with one entry, and
    nothing beside it but others like it.
    `open`: events that wait for a retry, or behind one, by handler. `newest`: when the newest event
    that a handler saw occurred, in milliseconds since the epoch, if it was asked for.
    """

    mailbox: str
    careful: bool
    entries: tuple[Entry, ...]
    open: Mapping[str, Open] = field(default_factory=dict)
    newest: Mapping[str, int] = field(default_factory=dict)


class Claimed(NamedTuple):
    """The mail a shift starts with, and whether to put another shift into RQ's queue."""

    mail: tuple[Mail, ...]
    wants_shift: bool


class Outcome(NamedTuple):
    """What a handler did with an event, or that the event has to wait behind an earlier one.

    `delay_ms` counts for a retry only. `occurred_ms`: when the event occurred, if the handler saw
    it and wants to know which was the newest.
    """

    handler: str
    kind: Literal["done", "retry", "behind", "dead"]
    delay_ms: int
    record: str
    occurred_ms: int | None = None


class SettledEntry(NamedTuple):
    """Outcomes of an entry. One that is not `finished` stays in its mailbox.

    `state` is the event's, if nothing of it is left open: `done`, or `unhandled` if no handler
    matched.
    """

    name: str
    finished: bool
    outcomes: Sequence[Outcome]
    state: Literal["done", "unhandled"] = "done"


class SettledMail(NamedTuple):
    """Results of a mailbox, and where it goes: kept, or given back at the end or in front."""

    mailbox: str
    give_back: Literal["keep", "end", "front"]
    entries: Sequence[SettledEntry]


class Settled(NamedTuple):
    """Answer to a settle. If not `ours`, the lease was taken away and nothing was written.

    `careful_waits`: there are mailboxes that only a shift with empty hands may take.
    """

    ours: bool
    mail: tuple[Mail, ...]
    wants_shift: bool
    careful_waits: bool = False


class Resolution(NamedTuple):
    """What is to become of a dead letter, and what is then on record of its handler."""

    what: Literal["retry", "drop"]
    event_id: str
    handler: str
    record: str


class Resolved(NamedTuple):
    """Which dead letters were dealt with; the others were none (any more)."""

    done: tuple[bool, ...]
    wants_shift: bool


class Errand(NamedTuple):
    """An action attempt to ask Seam's API about. `times`: how often that was begun, with this."""

    action_attempt_id: str
    times: int


class Replay(NamedTuple):
    """An event that a handler is to be given again, or for the first time, though it is over.

    `read`: what was on record of the handler, `record`: what is to be.
    """

    event_id: str
    handler: str
    read: str
    record: str


class Replayed(NamedTuple):
    """Which entries were put into mailboxes; the others were left alone.

    `waiting`: how many wait there, of all replays.
    """

    done: tuple[bool, ...]
    waiting: int
    wants_shift: bool


class Swept(NamedTuple):
    """What a sweep found: retries that were due, and shifts whose mail it gave back.

    `more`: whether another sweep has to come at once, since there may be more.
    """

    wants_shift: bool
    retries: int
    ended: tuple[str, ...]
    more: bool = False
