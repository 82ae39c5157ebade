"""The API key: who has it may read everything, so that it is compared in constant time."""

import hmac
from hashlib import sha256

from bellhop_receiver.api.refusal import Refusal


class ApiKey:
    """Knows the key by its digest alone."""

    def __init__(self, key: str) -> None:
        self._digest = _digest(key)

    def check(self, authorization: str) -> None:
        """Raise `Refusal` unless the header has the key: `Bearer …`."""
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() != "bearer":
            raise Refusal("unauthorized", "No API key: send Authorization: Bearer …")
        if not hmac.compare_digest(_digest(token.strip()), self._digest):
            raise Refusal("unauthorized", "The API key is not the right one")


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()
