"""`@on(…, concurrency=N)`: no more mailboxes of a handler are at work at a time, everywhere."""

import asyncio
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from bellhop import SeamEvent, forks
from bellhop.connections import connect
from bellhop.ledger import Arrival, Ledger, keys
from bellhop.queue import queue_keys
from tests.workers.conftest import Workplace

_fork = multiprocessing.get_context("fork")

Register = Callable[[Workplace, "Count"], object]


class Count:
    """How many runs are under way, in all processes, and what was the most."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    def begin(self, name: str) -> None:
        """Note that a run begins."""
        self.redis.rpush(f"{name}:most", self.redis.incr(f"{name}:now"))
        self.redis.rpush(f"{name}:workers", os.getpid())

    def end(self, name: str) -> None:
        """Note that it has ended."""
        self.redis.decr(f"{name}:now")
        self.redis.incr(f"{name}:done")

    def at_a_time(self, name: str) -> int:
        """Return how many ran at a time, at most."""
        return max(map(int, self._all(f"{name}:most")), default=0)

    def begun_beside(self, name: str) -> int:
        """Return how many began while another ran."""
        return sum(now > 1 for now in map(int, self._all(f"{name}:most")))

    def done(self, name: str) -> int:
        """Return how many runs have ended."""
        return int(self._get(f"{name}:done") or 0)

    def running(self, name: str) -> int:
        """Return how many run now."""
        return int(self._get(f"{name}:now") or 0)

    def workers(self, name: str) -> set[int]:
        """Return the processes in which it ran."""
        return set(map(int, self._all(f"{name}:workers")))

    def _get(self, key: str) -> Any:
        return self.redis.get(key)

    def _all(self, key: str) -> Any:
        return self.redis.lrange(key, 0, -1)


def _be_worker(url: str, name: str, register: Register) -> None:
    forks.guard()
    redis = connect(url)
    workplace = Workplace(Ledger(redis, timedelta(days=14)), worker=name, slice=1.0)
    workplace.runtime.idle = 0.5
    register(workplace, Count(redis))
    while not redis.exists("over"):
        workplace.work()


@contextmanager
def workers(url: str, **registers: Register) -> Iterator[Sequence[Any]]:
    """Have a worker process for each, with handlers of its own."""
    processes = [
        _fork.Process(target=_be_worker, args=(url, name, register))
        for name, register in registers.items()
    ]
    for process in processes:
        process.start()
    try:
        yield processes
    finally:
        with connect(url) as redis:
            redis.set("over", 1)
        for process in processes:
            process.join(10)
            process.kill()


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it does not come to that"
        time.sleep(0.005)


def deliver(ledger: Ledger, count: int, *, devices: int = 12) -> None:
    Workplace(ledger).deliver_many(count, devices=devices)


def slow(limit: int | None, seconds: float = 0.05, *, is_async: bool = False) -> Register:
    """Return what registers a handler that takes so long."""

    def register(workplace: Workplace, count: Count) -> None:
        if is_async:

            @workplace.on("lock.*", name="slow", concurrency=limit)
            async def waits(event: SeamEvent) -> None:
                count.begin("slow")
                await asyncio.sleep(seconds)
                count.end("slow")

        else:

            @workplace.on("lock.*", name="slow", concurrency=limit)
            def sleeps(event: SeamEvent) -> None:
                count.begin("slow")
                time.sleep(seconds)
                count.end("slow")

    return register


def with_another(register: Register) -> Register:
    """Register another async handler beside it."""

    def both(workplace: Workplace, count: Count) -> None:
        register(workplace, count)

        @workplace.on("lock.*", name="quick")
        async def quick(event: SeamEvent) -> None:
            count.begin("quick")
            count.end("quick")

    return both


@pytest.mark.parametrize("is_async", [True, False])
def test_no_more_are_at_work_and_all_are_done_in_the_end(
    redis_url: str, ledger: Ledger, is_async: bool
) -> None:
    register = slow(3 if is_async else 1, is_async=is_async)
    count = Count(ledger.redis)
    deliver(ledger, 60)
    with workers(redis_url, one=register, two=register):
        wait_until(lambda: count.done("slow") == 60)
    assert count.at_a_time("slow") == (3 if is_async else 1)
    assert not ledger.redis.exists(f"{keys.PREFIX}working:slow")


def test_a_worker_takes_no_place_for_mail_that_it_does_not_run_yet(
    redis_url: str, ledger: Ledger
) -> None:
    count = Count(ledger.redis)
    with workers(redis_url, one=slow(2), two=slow(2)):
        wait_until(lambda: ledger.redis.hlen(keys.WORKERS) == 2)
        deliver(ledger, 40, devices=40)
        wait_until(lambda: count.done("slow") == 40)
    assert count.at_a_time("slow") == 2
    assert len(count.workers("slow")) == 2
    assert count.begun_beside("slow") > 10


@pytest.mark.parametrize("is_async", [True, False])
def test_another_handler_is_not_held_up(redis_url: str, ledger: Ledger, is_async: bool) -> None:
    register = with_another(slow(1, 0.3, is_async=is_async))
    count = Count(ledger.redis)
    deliver(ledger, 40)
    with workers(redis_url, one=register, two=register):
        wait_until(lambda: count.done("quick") == 40, 5)
        assert count.done("slow") < 20
        assert count.at_a_time("slow") == 1


def test_the_places_of_a_worker_that_dies_are_free(redis_url: str, ledger: Ledger) -> None:
    count = Count(ledger.redis)
    deliver(ledger, 12)
    with workers(redis_url, one=slow(1, 30)) as [process]:
        wait_until(lambda: bool(count.workers("slow")))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        ledger.redis.delete("slow:now")
        with workers(redis_url, two=slow(1, 0.01)):
            wait_until(lambda: ledger.redis.hlen(keys.WORKERS) == 2)
            assert count.done("slow") == 0
            ledger.sweep(queues=queue_keys(), alive=["two"], dead={"one": ""})
            wait_until(lambda: count.done("slow") == 12)


def test_a_deploy_that_brings_a_limit_counts_what_is_at_work_already(
    redis_url: str, ledger: Ledger
) -> None:
    count = Count(ledger.redis)
    with workers(redis_url, old=slow(None, 1.0, is_async=True)):
        wait_until(lambda: ledger.redis.hlen(keys.WORKERS) == 1)
        deliver(ledger, 4, devices=4)
        wait_until(lambda: count.running("slow") == 4)
        with workers(redis_url, new=slow(2, 0.05, is_async=True)):
            wait_until(lambda: ledger.redis.hlen(keys.WORKERS) == 2)
            ledger.accept([_unlocked(f"d{number}") for number in range(4, 12)])
            wait_until(lambda: count.done("slow") == 12)
    assert count.at_a_time("slow") == 4


def test_a_deploy_that_takes_a_limit_away_lets_more_be_at_work_when_the_old_ones_are_gone(
    redis_url: str, ledger: Ledger
) -> None:
    count = Count(ledger.redis)
    with workers(redis_url, old=slow(1, 0.1, is_async=True)) as [process]:
        wait_until(lambda: ledger.redis.hlen(keys.WORKERS) == 1)
        deliver(ledger, 40)
        wait_until(lambda: bool(count.workers("slow")))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    ledger.redis.delete("over", "slow:now")
    with workers(redis_url, new=slow(None, 0.1, is_async=True)):
        wait_until(lambda: ledger.redis.hlen(keys.WORKERS) == 2)
        assert count.at_a_time("slow") == 1
        ledger.sweep(queues=queue_keys(), alive=["new"], dead={"old": ""})
        wait_until(lambda: count.at_a_time("slow") > 4)
        wait_until(lambda: ledger.redis.llen(keys.ready("slow")) == 0)
    assert not ledger.redis.exists(f"{keys.PREFIX}working:slow")


def _unlocked(device: str) -> Arrival:
    event_id = f"of_{device}"
    body = json.dumps({"event_id": event_id, "event_type": "lock.unlocked"}).encode()
    return Arrival(f"msg_{event_id}", event_id, "lock.unlocked", f"device:{device}", body)
