"""What tests of handlers import.

from bellhop.testing import make_event

def test_audit(capsys):
    audit(make_event("lock.unlocked", method="keycode"))
    assert "keycode" in capsys.readouterr().out
"""

import json
import os
import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bellhop.events import EventType, SeamEvent, parse
from bellhop.handler import Context
from bellhop.hooks import DeadLetter, QuarantinedBody, log_names
from bellhop.samples import sample

__all__ = [
    "SignedRequest",
    "make_context",
    "make_dead_letter",
    "make_event",
    "make_quarantined_body",
    "signed_request",
]


class SignedRequest(NamedTuple):
    """What Svix would post to the receiver."""

    body: bytes
    headers: dict[str, str]


def make_event(event_type: EventType | str, /, **fields: object) -> Any:
    """Return a plausible event, with `fields` as in Seam's JSON; times may be `datetime`s.

    It is of the type's own class, or, of a type that is not known yet, such as `lock.jammed`, of
    the class that a handler would get. Fields may be new, too. Raises `UnknownEventType` or
    `UnknownField` for a typo, `InvalidField` or `NotASeamEvent` if a field cannot have the value.
    """
    return parse(_body(event_type, fields)).event


def make_dead_letter(
    event: SeamEvent,
    /,
    *,
    handler: str = "tests.handler",
    error: str = "ConnectionError: the front desk is closed",
    attempts: int = 20,
    died_at: datetime | None = None,
    readable: bool = True,
) -> DeadLetter:
    """Return what an `@on_dead` hook would get about `event`.

    readable: False for an event that cannot be read any more.
    """
    return DeadLetter(
        event=event if readable else None,
        event_id=event.event_id,
        event_type=event.event_type,
        device_id=getattr(event, "device_id", None),
        handler=handler,
        error=error,
        attempts=attempts,
        died_at=died_at or datetime.now(UTC),
    )


def make_quarantined_body(
    *problems: str,
    delivery_id: str | None = None,
    received_at: datetime | None = None,
    size: int = 2,
) -> QuarantinedBody:
    """Return what an `@on_quarantined` hook would get: of `{}`, unless you say otherwise."""
    return QuarantinedBody(
        delivery_id=delivery_id or _new_delivery_id(),
        problems=problems or ("event_id: is missing", "event_type: is missing"),
        received_at=received_at or datetime.now(UTC),
        size=size,
    )


def make_context(
    event: SeamEvent | DeadLetter | QuarantinedBody,
    /,
    *,
    handler: str = "tests.handler",
    attempt: int = 1,
    delivery_id: str | None = None,
    received_at: datetime | None = None,
    earlier_pending: bool = False,
    stale: bool = False,
    replay: bool = False,
    state: Any = None,
) -> Context:
    """Return the context that a handler, or a hook, of `event` would get at its first attempt.

    state: what the lifespan would yield, such as a client that sends nothing.
    """
    about: Any = event if isinstance(event, SeamEvent) else getattr(event, "event", None)
    return Context(
        event=about,
        handler=handler,
        attempt=attempt,
        delivery_id=delivery_id or _new_delivery_id(),
        received_at=received_at or datetime.now(UTC),
        earlier_pending=earlier_pending,
        stale=stale,
        replay=replay,
        state=state,
        _names=None if isinstance(event, SeamEvent) else log_names(event),
    )


def signed_request(
    event_type: EventType | str, /, *, secret: str, **fields: object
) -> SignedRequest:
    """Return a request with such an event, signed now with `secret` (`whsec_…`)."""
    from bellhop.signature import sign

    body = _body(event_type, fields)
    headers = sign(_new_delivery_id(), datetime.now(UTC), body, secret)
    return SignedRequest(body, {**headers, "content-type": "application/json"})


def _new_delivery_id() -> str:
    return f"msg_{os.urandom(12).hex()}"


def _body(event_type: str, fields: dict[str, object]) -> bytes:
    now = datetime.now(UTC)
    event = sample(event_type, fields, now=now, new_id=lambda: str(uuid.uuid4()))
    return json.dumps(event).encode()
