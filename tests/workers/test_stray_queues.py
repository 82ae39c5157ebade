"""What RQ keeps of workers and of sets of handlers goes away with them."""

from typing import Any

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job

from bellhop.ledger import HandlerSet, Ledger, Subscription
from bellhop.queue import delete_queues, enqueue_shifts, shift_queue, stray_queues
from bellhop_workers.foreman import Foreman
from bellhop_workers.rq_worker import ShiftWorker
from tests.workers.conftest import Workplace


def rq_keys(redis: Redis) -> set[str]:
    """Return the names of RQ's keys, without what the names of RQ's own sets are."""
    found: Any = redis.scan_iter("rq:*")
    return {name.decode() for name in found}


def killed_in_a_shift(workplace: Workplace) -> str:
    """Leave what a worker leaves that is killed in a shift; return its set of handlers."""
    workplace.runtime.subscribe()
    worker: Any = ShiftWorker(workplace.ledger.redis, workplace.runtime, 1.0)
    worker.register_birth()
    fingerprint = workplace.runtime.ledger.handlers.fingerprint
    enqueue_shifts(workplace.ledger.redis, [fingerprint])
    [job], queue = worker.queues[0].jobs, worker.queues[0]
    workplace.ledger.redis.lmove(queue.key, queue.intermediate_queue_key)
    worker.prepare_execution(job)
    enqueue_shifts(workplace.ledger.redis, [fingerprint])
    return fingerprint


@pytest.fixture
def left(workplace: Workplace) -> str:
    """The set of handlers of a worker that was killed in a shift."""
    workplace.on("lock.*", name="one")(lambda event: None)
    return killed_in_a_shift(workplace)


def test_nothing_is_left_of_a_set_that_is_gone(redis: Redis, ledger: Ledger, left: str) -> None:
    there = rq_keys(redis)
    assert {f"rq:wip:bellhop:{left}", "rq:worker:w", f"rq:workers:bellhop:{left}"} <= there
    Foreman(ledger).sweep(dead={"w": ""})
    assert rq_keys(redis) == set()


def test_a_queue_that_came_too_late_is_deleted_and_those_of_workers_stay(
    redis: Redis, ledger: Ledger, workplace: Workplace, left: str
) -> None:
    workplace.runtime.subscribe()
    enqueue_shifts(redis, ["0123456789ab"])
    Queue("bellhop", connection=redis).enqueue_many([])
    redis.sadd("rq:queues", "rq:queue:other", "rq:queue:hotel:0123456789ab")
    assert stray_queues(redis) == ["0123456789ab"]

    Foreman(ledger).sweep(alive=["w"])

    assert stray_queues(redis) == []
    assert redis.smembers("rq:queues") == {
        b"rq:queue:other",
        b"rq:queue:hotel:0123456789ab",
        f"rq:queue:bellhop:{left}".encode(),
    }
    assert not redis.exists("rq:queue:bellhop:0123456789ab")
    assert len(Job.fetch_many(shift_queue(redis, left).get_job_ids(), redis)) == 1
    assert redis.exists("rq:worker:w")


def test_a_worker_that_dies_is_forgotten_though_others_have_its_handlers(
    redis: Redis, ledger: Ledger, left: str
) -> None:
    ledger.subscribe("other", HandlerSet([Subscription("one", ["lock.*"])]))
    Foreman(ledger).sweep(alive=["other"], dead={"w": ""})
    assert not redis.exists("rq:worker:w")
    assert not redis.sismember("rq:workers", "rq:worker:w")
    assert redis.exists(f"rq:queue:bellhop:{left}")


def test_to_delete_what_is_not_there_does_nothing(redis: Redis) -> None:
    delete_queues(redis, ["0123456789ab"])
    assert rq_keys(redis) == set()
