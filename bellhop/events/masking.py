"""Which values are secrets, and how they are kept out of what people read.

A secret is whatever opens a door or lets somebody in, and it is known by its name: the scalars
under a key such as `code`, `pin` or `instant_key_url`, at any depth; under one that ends like them,
such as `access_code` or `new_codes`, but not `error_code`; and the `from` and `to` of a changed
property of such a name. It stays one in JSON that is written as a string, and, where an event is
shown, wherever else in the event its text stands.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

from pydantic import BaseModel
from pydantic_core import from_json

SECRET: Final = frozenset({"client_session_token", "code", "instant_key_url", "pin"})
"""Names that Seam uses. Whatever is under them is secret, in objects, too."""
DOTS: Final = "••••"

_LIKE_SECRET: Final = re.compile(
    r"(?!is_)(?:.*_)?"
    r"(?:(?<!error_)(?<!mutation_)(?<!reason_)(?<!warning_)codes?"
    r"|(?:pass|pin)codes?|pins?|otps?|passwords?|passwd|passphrases?|secrets?|tokens?"
    r"|(?:api|private)_?keys?|instant_key_url)",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)
_WORDS: Final = re.compile(r"-|(?<=[a-z0-9])(?=[A-Z])")
"""Between the words of a name in kebab-case or camelCase."""
_SIGNS: Final = (
    b'code"',
    b'codes"',
    b'pin"',
    b'pins"',
    b'otp"',
    b'otps"',
    b'password"',
    b'passwords"',
    b'passwd"',
    b'passphrase"',
    b'passphrases"',
    b'secret"',
    b'secrets"',
    b'token"',
    b'tokens"',
    b'key"',
    b'keys"',
    b'key_url"',
    b'"from"',
    b'"to"',
)
_HARMLESS: Final = (b'error_code"', b'warning_code"')
_ENDS: Final = ("from", "to", "from_")
_OPENINGS: Final = ("{", "[", '"')
_LONGEST_NAME: Final = 40
_MOST_SECRETS: Final = 1_000

_encode: Final = json.JSONEncoder(ensure_ascii=False).encode


def is_secret_name(name: str) -> bool:
    """Tell whether a key of this name holds a secret."""
    return _ends_like_secret(name[-_LONGEST_NAME:])


@lru_cache(maxsize=4096)
def _ends_like_secret(name: str) -> bool:
    return _LIKE_SECRET.fullmatch(_WORDS.sub("_", name)) is not None


def may_hold_secrets(text: bytes) -> bool:
    """Tell quickly of JSON whether there can be a secret in it; if not, there is none."""
    lowered = text.lower()
    for name in _HARMLESS:
        lowered = lowered.replace(name, b"")
    # With an escape, any name can be spelled. (Faster than an expression.)
    return b"\\" in lowered or any(sign in lowered for sign in _SIGNS)


def secret_names(fields: Mapping[str, object]) -> frozenset[str]:
    """Return the names in this object under which everything is secret.

    If a name only ends like a secret's, the objects under it go by the names inside of them.
    """
    names = frozenset(
        name
        for name, value in fields.items()
        if isinstance(name, str)
        and is_secret_name(name)
        and (name in SECRET or not _holds_objects(value))
    )
    changed = fields.get("property")
    if isinstance(changed, str):
        return names.union(_ENDS) if is_secret_name(changed) else names
    # What changed is not said, so it may be a door code.
    return names.union(name for name in _ENDS if is_secret(fields.get(name)))


def _holds_objects(value: object) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_objects, value))
    return isinstance(value, Mapping | BaseModel)


def is_secret(value: object) -> bool:
    """Tell whether a value under a secret's name has anything to hide."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def fields_of(model: BaseModel) -> dict[str, object]:
    """Return what was sent of a model, under the names that Seam uses."""
    known = type(model).model_fields
    sent = model.model_fields_set
    fields = {known[name].alias or name: getattr(model, name) for name in known if name in sent}
    return {**fields, **(model.model_extra or {})}


