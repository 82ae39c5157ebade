"""A request as Svix signs it, and why one is refused."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from svix.webhooks import Webhook

from bellhop.errors import BellhopError
from bellhop.signature import InvalidSignature, verify
from tests.conftest import SECRET

NOW = datetime.fromtimestamp(1614265330, UTC)
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = b'{"test": 2432232314}'
GOOD = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {"svix-id": ID, "svix-timestamp": "1614265330", "svix-signature": GOOD}
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def signed_by(secret: str, body: bytes = BODY, at: datetime = NOW, delivery_id: str = ID) -> str:
    """Return what Svix's own library would put into the signature header."""
    return Webhook(secret).sign(delivery_id, at, body.decode())


def refusal(headers: Mapping[str, str], body: bytes = BODY, now: datetime = NOW) -> str:
    """Return why a request is refused."""
    with pytest.raises(BellhopError) as caught:
        verify(headers, body, [SECRET], now)
    assert type(caught.value) is InvalidSignature
    return str(caught.value)
