"""Whoever waits for an action attempt hears of its end."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from bellhop import (
    ActionAttemptFailedError,
    ActionAttemptTimeoutError,
    ActionAttemptUnknownStatusError,
    BellhopError,
    listening,
    wait_for_action_attempt,
    wait_for_action_attempt_sync,
)
from bellhop.listening import listen
from bellhop.redis_url import InvalidRedisUrl
from bellhop.settings import InvalidSettings
from tests.bellhop.waits import Way, both_ways, wait_in_loop
from tests.slack import slack
from tests.system.conftest import eventually
from tests.told import FAILED, UNLOCKED, Told


@both_ways
def test_what_has_ended_already_is_returned_at_once(wait: Way, told: Told) -> None:
    told.hear(UNLOCKED)
    attempt = wait("a1")
    assert (attempt.action_attempt_id, attempt.action_type) == ("a1", "UNLOCK_DOOR")
    assert attempt.succeeded


@both_ways
def test_what_ends_later_is_returned_then(
    wait: Way, told: Told, in_thread: ThreadPoolExecutor
) -> None:
    waits = in_thread.submit(wait, "a1")
    told.hear("lock.unlocked", action_attempt_id="a1")
    told.hear(UNLOCKED, action_attempt_id="other")
    time.sleep(0.3)
    assert not waits.done()
    told.hear(UNLOCKED)
    assert waits.result(10).succeeded


@both_ways
def test_a_failure_is_raised_with_the_attempt(wait: Way, told: Told) -> None:
    told.hear(FAILED)
    with pytest.raises(ActionAttemptFailedError) as caught:
        wait("a1")
    error = caught.value
    assert error.action_attempt.failed
    assert error.code == "unknown_error"
    assert str(error) == "action attempt a1 (UNLOCK_DOOR) failed: why is not known here"


@both_ways
@pytest.mark.parametrize("timeout", [0.3, timedelta(seconds=0.3)])
def test_the_time_limit_is_raised_with_what_is_known(
    wait: Way, timeout: float | timedelta, told: Told
) -> None:
    told.hear("lock.unlocked")
    wait_for_known("a1")
    began = time.monotonic()
    with pytest.raises(ActionAttemptTimeoutError) as caught:
        wait("a1", timeout=timeout)
    assert 0.25 < time.monotonic() - began < 3 + slack()
    assert caught.value.action_attempt.is_pending
    assert str(caught.value) == "action attempt a1 did not end within 0.3 s"
    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value, BellhopError)


def wait_for_known(action_attempt_id: str) -> None:
    """See that the listener is at work."""
    with pytest.raises(ActionAttemptTimeoutError):
        wait_for_action_attempt_sync(action_attempt_id, timeout=0.5)


@both_ways
def test_an_end_that_nobody_knows_is_raised_as_such(wait: Way, told: Told) -> None:
    told.hear(UNLOCKED, event_type="action_attempt.unlock_door.cancelled", status="cancelled")
    with pytest.raises(ActionAttemptUnknownStatusError) as caught:
        wait("a1")
    assert caught.value.status == "cancelled"
    assert caught.value.action_attempt.status == "cancelled"


def test_who_stops_waiting_leaves_nothing_behind(told: Told) -> None:
    async def give_up() -> None:
        waits = asyncio.create_task(wait_for_action_attempt("a1"))
        await asyncio.sleep(0.2)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        told.hear(UNLOCKED)
        assert (await wait_for_action_attempt("a1")).succeeded

    asyncio.run(give_up())
    [listener] = listening._listeners.values()
    eventually(lambda: not listener._waits and not listener._all, "nobody is waited for")


# Settings and arguments


def test_the_ledger_can_be_given_by_its_url(
    told: Told, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BELLHOP_REDIS_URL")
    told.hear(UNLOCKED)
    assert wait_in_loop("a1", redis_url=redis_url).succeeded
    with pytest.raises(InvalidSettings, match="no Redis: set BELLHOP_REDIS_URL"):
        wait_in_loop("a1")
    with pytest.raises(InvalidRedisUrl):
        wait_in_loop("a1", redis_url="http://127.0.0.1")


@both_ways
def test_a_redis_that_is_away_is_named_when_the_time_is_up(
    wait: Way, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLHOP_REDIS_URL", "redis://127.0.0.1:1")
    with pytest.raises(ActionAttemptTimeoutError, match=r"within 1 s \(Redis is away: "):
        wait("a1", timeout=1)


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_what_can_be_no_id_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no id of an action attempt"):
        wait_for_action_attempt_sync(name)


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan"), timedelta(0)])
def test_a_timeout_that_is_none_is_refused(timeout: float | timedelta) -> None:
    with pytest.raises(ValueError, match="a timeout is more than 0 s"):
        wait_for_action_attempt_sync("a1", timeout=timeout)


def test_the_first_who_waits_does_not_hold_up_its_loop(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.hear(UNLOCKED)
    turns = threading.Event()

    def slow(*arguments: Any) -> Any:
        assert turns.wait(10), "the loop was held up"
        return listen(*arguments)

    monkeypatch.setattr(listening, "listen", slow)

    async def wait_beside() -> None:
        waits = asyncio.create_task(wait_for_action_attempt("a1"))
        await asyncio.sleep(0)
        turns.set()
        assert (await waits).succeeded

    asyncio.run(wait_beside())


def test_who_is_cancelled_while_it_begins_to_wait_leaves_nothing_behind(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    begins, goes_on = threading.Event(), threading.Event()
    left: list[str] = []

    class Begun:
        def leave(self) -> None:
            left.append("a1")

    def slow(*_: Any) -> Any:
        begins.set()
        assert goes_on.wait(10)
        return Begun()

    monkeypatch.setattr(listening, "listen", slow)

    async def cancelled() -> None:
        waits = asyncio.create_task(wait_for_action_attempt("a1"))
        await asyncio.to_thread(begins.wait, 10)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        goes_on.set()

    asyncio.run(cancelled())
    assert left == ["a1"]
