"""taskiq."""

from bench.peers.outside import PythonPeer
from bench.peers.peer import Job
from bench.processes import Command


class Taskiq(PythonPeer):
    """With the broker of its README, which acknowledges."""

    key = "taskiq"
    name = "taskiq"
    settings = (
        "RedisStreamBroker (faster here than ListQueueBroker); uvloop; --no-parse; "
        "100 tasks at a time, its default"
    )
    database = 8
    app = "taskiq_app"
    share = 0.5

    def worker(self, job: Job, processes: int, concurrency: int) -> Command:
        return self.told(
            *(self.python, "-m", "taskiq", "worker", "bench.apps.taskiq_app:broker"),
            *("--workers", str(processes), "--no-parse", "--log-level", "WARNING"),
            *("--max-async-tasks", str(max(concurrency, 100))),
            job=job,
        )
