"""What a worker has done and needs, and its leave, in memory that it shares with its pool.

A worker leaves after `BELLHOP_MAX_EVENTS` runs of handlers, which it counts itself, or when its
pool sees that it uses too much memory. Either takes the pool's one token, so that one worker at a
time is being replaced. It finishes what is under way, gives the rest back, and ends in order.
"""

import itertools
import math
import mmap
import os
import signal
import threading
from pathlib import Path

from bellhop.logs import get_logger

_IDLE, _TOKEN, _LEAVES = range(3)
_BYTES = 3 * 8

_PAGE = os.sysconf("SC_PAGE_SIZE")

_log = get_logger("workers")


def resident_bytes(pid: int) -> int | None:
    """Return the memory that a process has resident, or `None` if the system does not say."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return None


class ReplacementToken:
    """What a worker has to take before it leaves: there is one in a pool, made before the forks.

    At first the pool has it.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)

    def take(self) -> bool:
        """Take it, unless somebody has it."""
        try:
            return bool(os.read(self._reader, 1))
        except BlockingIOError:
            return False

    def give(self) -> None:
        """Put it back, for the next worker that asks."""
        os.write(self._writer, b".")


class Usage:
    """What one worker has done and needs. Made before the fork; each side sees what the other says.

    most_runs: runs of handlers after which it leaves. token: that of its pool. brings_token:
    whether it gives the token back when it is ready: the worker that it replaces had it.
    """

    def __init__(
        self,
        worker: str = "",
        *,
        most_runs: int | None = None,
        token: ReplacementToken | None = None,
        brings_token: bool = False,
    ) -> None:
        self._worker = worker
        self._most = math.inf if most_runs is None else most_runs
        self._token = token or ReplacementToken()
        self._brings_token = brings_token
        self._runs = itertools.count(1)  # one step of it is one step of Python, in any thread
        self._numbers = memoryview(mmap.mmap(-1, _BYTES)).cast("q")
        self._numbers[_TOKEN] = brings_token
        self._asking = threading.Lock()
        self._left = False

    def is_ready(self) -> None:
        """Say, in the worker, that it is about to take mail."""
        self._numbers[_IDLE] = resident_bytes(os.getpid()) or 1
        if self._brings_token:
            self._token.give()
            self._numbers[_TOKEN] = 0

    @property
    def idle_bytes(self) -> int:
        """The memory that it had resident before it took mail; 0 until then."""
        return self._numbers[_IDLE]

    @property
    def leaves(self) -> bool:
        """Whether it leaves, to be replaced."""
        return bool(self._numbers[_LEAVES])

    @property
    def may_have_token(self) -> bool:
        """Whether it leaves, or is asking whether it may, or brings the token."""
        return bool(self._numbers[_TOKEN]) or self.leaves

    def count(self) -> None:
        """Count a run of a handler, in the main thread or on the event loop."""
        if next(self._runs) >= self._most:
            self._ask_to_leave()

    def leave(self) -> None:
        """Have the worker leave at the next signal. Who calls this has taken the token."""
        self._numbers[_LEAVES] = 1

    def begins_to_leave(self) -> bool:
        """Return, in the worker, whether a signal is that one."""
        begins = self.leaves and not self._left
        self._left = self._left or begins
        return begins

    def _ask_to_leave(self) -> None:
        """Leave if the token can be had; else the next run asks again."""
        if self.leaves or not self._asking.acquire(blocking=False):
            return
        try:
            # Before it is taken: the pool replaces a token that nobody has.
            self._numbers[_TOKEN] = 1
            if not self._token.take():
                return
            self.leave()
        finally:
            self._numbers[_TOKEN] = 0
            self._asking.release()
        _log.info(f"a worker handled its {self._most} events and is replaced", worker=self._worker)
        os.kill(os.getpid(), signal.SIGTERM)
