"""The end of a worker that was asked to stop: what its author left for the end of their process.

First the lifespan is closed. A forked process ends by `os._exit`, so what Python does at the end of
a program is done here, in the same order: threads that are joined at exit, then the callbacks of
`atexit`. (What `multiprocessing` started is joined by `multiprocessing` itself, afterwards.) None
of them keeps the worker for longer than its grace period, or than until the next signal.
"""

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable

from bellhop.logs import get_logger
from bellhop_workers.deadlines import Deadlines

_TO_END = 0.5
"""Seconds after the time to stop. The pool kills a worker half a second later."""

_TO_END_ITSELF = 0.5
"""Seconds after that in which a worker that cannot even end itself is left alone by its pool."""

_log = get_logger("workers")


def begin() -> None:
    """Forget what the pool registered for its own end. To be called when a worker begins."""
    atexit._clear()


def end_in_order(
    deadlines: Deadlines, close_lifespan: Callable[[], None], code: int = os.EX_OK
) -> None:
    """Close the lifespan, wait for threads, and run the callbacks of `atexit`.

    It ends this process if that is not over when the worker must end. code: the exit code.
    """
    steps: dict[str, Callable[[], None]] = {
        "the end of the lifespan": close_lifespan,
        "threads": threading._shutdown,  # type: ignore[attr-defined]
        "callbacks of atexit": atexit._run_exitfuncs,
    }
    under_way = list(steps)
    deadlines.set_main(deadlines.stop + _TO_END + _TO_END_ITSELF)
    threading.Thread(target=_end_late, args=(deadlines, under_way, code), daemon=True).start()
    for end in steps.values():
        end()
        under_way.pop(0)
    under_way.append("processes of multiprocessing")
    if code:
        sys.exit(code)


def _end_late(deadlines: Deadlines, under_way: list[str], code: int) -> None:
    """End this process when it is to be over."""
    while time.monotonic() < deadlines.stop + _TO_END:
        time.sleep(0.05)
    left = [one.name for one in threading.enumerate() if not one.daemon and one.is_alive()]
    left = [name for name in left if name != threading.main_thread().name]
    _log.warning(f"{under_way[0]} did not end in time; the worker is ended", threads=left)
    os._exit(code)
