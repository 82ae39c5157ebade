"""What handlers leave behind: how many ran, and when each event's began.

Handlers of every engine write into two files that the bench has mapped into memory, so that nobody
has to ask the engine, and a no-op handler stays one (a count costs less than 0.2 µs). Nothing but
the standard library is used here: this module is imported in the environments of the peers, too.
"""

import fcntl
import mmap
import os
import struct
import threading
import time
from pathlib import Path

COUNTS = "BENCH_COUNTS"
STAMPS = "BENCH_STAMPS"
"""Variables by which a handler's process knows the files."""

_SLOTS = 65_536
"""Each thread of each process counts in a slot of its own; RQ's `Worker` forks for each job."""

_SLOT = struct.Struct("QQ")


class Counts:
    """How often handlers ran, by thread, in a file."""

    def __init__(self, path: Path) -> None:
        with path.open("a+b") as file:
            if file.seek(0, os.SEEK_END) == 0:
                file.truncate((_SLOTS + 1) * _SLOT.size)
            self._map = mmap.mmap(file.fileno(), 0)
            self._path = path
        self._words = memoryview(self._map).cast("Q")
        self._mine = threading.local()
        os.register_at_fork(after_in_child=self._forget)

    def add(self) -> None:
        """Count one more."""
        try:
            word = self._mine.word
        except AttributeError:
            word = self._mine.word = self._take_slot()
        self._words[word] += 1

    def total(self) -> int:
        """Return how many were counted."""
        return sum(self._words[2 : 2 + 2 * self._words[0] : 2])

    def processes(self) -> set[int]:
        """Return the processes that counted."""
        return set(self._words[3 : 3 + 2 * self._words[0] : 2])

    def _take_slot(self) -> int:
        with self._path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            slot = self._words[0]
            self._words[0] = slot + 1
        self._words[3 + 2 * slot] = os.getpid()
        return 2 + 2 * slot

    def _forget(self) -> None:
        self._mine = threading.local()


class Stamps:
    """When the handler of each event began, in nanoseconds of the monotonic clock, in a file."""

    MOST = 100_000

    def __init__(self, path: Path) -> None:
        with path.open("a+b") as file:
            if file.seek(0, os.SEEK_END) == 0:
                file.truncate(8 * self.MOST)
            self._map = mmap.mmap(file.fileno(), 0)
        self._words = memoryview(self._map).cast("Q")

    def clear(self) -> None:
        """Forget all."""
        self._map[:] = bytes(8 * self.MOST)

    def put(self, number: int) -> None:
        """Note that the handler of an event began, if it did not before."""
        if not self._words[number]:
            self._words[number] = time.monotonic_ns()

    def first(self, count: int) -> list[int]:
        """Return those of the first events; 0 where none has begun."""
        return self._words[:count].tolist()


def from_environment() -> tuple[Counts, Stamps]:
    """Return the files of this run."""
    return Counts(Path(os.environ[COUNTS])), Stamps(Path(os.environ[STAMPS]))


def number_of(event_id: str) -> int:
    """Return the number of an event, which is in its id."""
    return int(event_id[-12:])
