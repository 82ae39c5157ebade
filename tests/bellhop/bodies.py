"""Bodies of events, and what is found in them."""

import json
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from bellhop.events import NotASeamEvent, parse
from bellhop.samples import sample

UNLOCKED = {
    "event_id": "event1",
    "event_type": "lock.unlocked",
    "workspace_id": "w1",
    "connected_account_id": "a1",
    "device_id": "d1",
    "created_at": "2026-01-31T12:00:00.123Z",
    "occurred_at": "2026-01-31T11:59:59Z",
    "method": "keycode",
}


def body(base: dict[str, Any] = UNLOCKED, /, **fields: Any) -> bytes:
    """Return an event's JSON; a field that is `...` is left out."""
    return json.dumps({k: v for k, v in {**base, **fields}.items() if v is not ...}).encode()


def of_type(event_type: str, /, **fields: Any) -> bytes:
    ids = (f"event{n}" for n in count(1))
    event = sample(event_type, now=datetime(2026, 1, 31, tzinfo=UTC), new_id=lambda: next(ids))
    return body(event, **fields)


def kinds(data: bytes) -> set[tuple[str, str]]:
    return {(drift.field, drift.kind) for drift in parse(data).drift}


def problems(data: bytes) -> tuple[str, ...]:
    with pytest.raises(NotASeamEvent) as caught:
        parse(data)
    return caught.value.problems
