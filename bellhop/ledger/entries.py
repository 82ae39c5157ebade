"""The values that go into the ledger's scripts and come out of them."""

from collections.abc import Mapping, Sequence
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

    `received_ms`: 0 if nothing is known. `order`: its place among all, from 1. `sent`: when its
    delivery was sent, in seconds since the epoch, if that is known.
    """

    received_ms: int = 0
    order: int = 0
    event_type: str = ""
    mailbox: str = ""
    delivery_id: str = ""
    sent: int | None = None

    @classmethod
    def read(cls, field: bytes | None) -> "About":
        """Read what the record of an event says, and leave alone what a newer version added.

        Of one that is gone, or cannot be read, nothing is known.
        """
        if not field:
            return cls()
        when, _, named = field.partition(b" ")
        received_ms, _, order = when.partition(b"-")
        try:
            event_type, mailbox, delivery_id, *more = from_json(named)
            sent = more[0] if more and isinstance(more[0], int) else None
            about = cls(int(received_ms), int(order), event_type, mailbox, delivery_id, sent)
        except (TypeError, ValueError):
            return cls()
        is_ours = isinstance(event_type, str) and isinstance(mailbox, str)
        return about if is_ours and isinstance(delivery_id, str) else cls()

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

    `wake`: sets of handlers for which the caller must put a shift into RQ's queue. `unseen`:
    differences from Seam's schema that no event had before.
    """

    new: tuple[bool, ...]
    wake: tuple[str, ...]
    unseen: tuple[Drift, ...] = ()


class Resolution(NamedTuple):
    """What is to become of a dead letter, and what is then on record of its handler."""

    what: Literal["retry", "drop"]
    event_id: str
    handler: str
    record: str


class Resolved(NamedTuple):
    """Which dead letters were dealt with; the others were none (any more)."""

    done: tuple[bool, ...]
    wake: tuple[str, ...]


class FetchTask(NamedTuple):
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
    """Which entries were put into mailboxes; the others were left alone."""

    done: tuple[bool, ...]
    wake: tuple[str, ...]


class Freed(NamedTuple):
    """What was freed of workers that are gone.

    `wake`: sets of handlers for which to put a shift into RQ's queue. `workers`: whose mail it was.
    """

    wake: tuple[str, ...]
    workers: tuple[str, ...]


class Swept(NamedTuple):
    """What a sweep found.

    `wake`: sets of handlers for which to put a shift into RQ's queue. `retries`: how many were due.
    `freed`: dead workers whose mail it gave back. `dropped`: sets that no worker has any more.
    `abandoned`: handlers that nobody had for too long. `more`: whether another sweep has to come at
    once. `now_ms`, `jumps`: the server's time, and how often its clock has jumped. `forgotten`:
    handlers that no worker has, and for which nothing waited.
    """

    wake: tuple[str, ...]
    retries: int
    freed: tuple[str, ...]
    dropped: tuple[str, ...]
    abandoned: tuple[str, ...]
    more: bool
    now_ms: int
    jumps: int
    forgotten: tuple[str, ...] = ()
