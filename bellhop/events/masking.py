"""Which values are secrets, and how they are kept out of what people read.

A secret is whatever opens a door: the scalar under a key named in `SECRET`, at any depth, and the
`from` and `to` of a changed property of that name.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from pydantic import BaseModel

SECRET: Final = frozenset({"code", "pin"})
DOTS: Final = "••••"

_CHANGED: Final = SECRET | {"from", "to", "from_"}


def secret_keys(fields: Mapping[str, object]) -> frozenset[str]:
    """Return the keys under which this object can hold a secret."""
    changed = fields.get("property")
    return _CHANGED if isinstance(changed, str) and changed in SECRET else SECRET


def is_secret(value: object) -> bool:
    """Tell whether a value under a secret key has anything to hide."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def fields_of(model: BaseModel) -> dict[str, object]:
    """Return what was sent of a model, under the names that Seam uses."""
    known = type(model).model_fields
    sent = model.model_fields_set
    fields = {known[name].alias or name: getattr(model, name) for name in known if name in sent}
    return {**fields, **(model.model_extra or {})}


def masked(value: object) -> object:
    """Return a copy of an event, or of any part of one, that is fit to be shown.

    The copy is made of dicts, lists and scalars as in JSON; secrets are dots.
    """
    return _copy(value, lambda _: DOTS)


def secrets_in(value: object) -> Iterator[str]:
    """Yield every secret inside an event, or any part of one, as text."""
    found: list[str] = []

    def keep(secret: object) -> object:
        found.append(str(secret))
        return DOTS

    _copy(value, keep)
    yield from filter(None, found)


def _copy(value: object, hide: Callable[[object], object]) -> object:
    if isinstance(value, BaseModel):
        value = fields_of(value)
    if isinstance(value, Mapping):
        hidden = secret_keys(value)
        return {
            str(key): hide(inner) if key in hidden and is_secret(inner) else _copy(inner, hide)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_copy(inner, hide) for inner in value]
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


def shown(value: object, *, most: int = 60) -> str:
    """Return a value as JSON without secrets, cut off after `most` characters."""
    if isinstance(value, str):
        value = value[:most]
    elif isinstance(value, int) and abs(value) >= 10**most:
        return "a number of many digits"
    text = json.dumps(masked(value), ensure_ascii=False)
    return text if len(text) <= most else f"{text[: most - 1]}…"
