"""Bellhop's own processes, as a user runs them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from structlog.testing import capture_logs

from bellhop.testing import signed_request
from bellhop_workers.process import WorkerProcess
from tests.conftest import SECRET
from tests.outside import without_settings

DEADLINE = 60.0

ANSWER_WITHIN = 30.0
"""Seconds for an answer over HTTP: httpx waits for five, and a busy machine may need more."""


def eventually(
    condition: Callable[[], object], what: str, *, within: float = DEADLINE, shown: object = ""
) -> None:
    """Wait until the condition holds. If it never does, fail with what `shown` returns."""
    ends = time.monotonic() + within
    while not condition():
        if time.monotonic() > ends:
            seen = shown() if callable(shown) else shown
            raise AssertionError(f"not within {within:g} s: {what}\n{seen}")
        time.sleep(0.02)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def delivery(
    event_type: str = "lock.unlocked", *, secret: str = SECRET, **fields: object
) -> tuple[bytes, dict[str, str], str]:
    """Return the body, the headers and the event id of a signed request."""
    request = signed_request(event_type, secret=secret, **fields)
    return request.body, request.headers, json.loads(request.body)["event_id"]


class House:
    """A directory with handlers, and the processes that a test starts in it."""

    def __init__(self, path: Path, redis_url: str | None) -> None:
        self.path = path
        self.port = free_port()
        self.webhook = f"http://127.0.0.1:{self.port}/webhooks/seam"
        self.processes: list[subprocess.Popen[str]] = []
        self.environment = {
            **without_settings(),
            "BELLHOP_PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
        }
        if redis_url:
            self.environment["BELLHOP_REDIS_URL"] = redis_url
            self.environment["BELLHOP_WEBHOOK_SECRETS"] = SECRET
        (path / "handlers").mkdir()
        (path / "handlers" / "__init__.py").write_text("")

    def handlers(self, code: str) -> None:
        """Write the handlers. They call `ran(…)` to leave a line for `lines`."""
        # Python takes a compiled file for that of another as long, written in the same second.
        shutil.rmtree(self.path / "handlers" / "__pycache__", ignore_errors=True)
        (self.path / "handlers" / "mine.py").write_text(
            "import asyncio, os, signal, time\n"
            "from bellhop import *\n"
            f"_log = open({str(self.path / 'ran')!r}, 'a', buffering=1)\n"
            "def ran(*words): _log.write(' '.join(map(str, words)) + '\\n')\n" + code
        )

    def lines(self) -> list[str]:
        """What the handlers left so far."""
        path = self.path / "ran"
        return path.read_text().splitlines() if path.exists() else []

    def command(self, *arguments: str) -> list[str]:
        """A bellhop command as a list of arguments."""
        return [sys.executable, "-m", "bellhop.cli", *arguments]

    def start(self, *arguments: str, output: Path | None = None) -> subprocess.Popen[str]:
        """Start a bellhop command; its output goes to a file."""
        output = output or self.path / f"{arguments[0]}-{len(self.processes)}.out"
        with output.open("w") as file:
            process = subprocess.Popen(
                self.command(*arguments),
                cwd=self.path,
                env=self.environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                text=True,
            )
        self.processes.append(process)
        return process

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a bellhop command to its end."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.path,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )

    def output(self) -> str:
        """What all started commands printed so far."""
        return "\n".join(path.read_text() for path in sorted(self.path.glob("*.out")))

    def await_ready(self) -> None:
        """Wait for the receiver."""

        def ready() -> bool:
            try:
                url = f"http://127.0.0.1:{self.port}/health/ready"
                return httpx.get(url, timeout=ANSWER_WITHIN).status_code == 200
            except httpx.TransportError:
                return False

        eventually(ready, "the receiver is ready", shown=self.output)

    def listens(self) -> bool:
        """Say whether the receiver takes connections."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_WITHIN).close()
        except ConnectionError:
            return False
        return True

    def await_lines(self, count: int) -> None:
        """Wait until the handlers have left so many lines."""
        eventually(
            lambda: len(self.lines()) >= count,
            f"{count} lines of handlers",
            shown=lambda: f"{self.lines()}\n{self.output()}",
        )

    def post(self, event_type: str = "lock.unlocked", **fields: object) -> httpx.Response:
        """Post a signed event."""
        body, headers = signed_request(event_type, secret=SECRET, **fields)
        return httpx.post(self.webhook, content=body, headers=headers, timeout=ANSWER_WITHIN)

    def end(self) -> None:
        """End every process that the test started, with what they started."""
        for process in self.processes:
            below = descendants(process.pid)
            process.kill()
            for pid in below:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()


def descendants(pid: int) -> list[int]:
    """Return the processes below one, nearest first; none if it is gone."""
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def command_line(pid: int) -> str:
    """Return the arguments a process was started with, empty if it is gone."""
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return ""


def lines_until_ended(worker: WorkerProcess) -> list[MutableMapping[str, Any]]:
    """Look after a worker as its pool does, until it has ended; return what was logged."""

    def ended() -> bool:
        worker.look_after()
        return worker.poll() is not None

    with capture_logs() as lines:
        eventually(ended, "it is ended")
        worker.look_after()
    return lines


@pytest.fixture
def house(tmp_path: Path, redis_url: str) -> Iterator[House]:
    """A directory to run receiver and workers in, on the test's Redis."""
    house = House(tmp_path, redis_url)
    yield house
    house.end()


@pytest.fixture
def lonely_house(tmp_path: Path) -> Iterator[House]:
    """A directory to run `bellhop up` in, with nothing configured."""
    house = House(tmp_path, None)
    yield house
    house.end()
