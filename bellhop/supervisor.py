"""Child processes that are replaced when they die.

`bellhop up` watches a receiver and a pool with it, a pool its workers, and a receiver of several
processes those.
"""

import os
import selectors
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from bellhop.logs import get_logger
from bellhop.processes import PARENT, SIGNALS, Process, Start, StopSignals

_AT_ONCE = 2.0
_LONGEST_PAUSE = 10.0
_SETTLED_AFTER = 5.0
_MOST_DOUBLINGS = 8
CANNOT_START = os.EX_TEMPFAIL
"""Exit code of a process that said why it cannot start, and may be able to later."""

AS_PLANNED = 256
"""What is told in place of exit code 0 of a process that ended to be replaced."""

ASKED_TO_END = {code for number in SIGNALS for code in (-number, 128 + number)}
"""Exit codes of a process that a signal ended before it was ready to finish in order."""

_log = get_logger("processes")


@dataclass
class Child:
    """A process to keep alive, and how it has fared. `restarts`: it was asked to end for that."""

    role: str
    start: Start
    starts: int = 0
    failures: int = 0
    name: str = ""
    process: Process | None = None
    restarts: bool = False
    started: float = 0.0
    next_start: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Keeps children alive until it is told to stop.

    `tick(dead)` is called at least once a `period` (seconds), and at once when children died, with
    their names. Nothing else happens meanwhile: it must return within a period or so.

    A child that exits with `os.EX_CONFIG` ends it all, unless `patient`: then it waits until it is
    restarted. `grace`: seconds that children have to finish. `on_stop` is called once, before they
    are asked to.
    """

    def __init__(
        self,
        *,
        grace: float,
        tick: Callable[[Sequence[str]], None] | None = None,
        period: float = 1.0,
        patient: bool = False,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._grace = grace
        self._tick = tick
        self._period = period
        self._patient = patient
        self._on_stop = on_stop
        self._children: list[Child] = []
        self._signals = StopSignals()
        self._stop_code: int | None = None
        self._parent = os.environ.pop(PARENT, None)
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in SIGNALS:
            signal.signal(number, self._on_signal)

    def add(self, role: str, start: Start) -> Child:
        """Start a child. All are stopped together, so that one grace period is enough."""
        child = Child(role, start)
        self._children.append(child)
        self._start(child)
        return child

    def restart(self, child: Child) -> None:
        """Let a child finish, and start it again. May be called from another thread."""
        child.failures = 0
        child.next_start = 0.0
        if child.process and child.alive:
            child.restarts = True
            child.process.terminate()
        self._wake()

    def stop(self, code: int = 0) -> None:
        """Make `run` stop the children and return `code`."""
        if self._stop_code is None:
            self._stop_code = code
        self._wake()

    def run(self) -> int:
        """Keep the children alive until a signal or `stop`; return the exit code."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_reader, selectors.EVENT_READ)
            next_tick = 0.0
            while self._stop_code is None:
                dead = self._reap()
                if dead or time.monotonic() >= next_tick:
                    self._look_around(dead)
                    next_tick = time.monotonic() + self._period
                self._start_missing()
                if self._parent and os.getppid() != int(self._parent):
                    self.stop()
                self._wait(selector, self._period)
            self._stop_children(selector)
            return self._stop_code

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._signals.came()
        self.stop()

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # then it is about to, anyway
            os.write(self._wake_writer, b"\0")

    def _wait(self, selector: selectors.BaseSelector, seconds: float) -> None:
        selector.select(timeout=seconds)
        try:
            while os.read(self._wake_reader, 4096):
                pass
        except BlockingIOError:
            pass

    def _start(self, child: Child) -> None:
        child.starts += 1
        child.name = f"{child.role}-{os.getpid()}-{child.starts}-{os.urandom(3).hex()}"
        child.started = time.monotonic()
        child.process = child.start(child.name)

    def _start_missing(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.process is None and now >= child.next_start and self._stop_code is None:
                try:
                    self._start(child)
                except OSError as error:  # such as a machine with no memory left for a process
                    _log.error("cannot start a process yet", role=child.role, error=str(error))
                    child.next_start = now + _LONGEST_PAUSE

    def _reap(self) -> list[str]:
        dead = []
        for child in self._children:
            if child.process is None or (code := child.process.poll()) is None:
                continue
            dead.append(child.name)
            child.process = None
            if self._stop_code is None:
                self._plan_start(child, code)
        if os.getpid() == 1:
            self._reap_orphans()
        return dead

    def _reap_orphans(self) -> None:
        """Bury what a killed child left: the first process of a container inherits it."""
        ours = {child.process.pid for child in self._children if child.process}
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None or ended.si_pid in ours:
                return  # ours are asked for their exit code
            os.waitpid(ended.si_pid, 0)

    def _plan_start(self, child: Child, code: int) -> None:
        now = time.monotonic()
        asked = code == AS_PLANNED or (child.restarts and code in (os.EX_OK, *ASKED_TO_END))
        child.restarts = False
        if asked:
            child.failures, child.next_start = 0, now
            return
        if code == os.EX_CONFIG:
            child.next_start = float("inf")
            if not self._patient:
                self.stop(code)
            return
        settled = now - child.started > _SETTLED_AFTER and code != CANNOT_START
        child.failures = 0 if settled else child.failures + 1
        # A poisonous event costs four workers in a row, and its neighbours no more than 2 s.
        doubled: int = 2 ** min(child.failures, _MOST_DOUBLINGS)
        pause = min(doubled / 16, _LONGEST_PAUSE) if child.failures > 1 else 0.0
        child.next_start = max(child.next_start, now + pause)
        if code == CANNOT_START:
            _log.warning(
                "a process could not start; trying again", role=child.role, retry_in=f"{pause:.1f}s"
            )
        elif code in ASKED_TO_END:
            _log.info("a process was asked to end and is replaced", role=child.role)
        elif code == 0:
            _log.warning("a process ended without being asked and is replaced", role=child.role)
        else:
            _log.error("a process died and is replaced", role=child.role, died_of=ending(code))

    def _stop_children(self, selector: selectors.BaseSelector) -> None:
        """Ask the children to finish, and end those that outlive the grace.

        A second signal ends them at once. None is replaced, but they are looked after.
        """
        asked, now = self._signals.count, time.monotonic()
        ends, next_tick = now + self._grace, now + self._period
        self._on_stop()
        _terminate(self._children)
        while any(child.alive for child in self._children):
            if self._signals.count > asked:  # the children have children, whom they end at once
                asked, ends = self._signals.count, time.monotonic() + _AT_ONCE
                _terminate(self._children)
            now = time.monotonic()
            if now >= ends:
                for child in self._children:
                    if child.process and child.alive:
                        child.process.kill()
            dead = self._reap()
            if (dead or now >= next_tick) and now + self._period < ends:  # else it comes too late
                self._look_around(dead)
                next_tick = time.monotonic() + self._period
            self._wait(selector, 0.2)
        self._look_around([child.name for child in self._children])

    def _look_around(self, dead: Sequence[str]) -> None:
        if self._tick:
            try:
                self._tick(dead)
            except Exception:
                _log.exception("looking after the children failed")


def ending(code: int) -> str:
    """Say how a process ended."""
    if code >= 0:
        return f"code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:  # most of the real-time signals have no name
        return f"signal {-code}"


def _terminate(children: Sequence[Child]) -> None:
    for child in children:
        if child.process and child.alive:
            child.process.terminate()
