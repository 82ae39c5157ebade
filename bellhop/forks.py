"""Processes that a handler forks: they may run what they like, but none may become a second worker.

A forked process that reaches the end of its handler would go on in the code of the worker, with the
same name and the same lease. It is ended there, with a line in the log:

1. Where a handler returns or raises, and where a module of handlers is imported, the process id is
   compared. That also finds a process which C code forked.
2. A process that is forked in a thread (on the event loop, in an executor) has other work of that
   thread before it: a profile function, set in this process alone, ends it when control returns
   from the function that forked.

What `subprocess` starts is another program. What `multiprocessing` forks ends by itself.
"""

import os
import signal
import sys
import sysconfig
import traceback
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

_TO_TELL = 5
"""Seconds to log why a process is ended: a lock may be held by a thread that it does not have."""

_MULTIPROCESSING = ("multiprocessing.popen_fork", "_launch")
"""The function that forks for `multiprocessing`, and ends the new process itself."""

_RUNS_FUNCTIONS = {
    ("asyncio.events", "_run"),
    ("bellhop_workers.loop", "_run_forever"),  # uvloop's own functions are not Python's
    ("concurrent.futures.thread", "run"),
    ("anyio._backends._asyncio", "run"),
    ("threading", "_bootstrap_inner"),
}
"""The functions of a thread that call others, one after the other."""

_IN_MAIN_THREAD = ("bellhop_workers.running", "run_sync")
_STDLIB = f"{sysconfig.get_path('stdlib')}{os.sep}"

_home = os.getpid()
_forked_at = ""
_stderr = 2


def guard() -> None:
    """Make this process the one that may go on as a worker. To be called once in each."""
    global _home, _stderr
    _home = os.getpid()
    _logger()  # imported before a fork rather than after it
    _stderr = os.dup(2)  # a forked process may have a terminal, or nothing, in its place
    os.register_at_fork(after_in_child=_begin_child)


def is_child() -> bool:
    """Say whether this process was forked by the one that called `guard`."""
    return os.getpid() != _home


def end_child(error: BaseException | None, **about: object) -> NoReturn:
    """End this process, which `is_child`.

    error: what it raised, if it did; the code of a `SystemExit` is its exit code. about: for the
    log.
    """
    code = os.EX_SOFTWARE
    try:
        with suppress(ValueError):  # after a fork in C code, Python may not know its main thread
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(_TO_TELL)
        with suppress(OSError):
            os.dup2(_stderr, 2)
        if isinstance(error, SystemExit):
            code = _exit_code(error)
        elif error is not None:
            about["error"] = _kind_and_place(error)
        _logger().critical(
            "a process that a handler forked came back into the worker and was ended: have it call "
            "os._exit, or use subprocess or multiprocessing",
            forked_at=_forked_at or "in C code",
            pid=os.getpid(),
            **about,
        )
        sys.stdout.flush()
    finally:
        os._exit(code)


def _logger() -> Any:
    from bellhop.logs import get_logger  # which commands that run no handlers do without

    return get_logger("workers")


def _begin_child() -> None:
    """Prepare a process that was just forked."""
    global _forked_at
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)  # it is ended by signals like any process
    frame: FrameType | None = sys._getframe(1)
    _forked_at = _place(frame)
    while frame:
        function = (frame.f_globals.get("__name__", ""), frame.f_code.co_name)
        if function in (_MULTIPROCESSING, _IN_MAIN_THREAD):
            return
        if function in _RUNS_FUNCTIONS:
            _end_when_back_in(frame)
            return
        frame = frame.f_back


def _end_when_back_in(caller: FrameType) -> None:
    """End this process when a function that `caller` called returns, awaits or raises."""

    def look(frame: FrameType, what: str, _value: Any) -> None:
        if what == "return" and caller in (frame, frame.f_back):
            sys.setprofile(None)
            end_child(None)

    sys.setprofile(look)


def _place(frame: FrameType | None) -> str:
    """Say where a process was forked: in the first file that is not the standard library's."""
    while frame and frame.f_code.co_filename.startswith(_STDLIB):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}" if frame else ""


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    return error.code & 0xFF if isinstance(error.code, int) else 1


def _kind_and_place(error: BaseException) -> str:
    """Name an error without its text, which may hold a door code."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{place}"
