"""Starting child processes, as programs or forks, that know when their parent is gone."""

import mmap
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import Protocol

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PARENT = "BELLHOP_SUPERVISOR_PID"
"""The variable by which a program that was started here knows its parent."""


BELLHOP = (sys.executable, "-P", str(Path(__file__).parents[1] / "bellhop_launch.py"))
"""What starts the `bellhop` command as a program, whatever the current directory holds."""

_ONE_SIGNAL = 0.3
"""Seconds within which two signals are one."""


class StopSignals:
    """Counts the signals that ask a process to stop.

    Two at the same moment are one: who signals a process often signals its group or its service,
    too, and then the parent passes it on. The parent may be late with that. If it shares this
    object (made before the fork) and calls `pass_on`, both are one whatever lies between them.
    """

    def __init__(self) -> None:
        self.count = 0
        self._own = 0
        self._last = float("-inf")
        self._from_parent = 0
        self._passed_on = mmap.mmap(-1, 1)

    def pass_on(self) -> None:
        """Tell the child that one more signal is its parent's, which sends it after this call."""
        self._passed_on[0] = min(self._passed_on[0] + 1, 255)

    def came(self) -> int:
        """Take note of one, and return how many there were.

        Whether this very signal is the parent's cannot be known, and does not matter: if it is not,
        the parent's is still to come, and is then taken for this one.
        """
        if self._passed_on[0] > self._from_parent:
            self._from_parent = self._passed_on[0]
        else:
            now = time.monotonic()
            if now - self._last >= _ONE_SIGNAL:
                self._own += 1
            self._last = now
        self.count = max(self._own, self._from_parent)
        return self.count


class Process(Protocol):
    """What a supervisor does with a running child, whichever way it was started."""

    pid: int

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or `None` while it runs."""

    def terminate(self) -> None:
        """Ask it to finish."""

    def kill(self) -> None:
        """End it."""


Start = Callable[[str], Process]
"""Starts a child under a name, which is another one each time."""


def command(
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    keep: Sequence[int] = (),
) -> Start:
    """Return a start of a program, in a session of its own.

    A terminal's Ctrl-C then reaches the supervisor alone, which passes it on once. `keep`: file
    descriptors that stay open in it.
    """

    def start(_name: str) -> Process:
        return subprocess.Popen(
            list(arguments),
            env={**(environment or os.environ), PARENT: str(os.getpid())},
            start_new_session=True,
            pass_fds=keep,
        )

    return start


def forked(target: Callable[[str], None]) -> Start:
    """Return a start that forks this process and calls `target(name)`.

    It takes milliseconds, since all is imported already. The caller must have no other threads.
    """
    return lambda name: _Forked(target, name)


class _Forked:
    def __init__(self, target: Callable[[str], None], name: str) -> None:
        self._parent = os.getpid()
        self._process = multiprocessing.get_context("fork").Process(
            target=self._run, args=(target, name)
        )
        # No signal may meet the child while it still has our handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        self.pid = self._process.pid or 0

    def _run(self, target: Callable[[str], None], name: str) -> None:
        signal.set_wakeup_fd(-1)
        for number in (*SIGNALS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.setsid()
        _end_without(self._parent)
        target(name)

    def poll(self) -> int | None:
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def end_with_parent() -> None:
    """Ask this process to finish when the supervisor that started it, if one did, is gone."""
    parent = os.environ.pop(PARENT, None)
    if parent is not None:
        _end_without(int(parent))


def _end_without(parent: int) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=watch, name="watch-parent", daemon=True).start()
