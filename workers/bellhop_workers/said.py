"""What is kept and logged of what a handler said: without door codes, and bounded."""

from bellhop.events import SeamEvent
from bellhop.known_secrets import known_secrets

LONGEST_TEXT = 8_000
_MOST_MASKED = 64_000
_CUT = "\n  […]\n"


def masked(text: str, event: SeamEvent) -> str:
    """Return what is kept and logged of what a handler said: without door codes, and bounded.

    Hidden first: of a code that the cut goes through, a part would stay.
    """
    if len(text) > _MOST_MASKED:  # what is cut off here is in the middle that is cut out below
        text = text[: _MOST_MASKED // 2] + text[-_MOST_MASKED // 2 :]
    kept = cut(known_secrets.mask(text, event.secrets()))
    return kept.encode(errors="replace").decode()  # half a character is no JSON to who reads it


def cut(text: str) -> str:
    """Return a text of at most 8,000 characters, with a mark where its middle is missing."""
    if len(text) <= LONGEST_TEXT:
        return text
    half = (LONGEST_TEXT - len(_CUT)) // 2
    return f"{text[:half]}{_CUT}{text[-half:]}"
