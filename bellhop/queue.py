"""The one thing that receiver and workers agree on about RQ: what a shift is as a job.

A job carries nothing: it says "there is mail for this set of handlers". That is why losing one
costs nothing, and why this module is all of RQ that the receiver knows. Each set has a queue of its
own: a worker that listened to two would pop from them unreliably (BLPOP instead of BLMOVE).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY

from bellhop.ledger import keys
from bellhop.ledger.names import readable

SHIFT = "bellhop_workers.shift.work"
"""The one function that a worker runs."""

_FORGET_FAILURES_AFTER = 24 * 3600

_RQ = Queue.redis_queue_namespace_prefix.removesuffix("queue:")
_WORKER = f"{_RQ}worker:"


def shift_queue(connection: Any, handler_set: str, **options: Any) -> Queue:
    """Return RQ's queue of shifts for the workers with a set of handlers.

    Its name begins with that of the ledger's namespace. Arguments are JSON: a pickle in Redis is
    code execution.
    """
    queue = Queue(
        f"{keys.NAMESPACE}:{handler_set}",
        connection=connection,
        serializer=JSONSerializer,
        **options,
    )
    # RQ would ask the server, blocking, for every queue object; we need 7.0 anyway.
    queue.redis_server_version = (7, 0, 0)
    return queue


def queue_keys() -> str:
    """Return what the keys of all queues of shifts begin with."""
    return f"{Queue.redis_queue_namespace_prefix}{keys.NAMESPACE}:"


def enqueue_shifts(connection: Redis, handler_sets: Iterable[str]) -> None:
    """Put a shift into RQ's queue of each of these sets of handlers. Raises `RedisError`."""
    for handler_set in handler_sets:
        shift_queue(connection, handler_set).enqueue_many([_job()])


def stray_queues(connection: Redis) -> list[str]:
    """Return the sets of handlers that RQ has a queue for, and no worker has. Raises `RedisError`.

    One may be left if its last foreman was killed, or a shift was enqueued a moment too late.
    """
    known: Any = connection.smembers(Queue.redis_queues_keys)
    sets: Any = connection.hkeys(keys.SETS)
    ours = [name for name in readable(known) if name.startswith(queue_keys())]
    return sorted({name.removeprefix(queue_keys()) for name in ours} - set(readable(sets)))


def delete_queues(connection: Redis, handler_sets: Iterable[str]) -> None:
    """Delete all that RQ keeps for sets that no worker has any more. Raises `RedisError`.

    RQ's own way leaves the shift that a killed worker had, and the worker.
    """
    for handler_set in handler_sets:
        _delete(connection, shift_queue(connection, handler_set))


def _delete(connection: Redis, queue: Queue) -> None:
    lists = [queue.key, queue.intermediate_queue_key]
    registries = [
        registry.key
        for registry in (
            queue.started_job_registry,
            queue.finished_job_registry,
            queue.failed_job_registry,
            queue.deferred_job_registry,
            queue.scheduled_job_registry,
            queue.canceled_job_registry,
        )
    ]
    by_queue = WORKERS_BY_QUEUE_KEY % queue.name
    asked: Any = connection.pipeline(transaction=False)
    for name in lists:
        asked.lrange(name, 0, -1)
    for name in registries:
        asked.zrange(name, 0, -1)
    asked.smembers(by_queue)
    *jobs, workers = asked.execute()
    gone = [*lists, *registries, queue.registry_cleaning_key, by_queue]
    for entry in set(readable(entry for some in jobs for entry in some)):
        job_id = entry.partition(":")[0]  # of those under way, with that of the execution
        gone += [f"{Job.redis_job_namespace_prefix}{job_id}", f"{_RQ}executions:{job_id}"]
        gone += [f"{_RQ}execution:{entry}", f"{_RQ}results:{job_id}"]
    change: Any = connection.pipeline(transaction=True)
    change.delete(*gone)
    change.srem(Queue.redis_queues_keys, queue.key)
    _forget_workers(change, list(readable(workers)))
    change.execute()


def forget_workers(connection: Redis, names: Iterable[str]) -> None:
    """Have RQ forget workers that are dead: it would in some minutes. Raises `RedisError`."""
    if names := list(names):
        change = connection.pipeline(transaction=True)
        _forget_workers(change, [f"{_WORKER}{name}" for name in names])
        change.execute()


def _forget_workers(change: Any, worker_keys: Sequence[str]) -> None:
    for key in worker_keys:
        change.delete(key, f"{key}:executions")
        change.srem(REDIS_WORKER_KEYS, key)


class ShiftQueue:
    """Puts shifts into RQ's queues from an event loop."""

    def __init__(self, connection: AsyncRedis) -> None:
        self._connection = connection

    async def enqueue(self, handler_sets: Iterable[str]) -> None:
        """Put a shift into the queue of each of these sets. Raises `RedisError` if it cannot."""
        pipeline = self._connection.pipeline(transaction=True)
        for handler_set in handler_sets:
            # RQ wants a blocking client to build a job with; it sends nothing on it.
            queue = shift_queue(Redis(), handler_set)
            queue.enqueue_many([_job()], pipeline=pipeline)  # type: ignore[arg-type]
        await pipeline.execute()


def _job() -> Any:
    return Queue.prepare_data(
        SHIFT, timeout=-1, result_ttl=0, failure_ttl=_FORGET_FAILURES_AFTER, description="shift"
    )
