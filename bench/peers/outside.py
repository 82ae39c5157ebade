"""What the peers have in common: programs of their own, in environments of their own."""

import subprocess
from pathlib import Path
from typing import ClassVar

from bench import environments
from bench.events import Maker
from bench.load import SECRET
from bench.peers.peer import Job, Peer
from bench.processes import Command, NotMeasured


class Outsider(Peer):
    """A peer whose programs are told what to do by their environment."""

    def told(self, *arguments: str, job: Job = "count", concurrency: int = 1) -> Command:
        """Return a command with what it is told."""
        environment = {
            "BENCH_REDIS_URL": self.url,
            "BENCH_SECRET": SECRET,
            "BENCH_JOB": job,
            "BENCH_CONCURRENCY": str(concurrency),
        }
        return Command(arguments, environment)

    def filler(self, events: Path) -> list[str]:
        """Return the program that enqueues the events of a file, a line each."""
        raise NotImplementedError

    def fill(self, run: str, first: int, count: int, devices: int, jobs: int = 1) -> None:
        maker = Maker(run, devices)
        events = self.stage.directory / "events"
        numbers = range(first, first + count)
        bodies = (maker.body(number) for number in numbers for _ in range(jobs))
        events.write_bytes(b"\n".join(bodies))
        filling = self.stage.start(f"{self.key}-fill", self.told(*self.filler(events)))
        try:
            code = filling.wait(within=120)
        except subprocess.TimeoutExpired:
            filling.end()
            raise
        if code:
            raise NotMeasured(f"{filling.name} failed:\n{filling.said()}")


class PythonPeer(Outsider):
    """A peer in Python. `app`: its module in `bench.apps`."""

    environment: ClassVar[str] = "peers"
    app: ClassVar[str]

    @property
    def python(self) -> str:
        """Its Python."""
        return environments.python(self.environment)

    def receiver(self, port: int) -> Command:
        app = f"bench.apps.{self.app.removesuffix('_app')}_web:app"
        return self.told(
            *(self.python, "-m", "uvicorn", app, "--port", str(port)),
            *("--log-level", "warning", "--no-access-log"),
        )

    def filler(self, events: Path) -> list[str]:
        return [self.python, "-m", "bench.apps.fill", self.app, str(events)]
