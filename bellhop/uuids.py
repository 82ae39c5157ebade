"""UUIDs as text, which most of Seam's ids are."""

import re

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SHORT = 8


def is_uuid(text: str) -> bool:
    """Tell whether a text is a UUID, with its hyphens."""
    return _UUID.fullmatch(text) is not None


def short_id(text: str) -> str:
    """Return the first characters of a UUID, which commands take, or any other text as it is."""
    return text[:_SHORT] if is_uuid(text) else text
