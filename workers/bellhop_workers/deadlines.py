"""Deadlines that a worker and its pool share in memory.

A handler in C code that keeps Python's lock stops every thread of its worker, also the one that
would end it, and no signal handler runs. The pool sees the deadline pass, from outside.
"""

import math
import mmap
import struct
import threading
import time

_MOMENTS = struct.Struct("3d")
_MOMENT = struct.Struct("d")
_MAIN, _LOOP, _STOP = (place * _MOMENT.size for place in range(3))

_TO_START_A_THREAD = 5.0


class Deadlines:
    """Moments on the monotonic clock, which all processes of a machine share; `inf` for never.

    Made before the fork, they are seen by both sides. Setting one takes a tenth of a microsecond.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _MOMENTS.size)
        _MOMENTS.pack_into(self._memory, 0, math.inf, math.inf, math.inf)

    def set_main(self, moment: float) -> None:
        """Say when the handler in the main thread must be over."""
        _MOMENT.pack_into(self._memory, _MAIN, moment)

    def start(self, thread: threading.Thread) -> None:
        """Start a thread from the main one.

        Python waits for its first step, for ever if there is no memory left for that.
        """
        self.set_main(time.monotonic() + _TO_START_A_THREAD)
        try:
            thread.start()
        finally:
            self.set_main(math.inf)

    def set_loop(self, moment: float) -> None:
        """Say when the first of the handlers on the event loop must be over."""
        _MOMENT.pack_into(self._memory, _LOOP, moment)

    @property
    def handlers(self) -> float:
        """When the first handler under way must be over."""
        main, loop, _ = self._moments
        return min(main, loop)

    @property
    def stop(self) -> float:
        """When the worker must have given all its mail back."""
        moment: float = _MOMENT.unpack_from(self._memory, _STOP)[0]
        return moment

    def stop_by(self, moment: float) -> None:
        """Have the worker give its mail back by then, unless it has to earlier."""
        _MOMENT.pack_into(self._memory, _STOP, min(moment, self.stop))

    @property
    def _moments(self) -> tuple[float, float, float]:
        main, loop, stop = _MOMENTS.unpack_from(self._memory)
        return main, loop, stop