def masked(
    value: object,
    *,
    secret: bool = False,
    secrets: Collection[str] = (),
    only_likely: bool = False,
) -> object:
    """Return a copy of an event, or of any part of one, that is fit to be shown.

    The copy is made of dicts, lists and scalars as in JSON; secrets are dots, wherever in it they
    stand again. `secret`: all of it stands under a secret's name. `secrets`: more of them.
    `only_likely`: it may be no event, but the answer of some server, whose `code` is 404.
    """
    copy = _Copy(secrets, only_likely)
    copied = copy.of(value, secret=secret)
    repeated = {secret for secret in copy.hidden if secret}.difference(secrets)
    if not repeated:
        return copied
    return _Copy(repeated.union(secrets), only_likely).of(value, secret=secret)


def secrets_in(value: object) -> Iterator[str]:
    """Yield every secret inside an event, or any part of one, as text."""
    copy = _Copy(())
    copy.of(value, secret=False)
    yield from filter(None, copy.hidden)


def _may_open_a_door(text: str) -> bool:
    """Tell whether it is like a code, a token or a URL, and not like `404` or `not_found`."""
    return len(text) >= 32 or sum(char.isdecimal() for char in text) >= 4


class _Copy:
    """Makes a copy without secrets. `hidden`: those that it met under their names."""

    def __init__(self, secrets: Collection[str], only_likely: bool = False) -> None:
        self.hidden: list[str] = []
        self._secrets = secrets
        self._only_likely = only_likely

    def of(self, value: object, *, secret: bool) -> object:
        if isinstance(value, bytes):
            value = value.decode(errors="backslashreplace")
        if isinstance(value, str):
            return self._dots(value) if secret else hide(self._text(value), self._secrets)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            if not secret or (self._only_likely and not _may_open_a_door(str(value))):
                return self._number(value)
            return self._dots(str(value))
        if isinstance(value, datetime):
            return value.isoformat().replace("+00:00", "Z")
        if isinstance(value, BaseModel):
            value = fields_of(value)
        if isinstance(value, Mapping):
            names = secret_names(value)
            return {
                hide(str(key), self._secrets): self.of(inner, secret=secret or key in names)
                for key, inner in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self.of(inner, secret=secret) for inner in value]
        return hide(str(value), self._secrets)

    def _number(self, value: float) -> float | str:
        if not self._secrets:
            return value
        text = str(value)
        return value if (rest := hide(text, self._secrets)) == text else rest

    def _text(self, text: str) -> str:
        """Return a text; if it is JSON that can hold secrets, a copy of that."""
        if not text.lstrip().startswith(_OPENINGS):
            return text
        if not may_hold_secrets(text.encode(errors="replace")):
            return text
        try:
            inner = from_json(text)
        except ValueError:
            # It was cut off, or something else is wrong with it: so its names cannot be told.
            return self._dots(text) if '"' in text[1:] else text
        return _encode(self.of(inner, secret=False))

    def _dots(self, secret: str) -> str:
        if self._only_likely and not _may_open_a_door(secret):
            return secret
        self.hidden.append(secret)
        return DOTS


def hide(text: str, secrets: Collection[str]) -> str:
    """Return a text in which each of the secrets is dots. (Beside thousands of them, all of it.)"""
    if not secrets:
        return text
    if len(secrets) > _MOST_SECRETS:
        return DOTS
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, DOTS)
    return text


def shown(
    value: object, *, most: int = 60, secret: bool = False, secrets: Collection[str] = ()
) -> str:
    """Return a value as JSON without secrets, cut off after `most` characters.

    `secret` and `secrets` as of `masked`.
    """
    if secret and is_secret(value):
        return DOTS
    if isinstance(value, str) and not value.lstrip().startswith(_OPENINGS):
        # The rest is not shown, but for a secret that begins before.
        value = value[: most + max(map(len, secrets), default=0)]
    elif isinstance(value, int) and abs(value) >= 10**most:
        return "a number of many digits"
    copy = masked(value, secret=secret, secrets=secrets)
    text = _encode(copy[:most] if isinstance(copy, str) else copy)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def printable(text: str, keep: str = "") -> str:
    r"""Return a text in which what no terminal should get is escaped, as in `\x1b` and `\n`.

    That is every control character, but for those to `keep`, and half of a character.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode()
        for char in text
    )
