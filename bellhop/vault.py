"""Bodies at rest: encrypted in Redis if there are keys.

Whoever can read Redis, or its files and backups, then sees no door codes. Encrypted are the bodies
of events and of what is in quarantine, with Fernet (AES-128 in CBC mode with an HMAC) of the
`cryptography` package. The first key encrypts and any of them decrypts, so that keys can be
rotated, in an order in which nobody ever meets a body that it has no key for:

1. Add the new key behind the old one, everywhere: now all can decrypt what it will encrypt.
2. When all run with both, put the new one in front, everywhere.
3. Take the old one out when nothing that it sealed is kept: after the retention, with no mail, dead
   letters or quarantine of before.

To turn encryption on, give the keys to the workers first, and then to the receivers. A worker that
meets a body it cannot decrypt gives all its mail back and ends; nothing is lost.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bellhop.errors import BellhopError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

_MARK = b"\x00sealed:"


class Sealed(BellhopError):
    """A body was encrypted with a key that is not here."""


class NoCryptography(BellhopError):
    """There are keys, but the package that uses them is not installed."""


class InvalidKey(BellhopError):
    """A key is not the URL-safe base64 of 32 bytes."""


class Vault:
    """Encrypts bodies and decrypts them. Without keys it lets them through as they are.

    Raises `InvalidKey`, naming the key by its place, or `NoCryptography`.
    """

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._fernet = _fernet(keys) if keys else None

    @property
    def encrypts(self) -> bool:
        """Whether there are keys."""
        return self._fernet is not None

    def seal(self, body: bytes) -> bytes:
        """Return what is to be stored."""
        return body if self._fernet is None else _MARK + self._fernet.encrypt(body)

    def open(self, stored: bytes) -> bytes:
        """Return the body. Raises `Sealed`."""
        if not stored.startswith(_MARK):
            return stored
        if self._fernet is None:
            raise Sealed(
                "what Redis holds is encrypted, and there is no key: set BELLHOP_ENCRYPTION_KEYS "
                "as it was when it was stored"
            )
        from cryptography.fernet import InvalidToken

        try:
            body: bytes = self._fernet.decrypt(stored[len(_MARK) :])
        except InvalidToken:
            raise Sealed(
                "what Redis holds is encrypted with a key that is not among "
                "BELLHOP_ENCRYPTION_KEYS: add the old key behind the new one, or the new one "
                "behind the old"
            ) from None
        return body


NO_KEYS = Vault()


def _fernet(keys: Sequence[str]) -> "MultiFernet":
    try:
        from cryptography.fernet import Fernet, MultiFernet
    except ImportError as error:
        raise NoCryptography(
            'BELLHOP_ENCRYPTION_KEYS needs cryptography: pip install "bellhop[encryption]"'
        ) from error
    made = []
    for place, key in enumerate(keys, 1):
        try:
            made.append(Fernet(key))
        except ValueError:
            raise InvalidKey(
                f"encryption key number {place} is not the URL-safe base64 of 32 bytes; this makes "
                "one: python -c 'from cryptography.fernet import Fernet; "
                "print(Fernet.generate_key().decode())'"
            ) from None
    return MultiFernet(made)
