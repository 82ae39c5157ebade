"""Child processes that are replaced when they die.

`bellhop up` watches a receiver and a pool with it, and a pool its workers.
"""

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

EX_CONFIG = 78
"""Exit code of a process that another start will not help (sysexits.h)."""

_PARENT = "BELLHOP_SUPERVISOR_PID"
_LONGEST_PAUSE = 10.0
_SETTLED_AFTER = 5.0

_log = structlog.get_logger("processes")


@dataclass
class Child:
    """A process to keep alive: how it is started, and how it has fared."""

    role: str
    command: Callable[[str], Sequence[str]]
    environment: Mapping[str, str] | None = None
    starts: int = 0
    failures: int = 0
    name: str = ""
    process: subprocess.Popen[bytes] | None = None
    started: float = field(default=0.0)
    next_start: float = field(default=0.0)


class Supervisor:
    """Keeps children alive until it is told to stop.

    `command(name)` returns the arguments of a child; `name` is another one for each start. `tick(dead)`
    is called at least once a `period` (seconds), at once when children died, with their names.
    A child that exits with `EX_CONFIG` has said why, and ends it all, unless `patient`.
    """

    def __init__(
        self,
        *,
        grace: float,
        tick: Callable[[Sequence[str]], None] | None = None,
        period: float = 1.0,
        patient: bool = False,
    ) -> None:
        self._grace = grace
        self._tick = tick
        self._period = period
        self._patient = patient
        self._children: list[Child] = []
        self._signals = 0
        self._stop_code: int | None = None
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def add(
        self,
        role: str,
        command: Callable[[str], Sequence[str]],
        environment: Mapping[str, str] | None = None,
    ) -> Child:
        """Start a child. Those of a role are stopped together, in the order of the first of each."""
        child = Child(role, command, environment)
        self._children.append(child)
        self._start(child)
        return child

    def restart(self, child: Child) -> None:
        """Let a child finish, and start it anew. May be called from another thread."""
        child.failures = 0
        child.next_start = 0.0
        if child.process and child.process.poll() is None:
            child.process.terminate()
        self.wake()

    def stop(self, code: int = 0) -> None:
        """Make `run` stop the children and return `code`."""
        if self._stop_code is None:
            self._stop_code = code
        self.wake()

    def wake(self) -> None:
        """Make `run` look around now."""
        try:
            os.write(self._wake_writer, b"\0")
        except BlockingIOError:
            pass  # it is about to, anyway

    def run(self) -> int:
        """Keep the children alive until a signal or `stop`; return the exit code."""
        selector = selectors.DefaultSelector()
        selector.register(self._wake_reader, selectors.EVENT_READ)
        try:
            next_tick = time.monotonic()
            while self._stop_code is None:
                dead = self._reap()
                if self._tick and (dead or time.monotonic() >= next_tick):
                    self._tick(dead)
                    next_tick = time.monotonic() + self._period
                self._start_missing()
                selector.select(timeout=min(self._period, 1.0))
                self._drain()
            self._stop_children(selector)
            return self._stop_code
        finally:
            signal.set_wakeup_fd(-1)
            selector.close()

    def _on_signal(self, number: int, _frame: object) -> None:
        self._signals += 1
        self.stop(0 if number in (signal.SIGTERM, signal.SIGINT) else 128 + number)

    def _drain(self) -> None:
        try:
            while os.read(self._wake_reader, 4096):
                pass
        except BlockingIOError:
            pass

    def _start(self, child: Child) -> None:
        child.starts += 1
        child.name = f"{child.role}-{os.getpid()}-{child.starts}-{os.urandom(3).hex()}"
        child.started = time.monotonic()
        # In a session of its own: a terminal's Ctrl-C reaches us alone, and we pass it on once.
        child.process = subprocess.Popen(
            list(child.command(child.name)),
            env={**(child.environment or os.environ), _PARENT: str(os.getpid())},
            start_new_session=True,
        )

    def _start_missing(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.process is None and now >= child.next_start and self._stop_code is None:
                self._start(child)

    def _reap(self) -> list[str]:
        dead = []
        for child in self._children:
            if child.process is None or (code := child.process.poll()) is None:
                continue
            dead.append(child.name)
            child.process = None
            now = time.monotonic()
            if code == EX_CONFIG and not self._patient:
                self.stop(code)
                continue
            if code == EX_CONFIG:
                child.next_start = float("inf")  # until `restart`
                continue
            child.failures = 0 if now - child.started > _SETTLED_AFTER else child.failures + 1
            pause = min(0.25 * 2**child.failures, _LONGEST_PAUSE) if child.failures > 1 else 0.0
            child.next_start = now + pause
            if code != 0:
                how = f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
                _log.error("a process died and is replaced", role=child.role, died_of=how)
        return dead

    def _stop_children(self, selector: selectors.BaseSelector) -> None:
        """Ask the children to finish, role after role, and end those that outlive the grace.

        A second signal ends them at once.
        """
        asked = self._signals
        for role in dict.fromkeys(child.role for child in self._children):
            children = [child for child in self._children if child.role == role]
            for child in children:
                if child.process and child.process.poll() is None:
                    child.process.terminate()
            deadline = time.monotonic() + self._grace
            while alive := [one for one in children if one.process and one.process.poll() is None]:
                if self._signals > asked or time.monotonic() > deadline:
                    for child in alive:
                        _kill(child)
                selector.select(timeout=0.5)
                self._drain()
        if self._tick:
            self._tick([child.name for child in self._children])


def _kill(child: Child) -> None:
    if child.process:
        child.process.kill()
        child.process.wait()


def end_with_parent() -> None:
    """Ask this process to finish when the supervisor that started it, if one did, is gone."""
    parent = os.environ.pop(_PARENT, None)
    if parent is None:
        return

    def watch() -> None:
        while os.getppid() == int(parent):
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()
