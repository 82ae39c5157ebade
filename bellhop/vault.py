"""What is stored of events' bodies: encrypted in Redis if there are keys.

Whoever can read Redis, its files or its backups then sees no door codes. Encrypted are the bodies
of events and of what is in quarantine, what Seam's API said of action attempts, and what handlers
said of an event: errors and reasons. In the clear stay ids, types of events, times, and the names
of fields that are not in Seam's schema.

The cipher is AES-256-GCM of the `cryptography` package, with a random nonce. Next to Fernet it
takes a quarter of the time, and a quarter less space, and it authenticates where something belongs
(its kind and ids), so that nothing that is stored can stand in the place of another. A key should
encrypt no more than four billion times (2^32).

The first key encrypts, and any of them decrypts. So keys are rotated in an order in which nobody
ever meets what it has no key for:

1. Add the new key behind the old one, everywhere: now all can decrypt what it will encrypt.
2. When all run with both, put the new one in front, everywhere.
3. Have `bellhop encrypt` store everything again with it, and take the old one out.

To have no key is to have the key `plaintext`, which changes nothing. So encryption is turned on,
and off, by a rotation: from `plaintext` to a key, or back. Where `plaintext` is not among the keys,
what is stored unencrypted is refused: it may have been put there by somebody else.
"""

import binascii
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from bellhop.errors import BellhopError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PLAINTEXT = "plaintext"
"""The key that encrypts nothing."""

NEW_KEY = (
    "python -c 'from base64 import urlsafe_b64encode; from os import urandom; "
    "print(urlsafe_b64encode(urandom(32)).decode())'"
)
"""Makes a key, without any package."""

_MARK, _CLEAR = b"\x00aes:", b"\x00clear:"
"""What begins all that is encrypted, and what is not, but would look as if it were."""

_EARLIER = b"\x00sealed:"
"""What begins that which was encrypted before a ledger was of version 2: a token of Fernet."""

_MARKS = (_MARK, _CLEAR, _EARLIER)
_ID, _NONCE, _KEY, _TAG = 4, 12, 32, 16
_SHORTEST = len(_MARK) + _ID + _NONCE + _TAG


class CannotOpen(BellhopError):
    """What is stored cannot be read."""


class Sealed(CannotOpen):
    """What is stored cannot be read with the keys that are set here. With others it can."""


class Damaged(CannotOpen):
    """What is stored was changed, or put where it does not belong. No key will open it."""


class NoCryptography(BellhopError):
    """There are keys, but the package that uses them is not installed."""


class InvalidKey(BellhopError):
    """A key is not the URL-safe base64 of 32 bytes."""


class Kind(StrEnum):
    """What something is that is stored encrypted. Beside each: the ids that say of what."""

    EVENT = "event"  # event_id
    QUARANTINED = "quarantined"  # svix-id
    FETCHED = "action attempt"  # action_attempt_id
    GIVEN_UP = "given up action attempt"  # action_attempt_id
    ATTEMPT = "attempt"  # event_id, handler
    ERROR = "error"  # event_id, handler
    LEDGER = "the ledger"


class _Cipher(NamedTuple):
    id: bytes
    aead: "AESGCM"


