"""What a worker does before it takes mail, in memory that it shares with its pool.

It imports the handlers and opens the lifespan. If that takes its time, or ends the process without
a word (`os._exit`, a crash in C code), only the pool is left to tell where it was.
"""

import mmap
import os
import select
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum

_LONGEST_NAME = 200
_LONGEST_TELLING = 5.0
"""Seconds that a worker waits for another to tell something."""

_SLOT = struct.Struct(f"bd{_LONGEST_NAME}s")

READY, CANNOT_OPEN = b".", b"!"
"""What a worker writes for `bellhop up`: it is ready; its lifespan failed, and another is tried."""


class Step(IntEnum):
    """What the code of a handlers' author is run for, when no handler is."""

    NOTHING = 0
    IMPORT = 1
    LIFESPAN = 2
    END = 3


class Starting:
    """The step that a worker is at, and since when; made before the fork."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SLOT.size)

    def begin(self, step: Step, name: str = "") -> None:
        """Say that a step is about to begin, of a module or lifespan of that name."""
        encoded = name.encode()[:_LONGEST_NAME]
        _SLOT.pack_into(self._memory, 0, step, time.monotonic(), encoded)

    def end(self) -> None:
        """Say that it is over."""
        _SLOT.pack_into(self._memory, 0, Step.NOTHING, 0.0, b"")

    @property
    def step(self) -> Step:
        """The step."""
        return Step(self._read()[0])

    @property
    def name(self) -> str:
        """The name of what is imported or opened."""
        return self._read()[2].rstrip(b"\0").decode(errors="replace")

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._read()[1]

    def _read(self) -> tuple[int, float, bytes]:
        step, since, name = _SLOT.unpack_from(self._memory)
        return step, since, name


class Loaded:
    """Whether any worker of a pool has loaded the handlers, and whether it was told why not.

    Made before the forks. `ready`: a file descriptor to which each worker writes how it fares.
    """

    def __init__(self, ready: int | None = None) -> None:
        self._memory = mmap.mmap(-1, 3)
        self._token = os.pipe()
        os.set_blocking(self._token[0], False)
        os.write(self._token[1], b".")
        self._ready = ready

    def once(self) -> bool:
        """Return whether they were loaded once."""
        return bool(self._memory[0])

    def note(self, tell: Callable[[], object]) -> None:
        """Say that they were. The first worker of which this is said calls `tell`."""
        self._once(0, tell)

    @property
    def fits_nothing(self) -> bool:
        """Whether the pool was restricted to handlers of which there are none."""
        return bool(self._memory[2])

    def note_that_nothing_fits(self) -> None:
        """Say that it was."""
        self._memory[2] = 1

    def tell_up(self, what: bytes) -> None:
        """Tell `bellhop up` how this worker fares: `READY` or `CANNOT_OPEN`."""
        if self._ready is not None:
            with suppress(OSError):  # nobody reads it any more, or it is full
                os.write(self._ready, what)

    def tell_once(self, tell: Callable[[], object]) -> None:
        """Call `tell` if no worker told yet why they cannot be loaded.

        Returns when one has: the first worker that ends takes the others along, which must not
        happen to the one that is about to tell.
        """
        self._once(1, tell)

    def _once(self, flag: int, tell: Callable[[], object]) -> None:
        """Call `tell` and set the flag, unless it is set."""
        if self._memory[flag]:
            return
        ends = time.monotonic() + _LONGEST_TELLING  # its holder may have been killed
        while not self._takes_token() and time.monotonic() < ends:
            pass
        if not self._memory[flag]:
            tell()
            self._memory[flag] = 1
        os.write(self._token[1], b".")

    def _takes_token(self) -> bool:
        token = select.poll()  # which takes any number of a file, unlike `select.select`
        token.register(self._token[0], select.POLLIN)
        try:
            return bool(token.poll(500) and os.read(self._token[0], 1))
        except BlockingIOError:  # another was faster
            return False
