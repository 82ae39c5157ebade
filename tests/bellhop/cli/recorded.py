"""Events on record, and what handlers did about them."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from bellhop.events import TYPES, parse
from bellhop.ledger import Arrival, Ledger
from bellhop.testing import make_event
from tests.workers.conftest import Workplace

_numbers = count(1)
DEVICE = "69b8a0aa-1789-50c8-ab5b-c17c5b0cfa1d"


def now() -> datetime:
    return datetime.now(UTC)


def happen(
    ledger: Ledger,
    event_type: str = "lock.unlocked",
    event_id: str | None = None,
    *,
    ago: timedelta = timedelta(),
    **fields: Any,
) -> str:
    """Let an event be created so long ago, and accepted now; return its id."""
    event_id = event_id or f"e{next(_numbers)}"
    sent = json.loads(make_event(event_type if event_type in TYPES else "lock.unlocked").raw)
    created = now() - ago
    sent |= {"event_id": event_id, "event_type": event_type, "created_at": created.isoformat()}
    sent |= {"occurred_at": (created - timedelta(seconds=3)).isoformat(), **fields}
    parsed = parse(json.dumps(sent).encode())
    ledger.accept([Arrival.of(f"msg_{event_id}", parsed, sent_at=created)])
    return event_id


def handled_by(ledger: Ledger) -> Workplace:
    """Let a good handler see every event, and a bad one those of access codes, once."""
    workplace = Workplace(ledger)

    @workplace.on("lock.*", "access_code.*", name="good")
    def good(event: object) -> None:
        pass

    @workplace.on("access_code.*", name="bad", attempts=1)
    def bad(event: Any) -> None:
        raise ValueError(f"no such door: {event.code}")

    workplace.work()
    return workplace
