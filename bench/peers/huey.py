"""Huey."""

from bench.peers.outside import PythonPeer
from bench.peers.peer import Job
from bench.processes import Command


class Huey(PythonPeer):
    """With worker processes, as its docs say for what needs the processor."""

    key = "huey"
    name = "huey"
    settings = "worker type process; no results, no periodic tasks"
    database = 6
    app = "huey_app"

    def worker(self, job: Job, processes: int, concurrency: int) -> Command:
        return self.told(
            *(self.python, "-m", "huey.bin.huey_consumer", "bench.apps.huey_app.huey"),
            *("--worker-type", "process", "--workers", str(processes)),
            *("--quiet", "--no-periodic"),
            job=job,
        )
