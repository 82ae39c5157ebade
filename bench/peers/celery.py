"""Celery."""

from bench.peers.outside import PythonPeer
from bench.peers.peer import Job
from bench.processes import Command


class Celery(PythonPeer):
    """As its guide to optimizing says for many short tasks."""

    key = "celery"
    name = "Celery prefork"
    front = "FastAPI + svix + Celery"
    settings = (
        "prefetch multiplier 128 (its guide's for short tasks), results ignored; "
        "no gossip, mingle or heartbeat"
    )
    front_settings = "uvicorn[standard]; delay in a thread; a broker connection for each thread"
    database = 4
    app = "celery_app"
    share = 0.3

    def worker(self, job: Job, processes: int, concurrency: int) -> Command:
        return self.told(
            *(self.python, "-m", "celery", "-A", "bench.apps.celery_app", "worker"),
            *("--pool", "prefork", "--concurrency", str(processes), "--loglevel", "WARNING"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            job=job,
        )

    def clear(self) -> None:
        # Not its bindings: it would not know any more where to put tasks.
        self.redis.delete("celery", "unacked", "unacked_index")
