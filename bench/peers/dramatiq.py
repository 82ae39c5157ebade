"""Dramatiq."""

from bench.peers.outside import PythonPeer
from bench.peers.peer import Job
from bench.processes import Command


class Dramatiq(PythonPeer):
    """With its defaults."""

    key = "dramatiq"
    name = "dramatiq"
    settings = "8 threads a process, its default"
    database = 5
    app = "dramatiq_app"

    def worker(self, job: Job, processes: int, concurrency: int) -> Command:
        return self.told(
            *(self.python, "-m", "dramatiq", "bench.apps.dramatiq_app"),
            *("--processes", str(processes), "--threads", "8"),
            job=job,
        )
