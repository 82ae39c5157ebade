"""Values that hold a raw body do not show it: it may hold a door code."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bellhop.events import parse
from bellhop.ledger import About, Arrival, ClaimedEvent, DeadLetter, Entry, Kept, Quarantined
from bellhop.ledger.handler_record import HandlerRecord
from bellhop.signature import Delivery
from tests.bellhop.bodies import of_type

BODY = of_type("access_code.set_on_device", code="739155")
NOW = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        Delivery("msg_1", NOW, BODY),
        Arrival.of("msg_1", parse(BODY)),
        Quarantined("msg_1", BODY, ("it is wrong",)),
        ClaimedEvent("msg_1", About(), BODY),
        Entry(ClaimedEvent("msg_1", About(), BODY)),
        Kept("msg_1", NOW, BODY, ("it is wrong",), {}),
        DeadLetter("msg_1", "handler", NOW, About(), BODY, HandlerRecord("msg_1", "handler")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_body_is_not_in_a_repr(value: Any) -> None:
    shown = f"{value!r} {value} {[value]}"
    assert "739155" not in shown
    assert "msg_1" in shown
    assert shown.startswith(type(value).__name__)
