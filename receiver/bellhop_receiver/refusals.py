"""Refused requests: the first of each kind is logged, the rest are counted.

Anybody can send what has to be refused, as fast as the network takes it; a log line for each would
fill the disk, and hide the one line that matters: the first, which may tell of a secret that is
not configured.
"""

import asyncio
import re

from bellhop.logs import get_logger

PAUSE = 60.0
"""Seconds between two lines that tell how many more were refused."""

MOST_KINDS = 100

_NUMBER = re.compile(r"\d+")

_log = get_logger("receiver")


class Tally:
    """Knows which reasons have been told, and how often each came since."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def add(self, reason: str) -> bool:
        """Return whether nobody knows of it: it is to be told now. If not, it is counted.

        Reasons that differ in their numbers alone, such as a clock's error, are of one kind. They
        are our words, with a path at most that a sender knows who signs, so that there are few
        kinds.
        """
        kind = _NUMBER.sub("#", reason)
        if kind not in self._words and len(self._words) >= MOST_KINDS:
            kind = reason = "yet another reason"
        new = kind not in self._words
        self._words[kind] = reason
        if not new:
            self._counts[kind] = self._counts.get(kind, 0) + 1
        return new

    def take(self) -> dict[str, int]:
        """Return how many were counted since the last time, each kind in its latest words.

        If there were none, all is forgotten, and the next of any kind is to be told again.
        """
        counts, self._counts = self._counts, {}
        taken = {self._words[kind]: count for kind, count in counts.items()}
        if not taken:
            self._words.clear()
        return taken


class Refusals:
    """Logs what was refused: at once if it is the first of its kind, else once in `pause` seconds.

    A kind is forgotten after a pause without a refusal. For one event loop. `of`: what one is.
    """

    def __init__(self, pause: float = PAUSE, *, of: str = "webhook") -> None:
        self._tally = Tally()
        self._pause = pause
        self._of = of
        self._timer: asyncio.TimerHandle | None = None

    def add(self, reason: str) -> None:
        """Count a request that was refused, and why."""
        if self._tally.add(reason):
            _log.warning(f"refused a {self._of}", reason=reason)
        if self._timer is None:
            self._wait()

    def close(self) -> None:
        """Tell what has not been told yet."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._tell()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._pause, self._end_pause)

    def _end_pause(self) -> None:
        self._timer = None
        if self._tell():
            self._wait()

    def _tell(self) -> bool:
        counts = self._tally.take()
        if counts:
            _log.warning(f"refused more {self._of}s", refused=sum(counts.values()), reasons=counts)
        return bool(counts)
