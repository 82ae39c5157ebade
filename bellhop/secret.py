"""What a signing secret looks like."""

import base64


class NoSecret(ValueError):
    """A signing secret is none. The message says why, and repeats nothing of it."""


def secret_key(secret: str) -> bytes:
    """Return the key of a signing secret, or raise `NoSecret`.

    Svix's are `whsec_` and the base64 of 24 to 64 bytes; its library would take `1234` as well.
    Standard Webhooks also takes them without padding. The alphabet that is safe in URLs is refused:
    no sender uses it, and the reference implementation would leave its two letters out of the key.
    """
    if not secret.startswith("whsec_"):
        raise NoSecret("does not begin with whsec_")
    text = secret.removeprefix("whsec_")
    bare = text.rstrip("=")
    padding = "=" * (-len(bare) % 4)
    try:
        key = base64.b64decode(bare + padding, validate=True)
    except ValueError:
        raise NoSecret("is not whsec_ followed by base64") from None
    if text not in (bare, bare + padding):  # Python overlooks a surplus =
        raise NoSecret("is not whsec_ followed by base64")
    if not 24 <= len(key) <= 64:
        raise NoSecret(f"holds a key of {len(key)} bytes; Svix's have 24 to 64")
    return key


def secret_problem(secret: str) -> str | None:
    """Say what is wrong with a signing secret, without repeating any of it."""
    try:
        secret_key(secret)
    except NoSecret as error:
        return str(error)
    return None
