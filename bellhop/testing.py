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

from bellhop.events import EventType, parse
from bellhop.samples import sample

__all__ = ["SignedRequest", "make_event", "signed_request"]


class SignedRequest(NamedTuple):
    """What Svix would post to the receiver."""

    body: bytes
    headers: dict[str, str]


def make_event(event_type: EventType | str, /, **fields: object) -> Any:
    """Return a plausible event of a known type, with `fields` as in Seam's JSON.

    It is of the type's own class. Raises `UnknownEventType`, `UnknownField`, or `NotASeamEvent` if
    a field cannot have the value.
    """
    return parse(_body(event_type, fields)).event


def signed_request(
    event_type: EventType | str, /, *, secret: str, **fields: object
) -> SignedRequest:
    """Return a request with such an event, signed now with `secret` (`whsec_…`)."""
    from bellhop.signature import sign

    body = _body(event_type, fields)
    headers = sign(f"msg_{os.urandom(12).hex()}", datetime.now(UTC), body, secret)
    return SignedRequest(body, {**headers, "content-type": "application/json"})


def _body(event_type: str, fields: dict[str, object]) -> bytes:
    now = datetime.now(UTC)
    event = sample(event_type, fields, now=now, new_id=lambda: str(uuid.uuid4()))
    return json.dumps(event).encode()
