"""RQ: its queue, and its workers in a pool that has the jobs' module loaded before they fork."""

import sys
from typing import Any

import rq
from redis import Redis
from rq.worker_pool import WorkerPool

from bench.apps.jobs import REDIS_URL, handle

_BATCH = 500
connection = Redis.from_url(REDIS_URL)
queue = rq.Queue("bench", connection=connection)


def enqueue(event: dict[str, Any]) -> None:
    """Enqueue an event; its job is gone when it has run."""
    queue.enqueue(handle, event, result_ttl=0)


def fill(events: list[dict[str, Any]]) -> None:
    """Enqueue events."""
    for first in range(0, len(events), _BATCH):
        batch = events[first : first + _BATCH]
        queue.enqueue_many([rq.Queue.prepare_data(handle, (one,), result_ttl=0) for one in batch])


def work(kind: str, processes: int) -> None:
    """Run workers of a kind, `Worker` or `SimpleWorker`."""
    pool = WorkerPool([queue], connection, num_workers=processes, worker_class=getattr(rq, kind))
    pool.start(burst=False, logging_level="WARNING")


if __name__ == "__main__":
    # By its importable name: the workers look jobs up by it.
    from bench.apps import rq_app

    rq_app.work(sys.argv[1], int(sys.argv[2]))
