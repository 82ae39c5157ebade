"""Processes that the bench starts, watches, pauses, and ends."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil


class NotMeasured(Exception):
    """Something that was to be measured did not run as it should."""


@dataclass(frozen=True)
class Command:
    """A program, with what its environment has beyond ours."""

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


class Running:
    """A process with its descendants."""

    def __init__(self, command: Command, directory: Path, log: Path) -> None:
        self.name = log.stem
        self._log = log
        with log.open("w") as output:
            self._process = subprocess.Popen(
                list(command.arguments),
                cwd=directory,
                env={**os.environ, **command.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The first process of them."""
        return self._process.pid

    def pids(self) -> set[int]:
        """Return the processes."""
        return {process.pid for process in _tree(self.pid)}

    def check(self) -> None:
        """Raise `NotMeasured` if it ended."""
        if self._process.poll() is not None:
            raise NotMeasured(f"{self.name} ended:\n{self.said()}")

    def wait(self, within: float) -> int:
        """Wait until it has ended by itself, and return its exit code."""
        return self._process.wait(within)

    def said(self) -> str:
        """Return the end of what it wrote."""
        return self._log.read_text(errors="replace")[-3000:]

    def cpu(self) -> float:
        """Return the seconds that it and its descendants, ended ones too, kept a core busy."""
        return cpu_of(self.pid)

    def pause(self) -> None:
        """Stop it where it is."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        """End it and its descendants at once; nothing of theirs is needed any more."""
        tree = _tree(self.pid)
        for process in tree:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait(timeout=10)
        wait_for(lambda: not any(map(_is_alive, tree)), f"{self.name} ended", within=10)

    def _signal(self, number: signal.Signals) -> None:
        for process in _tree(self.pid):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)


def cpu_of(pid: int) -> float:
    """Return the processor time of a process, of those below it, and of those that ended there."""
    seconds = 0.0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            seconds += times.user + times.system
            seconds += getattr(times, "children_user", 0.0)
            seconds += getattr(times, "children_system", 0.0)
    return seconds


def _is_alive(process: psutil.Process) -> bool:
    # Whoever inherits a dead one may take its time to look at it.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _tree(pid: int) -> list[psutil.Process]:
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def wait_for(
    condition: Callable[[], bool], what: str, *, within: float, pause: float = 0.02
) -> None:
    """Wait until the condition holds. Raises `NotMeasured` if it does not in time."""
    ends = time.monotonic() + within
    while not condition():
        if time.monotonic() > ends:
            raise NotMeasured(f"not within {within:g} s: {what}")
        time.sleep(pause)
