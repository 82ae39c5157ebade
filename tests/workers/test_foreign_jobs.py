"""Jobs in our queue that are no shifts, or not even jobs: no worker is the worse for them."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from rq.serializers import JSONSerializer
from structlog.testing import capture_logs

from bellhop.connections import connect
from bellhop.ledger import HandlerSet, Subscription
from bellhop.queue import enqueue_shifts
from bellhop_workers import shift
from bellhop_workers.rq_worker import ShiftJob, ShiftWorker
from tests.workers.conftest import Workplace

ID = "a-strangers-job"
JOB = f"rq:job:{ID}"
HANDLERS = HandlerSet([Subscription("note", ["*"])]).fingerprint
QUEUE = f"bellhop:{HANDLERS}"
WAITS, TAKEN = f"rq:queue:{QUEUE}", f"rq:queue:{QUEUE}:intermediate"
A_SHIFT: dict[Any, Any] = {
    "data": b'["bellhop_workers.shift.work", null, [], {}]',
    "created_at": b"2026-01-31T12:00:00.000000Z",
    "origin": QUEUE.encode(),
    "status": b"queued",
}
UNREADABLE: dict[str, dict[Any, Any]] = {
    "created_at": {**A_SHIFT, "created_at": b"garbage"},
    "status": {**A_SHIFT, "status": b"nonsense"},
    "timeout": {**A_SHIFT, "timeout": b"abc"},
    "description": {**A_SHIFT, "description": b"\xff"},
    "data": {**A_SHIFT, "data": b"\x80\x04}."},
    "no data": {"origin": QUEUE.encode()},
    "a name": {**A_SHIFT, b"\xff": b"1"},
    "other code": {**A_SHIFT, "data": b'["os.system", null, ["false"], {}]'},
}


@pytest.fixture
def worker(redis_url: str, workplace: Workplace) -> ShiftWorker:
    """A worker that is not at work yet, with one handler."""
    workplace.on("*", name="note")(lambda event: None)
    workplace.runtime.subscribe()
    return ShiftWorker(connect(redis_url), workplace.runtime, time_to_stop=5)


def work_in_burst(worker: ShiftWorker, workplace: Workplace) -> None:
    """Do what is in the queue, and end."""
    shift.prepare(workplace.runtime)
    worker.work(burst=True, logging_level="WARNING")


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """Take back the signal handlers that RQ installs."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("fields", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_foreign_job_is_refused_and_removed_and_the_shift_behind_it_is_done(
    redis: Redis, workplace: Workplace, worker: ShiftWorker, fields: dict[Any, Any]
) -> None:
    workplace.deliver()
    redis.hset(JOB, mapping=fields)
    redis.rpush(WAITS, ID)
    enqueue_shifts(redis, [HANDLERS])
    with capture_logs() as lines:
        work_in_burst(worker, workplace)

    assert workplace.state("e1") == "done"
    assert [line["job"] for line in lines if line["log_level"] == "error"] == [ID]
    assert not redis.exists(JOB, WAITS, TAKEN)


@pytest.mark.parametrize("fields", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_one_that_another_worker_left_half_taken_does_not_end_the_next(
    redis: Redis, workplace: Workplace, worker: ShiftWorker, fields: dict[Any, Any]
) -> None:
    workplace.deliver()
    redis.hset(JOB, mapping=fields)
    redis.rpush(TAKEN, ID)
    enqueue_shifts(redis, [HANDLERS])
    work_in_burst(worker, workplace)  # with RQ's maintenance, before anything else

    assert workplace.state("e1") == "done"
    assert not redis.exists(WAITS, TAKEN)


@pytest.mark.parametrize("name", [ID, "no id at all!", "a:b:c", ""])
def test_an_id_without_a_job_is_passed_over(
    redis: Redis, workplace: Workplace, worker: ShiftWorker, name: str
) -> None:
    workplace.deliver()
    redis.rpush(TAKEN, name)
    redis.rpush(WAITS, name)
    enqueue_shifts(redis, [HANDLERS])
    work_in_burst(worker, workplace)
    assert workplace.state("e1") == "done"
    assert not redis.exists(WAITS)


def test_what_is_no_job_under_a_jobs_name_is_passed_over(
    redis: Redis, workplace: Workplace, worker: ShiftWorker
) -> None:
    workplace.deliver()
    redis.set(JOB, "a text")
    redis.rpush(WAITS, ID)
    enqueue_shifts(redis, [HANDLERS])
    work_in_burst(worker, workplace)
    assert workplace.state("e1") == "done"


def test_our_own_job_is_not_taken_for_a_foreign_one(redis: Redis) -> None:
    redis.hset(JOB, mapping=A_SHIFT)
    job = ShiftJob.fetch(ID, connection=redis, serializer=JSONSerializer)
    assert job.func is shift.work
    assert job.origin == QUEUE
