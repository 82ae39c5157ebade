"""The secrets of the events that this process has in hand, or had a moment ago.

A worker knows an event's door codes before a handler gets it. So they are masked by their values,
wherever they turn up: in log lines, in what a worker process prints, in records of failures; and
also when a thread, a task or a callback that a handler left behind fails minutes later.

To have an event remembered costs a fraction of a microsecond; its body is looked into when
something is written.
"""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from typing import Final

from pydantic_core import from_json

from bellhop.events.masking import DOTS, may_hold_secrets, secrets_in
from bellhop.secret_index import SecretIndex

_KEPT_FOR: Final = 300.0
"""Seconds that an event is remembered after nobody has it any more."""
_MOST_BYTES: Final = 8_000_000
"""Of bodies that were not looked into. The oldest that nobody has any more are forgotten."""
_LONGEST_TEXT: Final = 1_000_000

_Body = tuple[float, bytes]
"""Since when an event is known, and its body."""
_Held = tuple[float, bytes, frozenset[str]]
"""The same, and the secrets that were found in it."""


class KnownSecrets:
    """Remembers events, and masks their secrets in text. `now` returns seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.RLock()
        self._new: deque[_Body] = deque()
        self._bytes = 0
        self._most_bytes = _MOST_BYTES
        self._held: deque[_Held] = deque()
        self._index = SecretIndex()

    def remember(self, body: bytes) -> None:
        """Mask the secrets of this event, JSON as it came, from now on."""
        self._new.append((self._now(), body))
        self._bytes += len(body)
        if self._bytes > self._most_bytes:
            self._forget_unseen()

    def forget(self) -> None:
        """Mask nothing that was remembered so far."""
        with self._lock:
            self._new.clear()
            self._held.clear()
            self._bytes = 0
            self._index = SecretIndex()

    def mask(self, text: str, more: Collection[str] = ()) -> str:
        """Return a text in which no known secret stands, nor any of `more`.

        It is made for what people read: of more than a million characters, all is dots.
        """
        self._look()
        if more:
            own = SecretIndex()
            own.add(more)
            text = own.mask(text) if len(text) <= _LONGEST_TEXT else DOTS
        if not self._index:
            return text
        return self._index.mask(text) if len(text) <= _LONGEST_TEXT else DOTS

    def _look(self) -> None:
        """Look into what is new, and forget what is old."""
        if not self._new and not self._held:
            return
        with self._lock:
            # An interrupt may come at any time: what is not in the index yet stays in the list.
            while self._new:
                entry = self._new[0]
                if may_hold_secrets(entry[1]) and (secrets := _secrets_of(entry[1])):
                    self._index.add(secrets)
                    self._held.append((*entry, secrets))
                self._new.popleft()
                self._bytes -= len(entry[1])
            now = self._now()
            while self._held and self._held[0][0] < now - _KEPT_FOR:
                held = self._held[0]
                if _is_used(held):
                    self._held.append((now, *held[1:]))
                else:
                    self._index.remove(held[2])
                self._held.popleft()

    def _forget_unseen(self) -> None:
        with self._lock:
            entries = [self._new.popleft() for _ in range(len(self._new))]
            half = len(entries) // 2
            self._new.extend(one for one in entries[:half] if _is_used(one))
            self._new.extend(entries[half:])
            self._bytes = sum(len(body) for _, body in self._new)
            # Somebody may keep every event. Those need no more memory here, but time to look at.
            self._most_bytes = max(_MOST_BYTES, 2 * self._bytes)


def _is_used(entry: _Body | _Held) -> bool:
    """Tell whether anybody but the entry has its body: a run, a task, a thread."""
    return sys.getrefcount(entry[1]) > 2  # the entry's, and the one of this question


def _secrets_of(body: bytes) -> frozenset[str]:
    try:
        return frozenset(secrets_in(from_json(body)))
    except ValueError:
        return frozenset()


known_secrets = KnownSecrets()
"""Those of this process."""
