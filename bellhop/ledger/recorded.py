"""An event on record: what came, when, and what each handler did about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bellhop.ledger.entries import About
from bellhop.ledger.handled import Handled, handled_by, read_records
from bellhop.ledger.handler_record import HandlerRecord
from bellhop.ledger.query import Place
from bellhop.vault import NO_KEYS, Kind, Vault


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event on record. `handlers`: what is on record of each.

    `calls`: by the handlers that gave up, the ids of the calls of hooks about that.
    """

    event_id: str
    about: About
    created_ms: int
    state: str
    handlers: Mapping[str, HandlerRecord]
    stored: bytes = field(repr=False)
    vault: Vault = field(repr=False, default=NO_KEYS)
    calls: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls, event_id: str, created_ms: int, fields: Mapping[bytes, bytes], vault: Vault
    ) -> "Recorded":
        """Return the event whose hash in Redis has these fields, `body` among them."""
        return cls(
            event_id,
            About.read(fields.get(b"about")),
            created_ms,
            fields.get(b"state", b"accepted").decode(errors="replace"),
            read_records(fields, event_id, vault),
            fields[b"body"],
            vault,
            {
                name.removeprefix(b"told:").decode(): call_id.decode()
                for name, call_id in fields.items()
                if name.startswith(b"told:")
            },
        )

    @property
    def event_type(self) -> str:
        """The type of the event."""
        return self.about.event_type

    @property
    def place(self) -> Place:
        """Where it is among all events."""
        return Place(self.created_ms, self.about.order)

    @property
    def created_at(self) -> datetime:
        """When Seam made it, as far as that can be believed: not later than it came."""
        return datetime.fromtimestamp(self.created_ms / 1000, UTC)

    @property
    def received_at(self) -> datetime:
        """When it was accepted."""
        return datetime.fromtimestamp(self.about.received_ms / 1000, UTC)

    @property
    def sent_at(self) -> datetime | None:
        """When its delivery was sent, to the second, if that is known."""
        return None if self.about.sent is None else datetime.fromtimestamp(self.about.sent, UTC)

    def handled(self) -> list[Handled]:
        """Return what each handler did about it, in the order in which they began."""
        return handled_by(self.handlers)

    @property
    def body(self) -> bytes:
        """The event as it came; it may hold secrets. Raises `Sealed` and `Damaged`."""
        return self.vault.open(self.stored, Kind.EVENT, self.event_id)
