"""One thread on two connections serves all of a process who wait."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis

from bellhop import ActionAttempt, wait_for_action_attempt, wait_for_action_attempt_sync
from tests.bellhop.waits import wait_in_loop
from tests.system.conftest import eventually
from tests.told import UNLOCKED, Told


class Connections:
    """The connections to Redis that are made from now on."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._before = self._all()

    def __len__(self) -> int:
        return len(self._all() - self._before)

    def _all(self) -> set[str]:
        found: Any = self._redis.client_list()
        return {one["id"] for one in found}


def test_one_that_several_wait_for_is_returned_to_all(
    told: Told, in_thread: ThreadPoolExecutor
) -> None:
    both = (wait_in_loop, wait_for_action_attempt_sync)
    waits = [in_thread.submit(way, "a1") for way in both * 4]
    told.hear(UNLOCKED)
    assert all(one.result(10).succeeded for one in waits)


@pytest.mark.long
def test_thousands_wait_at_once_on_two_connections(told: Told, redis: Redis) -> None:
    count, made = 2_000, Connections(redis)

    async def wait_for_all() -> tuple[list[ActionAttempt], int]:
        waits = [
            asyncio.create_task(wait_for_action_attempt(f"a{number}", timeout=60))
            for number in range(count)
        ]
        await asyncio.sleep(1)
        meanwhile = len(made)
        await asyncio.to_thread(tell)
        return list(await asyncio.gather(*waits)), meanwhile

    def tell() -> None:
        for number in range(count):
            told.hear(UNLOCKED, action_attempt_id=f"a{number}")

    attempts, meanwhile = asyncio.run(wait_for_all())
    assert [one.action_attempt_id for one in attempts] == [f"a{number}" for number in range(count)]
    assert meanwhile == 2
    assert len(made) == 2


def test_loops_and_threads_of_a_process_share_them(
    told: Told, redis: Redis, in_thread: ThreadPoolExecutor
) -> None:
    made = Connections(redis)
    waits = [
        in_thread.submit(wait_in_loop if number % 2 else wait_for_action_attempt_sync, f"a{number}")
        for number in range(20)
    ]
    time.sleep(0.5)
    assert len(made) == 2
    for number in range(20):
        told.hear(UNLOCKED, action_attempt_id=f"a{number}")
    assert all(one.result(10).succeeded for one in waits)


def test_when_nobody_waits_any_more_the_connections_are_closed(
    told: Told, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bellhop.listener._IDLE", 0.1)
    monkeypatch.setattr("bellhop.listener._BLOCK_MS", 100)
    made = Connections(redis)
    told.hear(UNLOCKED)
    assert wait_for_action_attempt_sync("a1").succeeded
    eventually(lambda: not len(made), "they are closed")
    assert wait_for_action_attempt_sync("a1").succeeded  # and another one begins to listen


def test_a_ledger_that_was_emptied_is_followed_from_its_new_beginning(
    told: Told, redis: Redis, in_thread: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bellhop.listener._BLOCK_MS", 100)
    for _ in range(3):
        told.hear(UNLOCKED)
    assert wait_for_action_attempt_sync("a1").succeeded
    waits = in_thread.submit(wait_for_action_attempt_sync, "a2")
    redis.flushall()
    told.hear(UNLOCKED, action_attempt_id="a2")
    assert waits.result(10).succeeded
