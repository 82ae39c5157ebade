"""Cursors: a place in a list, signed, so that nobody goes on from a place that there never was."""

import base64
import hmac
import re
from hashlib import sha256

from bellhop_receiver.api.refusal import Refusal

_NUMBERS = re.compile(rb"\d{1,15}(-\d{1,15})*")
_MAC = 16


class Cursors:
    """Writes and reads the cursors of one list. Those of another list or API key are refused."""

    def __init__(self, api_key: str, of: str) -> None:
        self._key = hmac.digest(api_key.encode(), b"cursors of " + of.encode(), sha256)

    def write(self, *numbers: int) -> str:
        """Return the cursor of a place, which is one or several numbers."""
        place = "-".join(map(str, numbers)).encode()
        return base64.urlsafe_b64encode(self._mac(place) + place).decode().rstrip("=")

    def read(self, cursor: str) -> tuple[int, ...]:
        """Return the place. Raises `Refusal`."""
        try:
            both = base64.urlsafe_b64decode(f"{cursor}{'=' * (-len(cursor) % 4)}")
        except ValueError:
            both = b""
        mac, place = both[:_MAC], both[_MAC:]
        if not hmac.compare_digest(mac, self._mac(place)) or not _NUMBERS.fullmatch(place):
            raise _not_ours()
        numbers = tuple(map(int, place.split(b"-")))
        if self.write(*numbers) != cursor:  # more than one text can be decoded to the same
            raise _not_ours()
        return numbers

    def _mac(self, place: bytes) -> bytes:
        return hmac.digest(self._key, place, sha256)[:_MAC]


def _not_ours() -> Refusal:
    problem = "Must be a next_page_cursor of this list, as it came"
    return Refusal("invalid_input", f'{problem} for "page_cursor"', {"page_cursor": [problem]})
