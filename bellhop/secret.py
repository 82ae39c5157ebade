"""What a signing secret looks like."""

import base64
import binascii


def secret_problem(secret: str) -> str | None:
    """Say what is wrong with a signing secret, without repeating any of it.

    Svix's are `whsec_` and the base64 of 24 to 64 bytes; its library would take `1234` as well.
    """
    if not secret.startswith("whsec_"):
        return "does not begin with whsec_"
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return "is not whsec_ followed by base64"
    if not 24 <= len(key) <= 64:
        return f"holds a key of {len(key)} bytes; Svix's have 24 to 64"
    return None
