"""Which values are secrets, and how they are kept out of what people read.

A secret is whatever opens a door or lets somebody in: the scalars under a key named in `SECRET`, at
any depth, and the `from` and `to` of a changed property of that name.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from pydantic import BaseModel

SECRET: Final = frozenset({"client_session_token", "code", "instant_key_url", "pin"})
DOTS: Final = "••••"

_encode: Final = json.JSONEncoder(ensure_ascii=False).encode

_CHANGED: Final = SECRET | {"from", "to", "from_"}


def secret_keys(fields: Mapping[str, object]) -> frozenset[str]:
    """Return the keys under which this object can hold a secret."""
    changed = fields.get("property")
    if isinstance(changed, str):
        return _CHANGED if changed.lower() in SECRET else SECRET
    # What changed is not said, so it may be a door code.
    unnamed = {name for name in ("from", "to", "from_") if is_secret(fields.get(name))}
    return SECRET | unnamed if unnamed else SECRET


def is_secret(value: object) -> bool:
    """Tell whether a value under a secret key has anything to hide."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def fields_of(model: BaseModel) -> dict[str, object]:
    """Return what was sent of a model, under the names that Seam uses."""
    known = type(model).model_fields
    sent = model.model_fields_set
    fields = {known[name].alias or name: getattr(model, name) for name in known if name in sent}
    return {**fields, **(model.model_extra or {})}


def masked(value: object, *, secret: bool = False) -> object:
    """Return a copy of an event, or of any part of one, that is fit to be shown.

    The copy is made of dicts, lists and scalars as in JSON; secrets are dots. `secret`: all of it
    stands under a secret key.
    """
    return _copy(value, lambda _: DOTS, secret=secret)


def secrets_in(value: object) -> Iterator[str]:
    """Yield every secret inside an event, or any part of one, as text."""
    found: list[str] = []

    def keep(secret: object) -> object:
        found.append(str(secret))
        return DOTS

    _copy(value, keep, secret=False)
    yield from filter(None, found)


def _copy(value: object, hide: Callable[[object], object], *, secret: bool) -> object:
    if isinstance(value, BaseModel):
        value = fields_of(value)
    if isinstance(value, Mapping):
        hidden = secret_keys(value)
        return {
            str(key): _copy(inner, hide, secret=secret or key in hidden)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_copy(inner, hide, secret=secret) for inner in value]
    if secret and is_secret(value):
        return hide(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if value is None or isinstance(value, str | int | float):
        return value
    return str(value)


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return a text in which each of the secrets is dots."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, DOTS)
    return text


def shown(value: object, *, most: int = 60, secret: bool = False) -> str:
    """Return a value as JSON without secrets, cut off after `most` characters.

    `secret`: it stands under a secret key.
    """
    if secret and is_secret(value):
        return DOTS
    if isinstance(value, str):
        value = value[:most]
    elif isinstance(value, int) and abs(value) >= 10**most:
        return "a number of many digits"
    text = _encode(masked(value, secret=secret))
    return text if len(text) <= most else f"{text[: most - 1]}…"
