"""What belongs to the whole worker process, and is put back when a handler changed it.

To look at all of it takes a microsecond, a thirtieth of what a worker needs for an event. So it is
done after each run that took longer than a few calls of the system do or that failed, before
another handler runs, and between batches. What would take longer to look at (the locale, the
environment, `sys.path`, the filters of warnings) stays as it was left.
"""

import gc
import os
import signal
import socket
import sys

# What `signal` makes an enum of, which takes ten times as long.
from _signal import getsignal  # type: ignore[import-not-found]
from contextlib import suppress

_SIGNALS = tuple(
    map(int, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE))
)


_SHORT = 20e-6
"""Seconds that a run takes which did hardly anything."""


class Surroundings:
    """The state of this process, as it is when this object is made in the main thread."""

    def __init__(self) -> None:
        self._left_by: object = None
        # Kept as a descriptor: to go back by it takes half the time of asking where we are.
        self._directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        os.umask(umask := os.umask(0o077))
        self._umask = umask
        self._socket_timeout = socket.getdefaulttimeout()
        self._signals = [getsignal(number) for number in _SIGNALS]
        self._recursion_limit = sys.getrecursionlimit()
        self._collects = gc.isenabled()
        self._stdout, self._stderr = sys.stdout, sys.stderr

    def enter(self, handler: object) -> None:
        """Put back what another handler left: this one is about to run in the main thread."""
        if self._left_by is not handler and self._left_by is not None:
            self.restore()

    def leave(self, handler: object, took: float, error: BaseException | None) -> None:
        """Put back what this handler left if it can be much; else another may have to do so."""
        if took > _SHORT or error is not None:
            self.restore()
        else:
            self._left_by = handler

    def restore(self) -> None:
        """Put everything back, in the main thread, when no handler is in it."""
        self._left_by = None
        if sys.getrecursionlimit() != self._recursion_limit:
            sys.setrecursionlimit(self._recursion_limit)
        try:  # noqa: SIM105 - `suppress` takes as long as the call
            os.fchdir(self._directory)
        except OSError:  # a handler closed it, or the directory is gone
            pass
        os.umask(self._umask)
        if socket.getdefaulttimeout() != self._socket_timeout:
            socket.setdefaulttimeout(self._socket_timeout)
        if [*map(getsignal, _SIGNALS)] != self._signals:
            self._restore_signals()
        if gc.isenabled() is not self._collects:
            (gc.enable if self._collects else gc.disable)()
        if sys.stdout is not self._stdout:
            sys.stdout = self._stdout
        if sys.stderr is not self._stderr:
            sys.stderr = self._stderr

    def _restore_signals(self) -> None:
        for number, handler in zip(_SIGNALS, self._signals, strict=True):
            if getsignal(number) is not handler and handler is not None:
                signal.signal(number, handler)

    def __del__(self) -> None:
        with suppress(OSError, AttributeError):
            os.close(self._directory)