class Vault:
    """Encrypts what is stored and decrypts it.

    `opens_earlier`: for `bellhop upgrade`, which opens what is of before a ledger's version 2. That
    is not authenticated as that of an event, so nobody else does. Raises `InvalidKey`, naming the
    key by its place, or `NoCryptography`.
    """

    def __init__(self, keys: Sequence[str] = (), *, opens_earlier: bool = False) -> None:
        keys = keys or (PLAINTEXT,)
        ciphers = [None if key == PLAINTEXT else _cipher(n, key) for n, key in enumerate(keys, 1)]
        self._first = ciphers[0]
        self._known = {cipher.id: cipher.aead for cipher in ciphers if cipher}
        self._opens_earlier = opens_earlier
        self._earlier = _fernet(keys) if opens_earlier and self._known else None
        self.takes_plaintext = None in ciphers
        """Whether what is stored unencrypted is read."""

    @property
    def encrypts(self) -> bool:
        """Whether what is sealed is encrypted."""
        return self._first is not None

    @property
    def has_keys(self) -> bool:
        """Whether anything that is stored may be encrypted."""
        return bool(self._known)

    def seal(self, body: bytes, kind: Kind, *ids: str) -> bytes:
        """Return what is to be stored."""
        if self._first is None:
            return _CLEAR + body if body.startswith(_MARKS) else body
        nonce = os.urandom(_NONCE)
        sealed: bytes = self._first.aead.encrypt(nonce, body, _belongs(kind, ids))
        return b"".join((_MARK, self._first.id, nonce, sealed))

    def open(self, stored: bytes, kind: Kind, *ids: str) -> bytes:
        """Return what was sealed as that kind, of that id. Raises `Sealed` and `Damaged`."""
        if self.takes_plaintext and not stored.startswith(_MARKS):
            return stored
        if stored.startswith(_MARK):
            return self._decrypt(stored, kind, ids)
        if stored.startswith(_EARLIER):
            return self._open_earlier(stored, kind, ids)
        if not self.takes_plaintext:
            raise Sealed(
                f"{_named(kind, ids)} is not encrypted in Redis, though it has to be: if it is "
                f"from before there were keys, add the word {PLAINTEXT} behind them in "
                "BELLHOP_ENCRYPTION_KEYS, until `bellhop encrypt` has encrypted it; if not, find "
                "out who wrote it there"
            )
        return stored.removeprefix(_CLEAR)

    def _decrypt(self, stored: bytes, kind: Kind, ids: Sequence[str]) -> bytes:
        if len(stored) < _SHORTEST:
            raise _damaged(kind, ids)
        key_id, rest = stored[len(_MARK) :][:_ID], stored[len(_MARK) + _ID :]
        aead = self._known.get(key_id)
        if aead is None:
            raise self._no_key(kind, ids)
        from cryptography.exceptions import InvalidTag

        try:
            body: bytes = aead.decrypt(rest[:_NONCE], rest[_NONCE:], _belongs(kind, ids))
        except InvalidTag:
            raise _damaged(kind, ids) from None
        return body

    def _open_earlier(self, stored: bytes, kind: Kind, ids: Sequence[str]) -> bytes:
        if not self._opens_earlier:
            raise Damaged(
                f"{_named(kind, ids)} was encrypted by an earlier version of Bellhop, and "
                "`bellhop upgrade` left nothing like that: find out who writes to this Redis"
            )
        if self._earlier is None:
            raise self._no_key(kind, ids)
        from cryptography.fernet import InvalidToken

        try:
            body: bytes = self._earlier.decrypt(stored.removeprefix(_EARLIER))
        except InvalidToken:
            raise self._no_key(kind, ids) from None
        return body

    def _no_key(self, kind: Kind, ids: Sequence[str]) -> Sealed:
        why = (
            " with a key that is not among BELLHOP_ENCRYPTION_KEYS: add the old key behind the "
            "new one, or the new one behind the old"
            if self._known
            else ", and there is no key: set BELLHOP_ENCRYPTION_KEYS to what it was stored with"
        )
        return Sealed(f"{_named(kind, ids)}: what Redis holds is encrypted{why}")

    def seal_text(self, text: str, kind: Kind, *ids: str) -> str:
        """Return what is to be stored of a text, as a text."""
        sealed = self.seal(text.encode(errors="surrogatepass"), kind, *ids)
        if self._first is None:
            return sealed.decode(errors="surrogatepass")
        return _MARK.decode() + urlsafe_b64encode(sealed[len(_MARK) :]).decode()

    def open_text(self, stored: str, kind: Kind, *ids: str) -> str:
        """Return the text that was sealed as that kind. Raises `Sealed` and `Damaged`."""
        return self.open(_bytes_of(stored), kind, *ids).decode(errors="surrogatepass")

    def is_current(self, stored: bytes | str) -> bool:
        """Say whether it is as the first key stores it. Whether that key opens it is not tried."""
        body = _bytes_of(stored) if isinstance(stored, str) else stored
        if self._first is None:
            return not body.startswith((_MARK, _EARLIER))
        return body.startswith(_MARK + self._first.id)


NO_KEYS = Vault()


def _bytes_of(text: str) -> bytes:
    """Return a text, sealed or not, as `Vault.seal` returned it."""
    body = text.encode(errors="surrogatepass")
    if not body.startswith(_MARK):
        return body
    try:
        return _MARK + urlsafe_b64decode(body[len(_MARK) :])
    except binascii.Error:
        return _MARK  # nothing opens that


def _belongs(kind: Kind, ids: Sequence[str]) -> bytes:
    """Return what is authenticated with a body. None but the last of the ids can hold a NUL."""
    return "\0".join((kind, *ids)).encode(errors="surrogatepass")


def _named(kind: Kind, ids: Sequence[str]) -> str:
    return " ".join((kind, *ids[:1]))


def _damaged(kind: Kind, ids: Sequence[str]) -> Damaged:
    return Damaged(
        f"{_named(kind, ids)} was changed in Redis, or is not what was stored there: find out who "
        "writes to this Redis"
    )


def _cipher(place: int, key: str) -> _Cipher:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise NoCryptography(
            "BELLHOP_ENCRYPTION_KEYS needs cryptography: pip install cryptography"
        ) from error
    try:
        secret = urlsafe_b64decode(key.encode("ascii"))
    except ValueError:
        secret = b""
    if len(secret) != _KEY:
        raise InvalidKey(
            f"encryption key number {place} is not the URL-safe base64 of 32 bytes, nor the word "
            f"{PLAINTEXT}; this makes one: {NEW_KEY}"
        )
    return _Cipher(sha256(b"bellhop key id" + secret).digest()[:_ID], AESGCM(secret))


def _fernet(keys: Sequence[str]) -> "MultiFernet":
    from cryptography.fernet import Fernet, MultiFernet

    return MultiFernet([Fernet(key) for key in keys if key != PLAINTEXT])
