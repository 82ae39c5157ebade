"""The processes of a soak: one Redis, two receivers, and two programs, which have three pools.

The first program has two versions, and a pool that is restarted comes back with the one that it was
given meanwhile.
"""

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import psutil
from redis import Redis

from bellhop.connections import connect
from bellhop.embedded import EmbeddedRedis
from bellhop.processes import PARENT
from tests.conftest import SECRET
from tests.outside import without_settings
from tests.system.conftest import free_port

_ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Part:
    """A process that is started again whenever it ends. `resting`: it is to stay away until then.

    `asked`: it was asked to stop, so its end is no accident.
    """

    name: str
    arguments: Sequence[str]
    port: int = 0
    process: psutil.Popen | None = None
    resting: float = 0.0
    asked: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None


class Stage:
    """What a soak runs, in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.redis = EmbeddedRedis(directory / "redis")
        self.redis_pid = 0
        self.accidents = 0
        """How often a part ended that nobody had killed or asked to."""
        ports = [free_port(), free_port()]
        self.receivers = [
            Part(f"receiver-{number}", ("receiver", "--port", str(port)), port)
            for number, port in enumerate(ports, 1)
        ]
        self.front = [_pool("pool-1", 2), _pool("pool-2", 1)]
        desk = _pool("desk", 2)
        desk.environment |= {"BELLHOP_HANDLERS": "tests.soak.desk", "BELLHOP_MAX_MEMORY": "128MiB"}
        self.pools = [*self.front, desk]
        self._seen: dict[int, psutil.Process] = {}
        self._environment = {
            **without_settings(),
            "PYTHONPATH": str(_ROOT),
            "SOAK_DIRECTORY": str(directory),
            "BELLHOP_REDIS_URL": self.redis.url,
            "BELLHOP_WEBHOOK_SECRETS": SECRET,
            "BELLHOP_HANDLERS": "tests.soak.handlers",
            "BELLHOP_LOG_FORMAT": "json",
            "BELLHOP_SLICE": "2s",
            PARENT: str(os.getpid()),
        }

    @property
    def parts(self) -> list[Part]:
        """Receivers and pools."""
        return [*self.receivers, *self.pools]

    def start(self) -> None:
        """Start everything."""
        (self.directory / "deaths").mkdir(parents=True)
        self.redis.start()
        self.know_redis()
        for part in self.parts:
            self._start(part)

    def add_old(self) -> None:
        """Start another pool, with the old version of the first program."""
        self.pools.append(_pool("pool-old", 1))
        self._start(self.pools[-1])

    def run(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of Bellhop's, of which the output can be read."""
        return subprocess.Popen(
            [sys.executable, "-m", "bellhop.cli", *arguments],
            cwd=self.directory,
            env=self._environment | self.pools[0].environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def replaced(self) -> int:
        """Return how many workers were replaced because of their memory."""
        logs = (self.directory / f"{pool.name}.log" for pool in self.pools)
        return sum(log.read_text(errors="replace").count("and is replaced") for log in logs)

    def client(self) -> Redis:
        """Return a client of Redis."""
        return connect(self.redis.url)

    def know_redis(self) -> None:
        """Find out which process Redis is."""
        with self.client() as client:
            self.redis_pid = int(client.info("server")["process_id"])

    def keep(self) -> None:
        """Start what has ended, if it is not to rest."""
        for part in self.parts:
            if part.alive or time.monotonic() < part.resting:
                continue
            if part.process is not None and not part.asked:
                self.accidents += 1  # such as a start while Redis is away
                part.asked, part.resting = True, time.monotonic() + 0.5
            else:
                self._start(part)

    def ready(self) -> bool:
        """Say whether everything runs and can be reached."""
        return all(_is_ready(part) for part in self.receivers) and all(
            self.workers(pool) for pool in self.pools
        )

    def workers(self, pool: Part) -> list[psutil.Process]:
        """Return the worker processes of a pool."""
        if not pool.alive or pool.process is None:
            return []
        with suppress(psutil.NoSuchProcess):
            found = [child for child in pool.process.children() if child.is_running()]
            self._seen.update((child.pid, child) for child in found)
            return found
        return []

    def end(self) -> None:
        """Stop everything, gently first."""
        processes = [part.process for part in self.parts if part.process and part.alive]
        for process in processes:
            process.terminate()
        psutil.wait_procs(processes, timeout=40)
        for one in (*processes, *self._seen.values()):
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.redis.stop()

    def _start(self, part: Part) -> None:
        part.asked = False
        with (self.directory / f"{part.name}.log").open("a") as output:
            part.process = psutil.Popen(
                [sys.executable, "-m", "bellhop.cli", *part.arguments],
                cwd=self.directory,
                env=self._environment | part.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def _pool(name: str, workers: int) -> Part:
    """Return a pool of the first program, in its old version."""
    return Part(name, ("worker", "-n", str(workers)), environment={"SOAK_VERSION": "old"})


def _is_ready(receiver: Part) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=2.0)
    with closing(connection):
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


class Stopwatch:
    """Notes when the machine stands still: when a wait of a tenth of a second takes over one."""

    def __init__(self) -> None:
        self.stalls: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        last = time.monotonic()
        while not self._over.wait(0.1):
            now = time.monotonic()
            if now - last > 1.0:
                self.stalls.append((last, now))
            last = now


def signalled(process: psutil.Process, number: signal.Signals) -> tuple[float, float] | None:
    """Send a signal; return the moments before and after, or `None` if the process is gone."""
    before = time.monotonic()
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return None
    return before, time.monotonic()
