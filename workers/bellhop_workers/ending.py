"""The end of a worker that was asked to stop: what handlers left for the end of their process.

A forked process ends by `os._exit`, so what Python does at the end of a program is done here, in
the same order: threads that are joined at exit, then the callbacks of `atexit`. (What
`multiprocessing` started is joined by `multiprocessing` itself, afterwards.) None of them keeps the
worker for longer than its grace period, or than until the next signal.
"""

import atexit
import os
import threading
import time

from bellhop.logs import get_logger
from bellhop_workers.deadlines import Deadlines

_TO_END = 0.5
"""Seconds after the time to stop. The pool kills a worker half a second later."""

_log = get_logger("workers")


def begin() -> None:
    """Forget what the pool registered for its own end. To be called when a worker begins."""
    atexit._clear()


def end_in_order(deadlines: Deadlines) -> None:
    """Wait for threads, and run the callbacks of `atexit`, until the worker must end."""
    threading.Thread(target=_end_late, args=(deadlines,), daemon=True).start()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()


def _end_late(deadlines: Deadlines) -> None:
    """End this process when it is to be over."""
    while time.monotonic() < deadlines.stop + _TO_END:
        time.sleep(0.05)
    left = [one.name for one in threading.enumerate() if not one.daemon and one.is_alive()]
    left = [name for name in left if name != threading.main_thread().name]
    _log.warning(
        "threads, or callbacks of atexit, did not end in time; the worker is ended",
        threads=left,
    )
    os._exit(os.EX_OK)
