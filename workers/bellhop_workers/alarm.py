"""The alarm that interrupts a handler in the main thread when its time is up.

To set a timer for each handler, and to take it back, would cost more than many a handler. So a
timer that runs is left running: when it goes off and no handler's time is up, it is set again for
the rest. So a handler in good time may get a SIGALRM, once in its timeout: Python's own calls go on
by themselves after it (PEP 475), as they do after the alarm of a profiler.
"""

import math
import signal
import time

# What `signal` makes an enum of, which takes ten times as long.
from _signal import getsignal  # type: ignore[import-not-found]
from types import FrameType

from bellhop.handler import HandlerTimeout

_AGAIN = 1.0
"""Seconds after which a handler that swallows the interrupt is interrupted again."""

_SOON = 0.001


_ends = math.inf


def set(seconds: float) -> None:
    """Interrupt this thread with `HandlerTimeout` after so many seconds, unless it is cleared."""
    global _ends
    _ends = time.monotonic() + seconds
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    if not 0 < left <= seconds or not _is_ours():
        _start(seconds)


def hasten(moment: float) -> None:
    """Interrupt what runs, if anything does, at that moment (`time.monotonic`) at the latest."""
    if moment < _ends < math.inf:
        set(max(moment - time.monotonic(), _SOON))


def clear() -> None:
    """Interrupt nothing any more."""
    global _ends
    _ends = math.inf
    if not _is_ours():  # a handler's library took it: what it left must not end the process
        _start(_AGAIN)


def _is_ours() -> bool:
    return getsignal(signal.SIGALRM) is _ring


def _start(seconds: float) -> None:
    signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)


def _ring(_number: int, _frame: FrameType | None) -> None:
    left = _ends - time.monotonic()
    if left == math.inf:
        signal.setitimer(signal.ITIMER_REAL, 0)
    elif left > 0:
        _start(max(left, _SOON))
    else:
        raise HandlerTimeout
