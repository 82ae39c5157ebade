"""The one thing that receiver and workers agree on about RQ: what a shift is as a job.

A job carries nothing: it says "there is mail". That is why losing one costs nothing, and why this
module is all of RQ that the receiver knows.
"""

from datetime import datetime, timedelta
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from bellhop.ledger import keys

SHIFT = "bellhop_workers.shift.work"
"""The one function that a worker runs."""

_FORGET_FAILURES_AFTER = 24 * 3600
_A_SIGN_OF_LIFE = timedelta(seconds=30)


def shift_queue(connection: Any, **options: Any) -> Queue:
    """Return RQ's queue of shifts, which has the name of the ledger's namespace.

    A worker has no other: it would pop from several unreliably (BLPOP instead of BLMOVE). Arguments
    are JSON: a pickle in Redis is code execution.
    """
    queue = Queue(keys.NAMESPACE, connection=connection, serializer=JSONSerializer, **options)
    # RQ would ask the server, blocking, for every queue object; we need 7.0 anyway.
    queue.redis_server_version = (7, 0, 0)
    return queue


def enqueue_shift(connection: Redis) -> None:
    """Put a shift into RQ's queue."""
    shift_queue(connection).enqueue_many([_job()])


class ShiftBell:
    """Puts shifts into RQ's queue from an event loop."""

    def __init__(self, connection: AsyncRedis) -> None:
        self._connection = connection
        # RQ wants a blocking client to build a job with; it sends nothing on it.
        self._queue = shift_queue(Redis())

    async def ring(self) -> None:
        """Put a shift into RQ's queue. Raises `RedisError` if that cannot be done."""
        pipeline = self._connection.pipeline(transaction=True)
        self._queue.enqueue_many([_job()], pipeline=pipeline)  # type: ignore[arg-type]
        await pipeline.execute()


def queued_shifts(connection: Redis) -> int:
    """Return how many shifts wait in RQ's queue."""
    return shift_queue(connection).count


def workers_alive(connection: Redis, now: datetime) -> list[str]:
    """Return the names of the workers that gave a sign of life within half a minute.

    `now` is aware. A worker gives one every few seconds when it is idle, and every ten in a shift.
    """
    workers = Worker.all(connection=connection, queue=shift_queue(connection))
    return [
        worker.name
        for worker in workers
        if worker.last_heartbeat and now - worker.last_heartbeat < _A_SIGN_OF_LIFE
    ]


def _job() -> Any:
    return Queue.prepare_data(
        SHIFT, timeout=-1, result_ttl=0, failure_ttl=_FORGET_FAILURES_AFTER, description="shift"
    )
