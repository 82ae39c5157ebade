"""What the specification of Standard Webhooks and its test suites want of every implementation.

https://github.com/standard-webhooks/standard-webhooks: their known values, in our words. What we
refuse beyond them is at the end.
"""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bellhop.signature import (
    MOST_SIGNATURES,
    TOLERANCE,
    InvalidSecret,
    InvalidSignature,
    Verifier,
    sign,
    verify,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, SENT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
ANOTHER = "Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
NOW = datetime.fromtimestamp(SENT, UTC)


def headers(signature: str = SIGNATURE, **others: str | None) -> dict[str, str]:
    """Return those of the known webhook, with some changed or left out."""
    found: dict[str, str | None] = {"id": ID, "timestamp": str(SENT), "signature": signature}
    return {f"webhook-{name}": value for name, value in (found | others).items() if value}


def test_the_known_signature_is_made() -> None:
    assert sign(ID, NOW, BODY, SECRET)["svix-signature"] == SIGNATURE


GOOD: dict[str, Callable[[], dict[str, str]]] = {
    "the known webhook": headers,
    "one of several signatures": lambda: headers(
        f"v1,{ANOTHER} v2,{ANOTHER} {SIGNATURE} v1,{ANOTHER}"
    ),
    "beside one of another kind": lambda: headers(f"v1a,{'A' * 86}== {SIGNATURE}"),
}


@pytest.mark.parametrize("what", GOOD)
def test_what_is_good_is_taken(what: str) -> None:
    assert verify(GOOD[what](), BODY, [SECRET], NOW).delivery_id == ID


BAD: dict[str, Callable[[], dict[str, str]]] = {
    "no id": lambda: headers(id=None),
    "no timestamp": lambda: headers(timestamp=None),
    "no signature": lambda: headers(signature=""),
    "a timestamp that is no number": lambda: headers(timestamp="hello"),
    "another signature": lambda: headers(f"v1,{ANOTHER}"),
    "a part of a signature": lambda: headers("v1,"),
    "a signature without its version": lambda: headers(SIGNATURE.removeprefix("v1,")),
    "another version": lambda: headers(SIGNATURE.replace("v1", "v2")),
    "another id": lambda: headers(id="msg_other"),
    "another time": lambda: headers(timestamp=str(SENT + 1)),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_bad_is_refused(what: str) -> None:
    with pytest.raises(InvalidSignature):
        verify(BAD[what](), BODY, [SECRET], NOW)


def test_another_body_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        verify(headers(), BODY + b" ", [SECRET], NOW)


@pytest.mark.parametrize("seconds", [TOLERANCE, -TOLERANCE])
def test_five_minutes_are_tolerated_and_no_more(seconds: int) -> None:
    now = NOW + timedelta(seconds=seconds)
    assert verify(headers(), BODY, [SECRET], now).sent_at == NOW
    with pytest.raises(InvalidSignature, match="our clock"):
        verify(headers(), BODY, [SECRET], now + timedelta(seconds=1 if seconds > 0 else -1))


@pytest.mark.parametrize("size", range(24, 65))
def test_a_secret_may_lack_its_padding(size: int) -> None:
    padded = f"whsec_{base64.b64encode(bytes(range(size))).decode()}"
    bare = padded.rstrip("=")
    signed = sign(ID, NOW, BODY, padded)
    assert sign(ID, NOW, BODY, bare) == signed
    assert verify(signed, BODY, [bare], NOW).delivery_id == ID


# Ours


@pytest.mark.parametrize(
    "secret",
    [
        SECRET.removeprefix("whsec_"),  # the libraries take it: so do they `1234`
        "whsec_" + base64.urlsafe_b64encode(b"\xff" * 32).decode(),
        "whsec_" + base64.b64encode(b"k" * 25).decode()[:-1],  # half of its padding
        f"{SECRET}=",
    ],
)
def test_what_may_be_a_mistake_is_no_secret(secret: str) -> None:
    with pytest.raises(InvalidSecret, match="signing secret number 1"):
        Verifier([secret])


def test_so_many_signatures_are_looked_at_and_no_more() -> None:
    others = " ".join([f"v1,{ANOTHER}"] * (MOST_SIGNATURES - 1))
    assert verify(headers(f"{others} {SIGNATURE}"), BODY, [SECRET], NOW).delivery_id == ID
    with pytest.raises(InvalidSignature):
        verify(headers(f"{others} v1,{ANOTHER} {SIGNATURE}"), BODY, [SECRET], NOW)
