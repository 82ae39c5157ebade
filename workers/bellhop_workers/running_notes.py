"""What a worker runs at this moment, in memory that its pool can read when the worker has died.

A note is written before a sync handler is called, and before each step of an async one. So if the
worker dies, it is known which entry it died under; nobody else's is blamed. While all async
handlers wait for something, nothing is noted: who is to blame for a death then is found by running
suspects alone.
"""

import math
import mmap
import time
from collections.abc import Generator
from typing import Any

_SLOT = 1024
_LENGTH = 2


class Note:
    """One entry, `event_id handler`, or nothing. Made before the fork, it is seen by both sides."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SLOT)
        self.since = math.inf
        """When this process wrote what is noted (`time.monotonic`)."""

    def write(self, entry: bytes) -> None:
        """Note what begins to run. An entry that is too long for the note is not noted."""
        size = len(entry)
        if size <= _SLOT - _LENGTH:
            self._memory[_LENGTH : _LENGTH + size] = entry
            self._memory[:_LENGTH] = size.to_bytes(_LENGTH, "little")
            self.since = time.monotonic()

    def clear(self) -> None:
        """Note that nothing runs any more."""
        self.since = math.inf
        self._memory[:_LENGTH] = b"\0\0"

    def read(self) -> str:
        """Return the entry that is noted, or an empty string."""
        size = int.from_bytes(self._memory[:_LENGTH], "little")
        return bytes(self._memory[_LENGTH : _LENGTH + size]).decode(errors="replace")


class RunningNotes:
    """The notes of a worker: for its main thread, its event loop, and why it ended itself."""

    def __init__(self) -> None:
        self.main, self.loop, self.ended_by = Note(), Note(), Note()
        self._leaves = mmap.mmap(-1, 1)

    def leave(self) -> None:
        """Note that the worker ends in order, whatever runs in it: no entry is to blame."""
        self._leaves[0] = 1

    @property
    def leaves(self) -> bool:
        """Whether the worker noted that it ends in order."""
        return self._leaves[0] == 1

    def read(self) -> list[str]:
        """Return the entries that were being run, one or two, if any was.

        If the worker ended itself because of one, that is the only one.
        """
        if entry := self.ended_by.read():
            return [entry]
        return list(dict.fromkeys(note.read() for note in (self.main, self.loop) if note.read()))


class Noted:
    """Awaits a coroutine, and notes each of its steps while the step runs."""

    def __init__(self, coroutine: Any, entry: bytes, note: Note) -> None:
        self._coroutine = coroutine
        self._entry = entry
        self._note = note

    def __await__(self) -> Generator[Any, None, Any]:
        coroutine, entry, note = self._coroutine, self._entry, self._note
        sent: Any = None
        error: BaseException | None = None
        while True:
            note.write(entry)
            try:
                awaited = coroutine.throw(error) if error is not None else coroutine.send(sent)
            except StopIteration as end:
                return end.value
            finally:
                note.clear()
                error = None  # it refers to this frame, which must not refer to it
            try:
                sent = yield awaited
            except GeneratorExit:
                # Not noted: it is closed when nobody refers to it, perhaps in another's step.
                coroutine.close()
                raise
            except BaseException as thrown:
                error = thrown
