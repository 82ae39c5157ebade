"""Bytes in, `Delivery` or `InvalidSignature` out.

A webhook is signed as Svix and Standard Webhooks do it: HMAC-SHA256 over `id.timestamp.body`, sent
in `svix-id`, `svix-timestamp` and `svix-signature` (or the same with `webhook-`), several
signatures separated by spaces, each `v1,<base64>`; other versions are for other kinds of keys.

`svix` makes the signature that is expected, and it is compared in constant time. (It signs text
only; of a body that is not UTF-8, which must not be lost for that, we make it.) Its own `verify()`
is not used: it reads the system's clock, raises `ValueError`, `binascii.Error` or
`UnicodeDecodeError` on junk, refuses a good signature that stands behind a malformed one, and,
before 2.0, parses the body.
"""

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from bellhop.errors import BellhopError
from bellhop.secret import NoSecret, secret_key
from bellhop.svix_webhooks import Webhook

TOLERANCE = 300
"""Seconds that a delivery's timestamp may differ from our clock, both ways (Svix's own limit)."""

_ID = re.compile(r"[!-~]{1,256}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"(?<![^ ])v1,([A-Za-z0-9+/]{43}=)(?![^ ])")

MOST_SIGNATURES = 32
"""How many of a header are looked at: each costs a comparison for each secret. A sender sends one
for each of its own secrets."""


class InvalidSignature(BellhopError):
    """The request was not signed by a key we know, or not now.

    The message is for our log; the sender is told nothing but that it was refused.
    """


class InvalidSecret(BellhopError):
    """A signing secret is not `whsec_` and the base64 of 24 to 64 bytes."""


class Claim(NamedTuple):
    """What a request's headers say of it, before its body is read."""

    delivery_id: str
    timestamp: datetime
    signatures: tuple[str, ...]


class Delivery(NamedTuple):
    """A request whose signature was found good."""

    delivery_id: str
    sent_at: datetime
    body: bytes

    def __repr__(self) -> str:
        return f"Delivery({self.delivery_id!r}, {len(self.body)} bytes)"


class Verifier:
    """Checks requests against signing secrets, any of which may have been used.

    Raises `InvalidSecret` for a secret that is none, naming it by its place in the list.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [_Key(secret, place) for place, secret in enumerate(secrets, 1)]
        if not self._keys:
            raise InvalidSecret("there is no signing secret to check webhooks with")

    def read_headers(self, headers: Mapping[str, str], now: datetime) -> Claim:
        """Return what the headers claim, or raise `InvalidSignature`. Costs no HMAC.

        `headers` have lower-case names; `now` is aware.
        """
        delivery_id = _header(headers, "id")
        if not _ID.fullmatch(delivery_id):
            raise InvalidSignature("the id is not 1 to 256 printable ASCII characters")
        timestamp = _header(headers, "timestamp")
        if not _TIMESTAMP.fullmatch(timestamp):
            raise InvalidSignature("the timestamp is not a number of seconds")
        age = now.timestamp() - int(timestamp)
        if abs(age) > TOLERANCE:
            way = "behind" if age > 0 else "ahead of"
            raise InvalidSignature(
                f"the timestamp is {abs(age):.0f} s {way} our clock, more than {TOLERANCE} s"
            )
        signatures = tuple(
            match[1]
            for match in islice(_SIGNATURE.finditer(_header(headers, "signature")), MOST_SIGNATURES)
        )
        if not signatures:
            raise InvalidSignature("there is no v1 signature")
        return Claim(delivery_id, datetime.fromtimestamp(int(timestamp), UTC), signatures)

    def verify(self, claim: Claim, body: bytes) -> Delivery:
        """Return the delivery if one of the secrets signed it, or raise `InvalidSignature`."""
        text = _text(body)  # once for all keys
        for key in self._keys:
            expected = key.sign(claim.delivery_id, claim.timestamp, body, text)
            for signature in claim.signatures:
                if hmac.compare_digest(expected, signature):
                    return Delivery(claim.delivery_id, claim.timestamp, body)
        raise InvalidSignature("no signature matches: is this endpoint's secret configured?")


def verify(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
) -> Delivery:
    """Return the delivery if `secrets` signed it in time, or raise `InvalidSignature`."""
    verifier = Verifier(secrets)
    return verifier.verify(verifier.read_headers(headers, now), body)


def sign(delivery_id: str, sent_at: datetime, body: bytes, secret: str) -> dict[str, str]:
    """Return the headers that Svix would send with `body`. `sent_at` is aware."""
    moment = sent_at.astimezone(UTC)
    return {
        "svix-id": delivery_id,
        "svix-timestamp": str(int(moment.timestamp())),
        "svix-signature": f"v1,{_Key(secret, 1).sign(delivery_id, moment, body, _text(body))}",
    }


class _Key:
    """A signing secret. Raises `InvalidSecret` for one that is none; the library takes `1234`."""

    def __init__(self, secret: str, place: int) -> None:
        try:
            self._bytes = secret_key(secret)
        except NoSecret as error:
            raise InvalidSecret(f"signing secret number {place} {error}") from None
        self._webhook = Webhook(self._bytes)

    def sign(self, delivery_id: str, sent_at: datetime, body: bytes, text: str | None) -> str:
        """Return the base64 of a signature. `sent_at` is in UTC, `text` the body if it is UTF-8."""
        if text is not None:
            return self._webhook.sign(delivery_id, sent_at, text)[len("v1,") :]
        signed = f"{delivery_id}.{int(sent_at.timestamp())}.".encode() + body
        return base64.b64encode(hmac.digest(self._bytes, signed, "sha256")).decode()


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(f"svix-{name}") or headers.get(f"webhook-{name}")
    if not value:
        raise InvalidSignature(f"the header svix-{name} is missing")
    return value
