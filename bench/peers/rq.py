"""RQ."""

from typing import ClassVar

from bench.peers.outside import PythonPeer
from bench.peers.peer import Job
from bench.processes import Command


class RqWorker(PythonPeer):
    """With its default worker, which forks for each job."""

    key = "rq"
    name = "RQ Worker"
    front = "FastAPI + svix + RQ"
    settings = "WorkerPool with the jobs' module preloaded; result_ttl=0"
    front_settings = "uvicorn[standard]; enqueue in a thread; result_ttl=0"
    database = 2
    app = "rq_app"
    kind: ClassVar[str] = "Worker"
    share = 0.03

    def worker(self, job: Job, processes: int, concurrency: int) -> Command:
        program = (self.python, "-m", "bench.apps.rq_app", self.kind, str(processes))
        return self.told(*program, job=job)


class RqSimple(RqWorker):
    """With the one that runs jobs in its own process."""

    name = "RQ SimpleWorker"
    settings = "WorkerPool; result_ttl=0"
    database = 3
    kind = "SimpleWorker"
    share = 0.1
