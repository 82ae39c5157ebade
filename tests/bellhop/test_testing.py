"""What users' own tests import."""

from datetime import UTC, datetime

import pytest

from bellhop import LockEvent, LockUnlockedEvent
from bellhop.samples import UnknownField
from bellhop.signature import Verifier
from bellhop.testing import make_context, make_event, signed_request
from tests.conftest import SECRET


def test_make_event_gives_an_event_of_the_types_own_class() -> None:
    event = make_event("lock.unlocked", method="card")

    assert isinstance(event, LockUnlockedEvent)
    assert event.method == "card"


def test_make_event_refuses_a_field_that_the_type_does_not_have() -> None:
    with pytest.raises(UnknownField, match="method"):
        make_event("lock.unlocked", metod="card")


def test_make_event_takes_times_new_types_and_new_fields() -> None:
    noon = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
    event = make_event("lock.jammed", occurred_at=noon, lucky_number=7)
    assert isinstance(event, LockEvent)
    assert (event.event_type, event.occurred_at) == ("lock.jammed", noon)
    assert getattr(event, "lucky_number") == 7  # noqa: B009 - no class has it


def test_make_context_gives_that_of_a_first_attempt() -> None:
    event = make_event("lock.unlocked", code="73915842")
    context = make_context(event)
    assert (context.event, context.attempt, context.stale, context.replay) == (
        event,
        1,
        False,
        False,
    )
    assert context.delivery_id.startswith("msg_")
    assert context.received_at.tzinfo
    context.log.info("works without a set-up")
    assert make_context(event, attempt=3, replay=True).attempt == 3
    assert context.state is None
    client = object()
    assert make_context(event, state=client).state is client
    assert "state" not in repr(make_context(event, state="password"))


def test_a_signed_request_is_accepted_with_its_secret() -> None:
    request = signed_request("lock.unlocked", secret=SECRET, device_id="front")
    verifier = Verifier([SECRET])

    claim = verifier.read_headers(request.headers, datetime.now(UTC))
    assert b'"device_id": "front"' in verifier.verify(claim, request.body).body
