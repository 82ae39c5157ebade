"""Deadlines that a worker and its pool share in memory.

A handler in C code that keeps Python's lock stops every thread of its worker, also the one that
would end it, and no signal handler runs. The pool sees the deadline pass, from outside.
"""

import math
import mmap
import threading
import time

_MAIN, _LOOP, _STOP, _SHIFT = range(4)
_BYTES = 4 * 8

_TO_START_A_THREAD = 5.0
_LONGEST_SILENCE = 60.0
"""Seconds of a shift in which its main thread neither comes round nor runs a handler.

For as long as the pool reports the worker, nobody else gets its mail.
"""


class Deadlines:
    """Moments on the monotonic clock, which all processes of a machine share; `inf` for never.

    Made before the fork, they are seen by both sides. Each is set and read in one piece.
    """

    def __init__(self) -> None:
        self._moments = memoryview(mmap.mmap(-1, _BYTES)).cast("d")
        for place in range(4):
            self._moments[place] = math.inf

    def set_main(self, moment: float) -> None:
        """Say when the handler in the main thread must be over."""
        self._moments[_MAIN] = moment

    def start(self, thread: threading.Thread) -> None:
        """Start a thread from the main one, whose deadline nobody else sets meanwhile.

        Python waits for its first step, for ever if there is no memory left for that.
        """
        before = self._moments[_MAIN]  # of the lifespan that is being opened, say
        self.set_main(min(before, time.monotonic() + _TO_START_A_THREAD))
        try:
            thread.start()
        finally:
            self.set_main(before)

    def set_loop(self, moment: float) -> None:
        """Say when the first of the handlers on the event loop must be over."""
        self._moments[_LOOP] = moment

    def shift_goes_on(self) -> None:
        """Say that the main thread is in a shift, and came round.

        It must say so again within a minute, but for the time in which it runs a handler.
        """
        self._moments[_SHIFT] = time.monotonic() + _LONGEST_SILENCE

    def shift_waits(self) -> None:
        """Say that a shift, if there is one, goes no further as long as Redis is away."""
        if self._moments[_SHIFT] < math.inf:
            self.shift_goes_on()

    def shift_is_over(self) -> None:
        """Say that the main thread has no shift."""
        self._moments[_SHIFT] = math.inf

    @property
    def handlers(self) -> float:
        """When the first handler under way must be over, or the shift have gone on without one."""
        main = self._moments[_MAIN]
        return min(main if main < math.inf else self._moments[_SHIFT], self._moments[_LOOP])

    @property
    def stop(self) -> float:
        """When the worker must have given all its mail back."""
        return self._moments[_STOP]

    def stop_by(self, moment: float) -> None:
        """Have the worker give its mail back by then, unless it has to earlier."""
        self._moments[_STOP] = min(moment, self.stop)
