"""What users' own tests import."""

import pytest

from bellhop import LockUnlockedEvent
from bellhop.samples import UnknownField
from bellhop.signature import Verifier
from bellhop.testing import make_event, signed_request
from tests.conftest import SECRET


def test_make_event_gives_an_event_of_the_types_own_class() -> None:
    event = make_event("lock.unlocked", method="card")

    assert isinstance(event, LockUnlockedEvent)
    assert event.method == "card"


def test_make_event_refuses_a_field_that_the_type_does_not_have() -> None:
    with pytest.raises(UnknownField, match="method"):
        make_event("lock.unlocked", metod="card")


def test_a_signed_request_is_accepted_with_its_secret() -> None:
    from datetime import UTC, datetime

    request = signed_request("lock.unlocked", secret=SECRET, device_id="front")
    verifier = Verifier([SECRET])

    claim = verifier.read_headers(request.headers, datetime.now(UTC))
    assert b'"device_id": "front"' in verifier.verify(claim, request.body).body
