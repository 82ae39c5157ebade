"""What a worker has done and needs, and its leave, in memory that it shares with its pool.

A worker leaves after `BELLHOP_MAX_EVENTS` runs of handlers, which it counts itself, or when its
pool sees that it uses too much memory. Either takes the pool's one turn, so that one worker at a
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

_IDLE, _TURN, _LEAVES = range(3)
_BYTES = 3 * 8

_PAGE = os.sysconf("SC_PAGE_SIZE")

_log = get_logger("workers")


def resident_bytes(pid: int) -> int | None:
    """Return the memory that a process has resident, or `None` if the system does not say."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return None


class Turn:
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


class Wear:
    """What one worker has done and needs. Made before the fork; each side sees what the other says.

    most_runs: runs of handlers after which it leaves. turn: that of its pool. brings_turn: whether
    it gives the turn when it is ready, for the worker that it replaces had it.
    """

    def __init__(
        self,
        worker: str = "",
        *,
        most_runs: int | None = None,
        turn: Turn | None = None,
        brings_turn: bool = False,
    ) -> None:
        self._worker = worker
        self._most = math.inf if most_runs is None else most_runs
        self._turn = turn or Turn()
        self._brings_turn = brings_turn
        self._runs = itertools.count(1)  # one step of it is one step of Python, in any thread
        self._numbers = memoryview(mmap.mmap(-1, _BYTES)).cast("q")
        self._numbers[_TURN] = brings_turn
        self._asking = threading.Lock()
        self._left = False

    def is_ready(self) -> None:
        """Say, in the worker, that it is about to take mail."""
        self._numbers[_IDLE] = resident_bytes(os.getpid()) or 1
        if self._brings_turn:
            self._turn.give()
            self._numbers[_TURN] = 0

    @property
    def idle_bytes(self) -> int:
        """The memory that it had resident before it took mail; 0 until then."""
        return self._numbers[_IDLE]

    @property
    def leaves(self) -> bool:
        """Whether it leaves, to be replaced."""
        return bool(self._numbers[_LEAVES])

    @property
    def may_have_turn(self) -> bool:
        """Whether it leaves, or is asking whether it may, or brings the turn."""
        return bool(self._numbers[_TURN]) or self.leaves

    def count(self) -> None:
        """Count a run of a handler, in the main thread or on the event loop."""
        if next(self._runs) >= self._most:
            self._ask_to_leave()

    def leave(self) -> None:
        """Have the worker leave at the next signal. Who calls this has taken the turn."""
        self._numbers[_LEAVES] = 1

    def begins_to_leave(self) -> bool:
        """Return, in the worker, whether a signal is that one."""
        begins = self.leaves and not self._left
        self._left = self._left or begins
        return begins

    def _ask_to_leave(self) -> None:
        """Leave if the turn can be had; else the next run asks again."""
        if self.leaves or not self._asking.acquire(blocking=False):
            return
        try:
            self._numbers[_TURN] = 1  # before it is taken: the pool replaces a turn that nobody has
            if not self._turn.take():
                return
            self.leave()
        finally:
            self._numbers[_TURN] = 0
            self._asking.release()
        _log.info(f"a worker handled its {self._most} events and is replaced", worker=self._worker)
        os.kill(os.getpid(), signal.SIGTERM)
