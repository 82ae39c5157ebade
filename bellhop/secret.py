"""What a signing secret looks like."""

import base64
from contextlib import suppress


def secret_problem(secret: str) -> str | None:
    """Say what is wrong with a signing secret, without repeating any of it.

    Svix's are `whsec_` and the base64 of 24 to 64 bytes; its library would take `1234` as well.
    """
    if not secret.startswith("whsec_"):
        return "does not begin with whsec_"
    text = secret.removeprefix("whsec_")
    key: bytes | None = None
    with suppress(ValueError):
        key = base64.b64decode(text, validate=True)
    if key is None or len(base64.b64encode(key)) != len(text):  # Python overlooks a surplus =
        return "is not whsec_ followed by base64"
    if not 24 <= len(key) <= 64:
        return f"holds a key of {len(key)} bytes; Svix's have 24 to 64"
    return None
