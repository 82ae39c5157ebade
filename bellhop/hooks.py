"""What hooks are called with: about a dead letter, or about a body in quarantine."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bellhop.events import SeamEvent


class Hook(StrEnum):
    """About what a hook is called."""

    DEAD = "dead"
    """An event that a handler gave up; the hook's patterns are of names of handlers."""
    QUARANTINED = "quarantined"
    """A signed body that is no event."""


END_OF_CALL = "\x7f"
"""What the id of a call of hooks ends with in the ledger, and no id of Seam's can hold."""


def shown_id(event_id: str) -> str:
    """Return the id of an event, or of a call of hooks, as people read it."""
    return event_id.removesuffix(END_OF_CALL)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a handler gave up.

    event: None if it cannot be read any more. It may hold door codes, which its `repr` masks.
    device_id: None if the event is of no device.
    handler: which one gave up, after so many `attempts`.
    error: the last one in a line, without door codes.
    died_at: when it gave up (aware, UTC).
    """

    event: SeamEvent | None
    event_id: str
    event_type: str
    device_id: str | None
    handler: str
    error: str
    attempts: int
    died_at: datetime


@dataclass(frozen=True, slots=True)
class QuarantinedBody:
    """A signed body that could not be read as an event.

    delivery_id: the `svix-id` of the request that brought it.
    problems: what is wrong with it, in words, without secrets.
    received_at: when it came (aware, UTC).
    size: of the body, in bytes.
    """

    delivery_id: str
    problems: tuple[str, ...]
    received_at: datetime
    size: int


def log_names(about: DeadLetter | QuarantinedBody) -> dict[str, object]:
    """Return what lines of the log name in a hook that is called about this."""
    if isinstance(about, QuarantinedBody):
        return {"delivery_id": about.delivery_id}
    return {
        "event_id": about.event_id,
        "event_type": about.event_type,
        "device_id": about.device_id,
        "given_up_by": about.handler,
    }
