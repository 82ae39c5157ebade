"""Async handlers whose tasks are cancelled by something else than their worker."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from bellhop import SeamEvent
from bellhop_workers.shift import Shift
from tests.system.conftest import eventually
from tests.workers.conftest import Workplace

Cancel = Callable[[], None]

children: list[asyncio.Future[None]] = []


def current() -> "asyncio.Task[object]":
    task = asyncio.current_task()
    assert task
    return task


def itself() -> None:
    current().cancel()


def itself_with_a_reason() -> None:
    current().cancel("the guest left")


def itself_twice() -> None:
    current().cancel()
    current().cancel()


def every_task() -> None:
    current().cancel()
    for task in asyncio.all_tasks():
        task.cancel()


def soon() -> None:
    asyncio.get_running_loop().call_later(0.01, current().cancel)


def by_its_child() -> None:
    task = current()

    async def child() -> None:
        task.cancel()

    children.append(asyncio.ensure_future(child()))


def from_a_thread() -> None:
    loop, task = asyncio.get_running_loop(), current()
    threading.Thread(target=lambda: loop.call_soon_threadsafe(task.cancel)).start()


CANCELS = [
    itself,
    itself_with_a_reason,
    itself_twice,
    every_task,
    soon,
    by_its_child,
    from_a_thread,
]


@pytest.mark.parametrize("cancel", CANCELS, ids=lambda cancel: cancel.__name__)
def test_it_is_that_handlers_failure_and_the_others_go_on(
    workplace: Workplace, cancel: Cancel
) -> None:
    cancelled = asyncio.Event()

    @workplace.on("lock.*", name="victim")
    async def victim(event: SeamEvent) -> None:
        if event.event_id == "e2":
            cancel()
            cancelled.set()
            await asyncio.sleep(60)
        await cancelled.wait()
        await asyncio.sleep(0.02)

    @workplace.on("lock.*", name="after")
    def after(event: SeamEvent) -> None: ...

    other = workplace.deliver(device="a")
    event_id, behind = workplace.deliver(device="b"), workplace.deliver(device="b")
    workplace.work()

    record = workplace.record(event_id, victim)
    assert record["state"] == "retrying"
    assert len(record["attempts"]) == 1
    assert "CancelledError: " in record["error"]
    assert workplace.record(event_id, after)["state"] == "done"
    assert [workplace.state(one) for one in (other, behind)] == ["done", "done"]


@pytest.mark.parametrize("cancel", CANCELS, ids=lambda cancel: cancel.__name__)
def test_one_that_is_through_all_the_same_leaves_the_next_event_of_its_device_alone(
    workplace: Workplace, cancel: Cancel
) -> None:
    @workplace.on("lock.*")
    async def handler(event: SeamEvent) -> None:
        if event.event_id == "e1":
            cancel()
        else:
            await asyncio.sleep(0.03)
            assert current().cancelling() == 0
            async with asyncio.timeout(60):
                await asyncio.sleep(0)

    first, second = workplace.deliver(), workplace.deliver()
    workplace.work()
    assert [workplace.state(one) for one in (first, second)] == ["done", "done"]


def test_the_record_says_who_cancelled_it(workplace: Workplace) -> None:
    @workplace.on("lock.*")
    async def handler(event: SeamEvent) -> None:
        itself()
        await asyncio.sleep(60)

    event_id = workplace.deliver()
    workplace.work()
    [(_, _, error)] = workplace.record(event_id, handler)["attempts"]
    assert error.endswith("the handler was cancelled, by itself or by code that it uses")


class Own(BaseException):
    """An error that `except Exception` does not catch."""


@pytest.mark.parametrize(
    "error",
    [
        GeneratorExit(),
        Own("its own"),
        BaseExceptionGroup("several", [asyncio.CancelledError(), ValueError("one")]),
        BaseExceptionGroup("several", [SystemExit(3)]),
        StopIteration(),
        StopAsyncIteration(),
    ],
    ids=repr,
)
def test_whatever_leaves_a_handler_is_its_failure(
    workplace: Workplace, error: BaseException
) -> None:
    @workplace.on("lock.*", name="sync")
    def fails(event: SeamEvent) -> None:
        raise error

    @workplace.on("lock.*", name="async")
    async def fails_async(event: SeamEvent) -> None:
        await asyncio.sleep(0)
        raise error

    @workplace.on("lock.*", name="after")
    def after(event: SeamEvent) -> None: ...

    event_id = workplace.deliver()
    workplace.work()
    for handler in (fails, fails_async):
        assert workplace.record(event_id, handler)["state"] == "retrying"
    assert workplace.record(event_id, after)["state"] == "done"


def test_a_coroutine_that_is_closed_from_outside_is_a_failure(workplace: Workplace) -> None:
    tasks: list[asyncio.Task[object]] = []
    begun = asyncio.Event()

    @workplace.on("lock.*", name="closed", timeout=0.2)
    async def closed(event: SeamEvent) -> None:
        tasks.append(current())
        begun.set()
        await asyncio.sleep(1)  # which its task goes on to wait for

    @workplace.on("device.*", name="closes")
    async def closes(event: SeamEvent) -> None:
        await begun.wait()
        tasks[0].get_coro().close()

    event_id = workplace.deliver(device="a")
    other = workplace.deliver("device.connected", device="b")
    workplace.work()
    assert workplace.record(event_id, closed)["state"] == "retrying"
    assert workplace.state(other) == "done"


def test_a_handler_that_stops_the_event_loop_does_not_stop_the_others(
    workplace: Workplace,
) -> None:
    @workplace.on("lock.*")
    async def stops(event: SeamEvent) -> None:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0.01)

    events = [workplace.deliver(device=f"d{number}") for number in range(3)]
    workplace.work()
    assert {workplace.state(one) for one in events} == {"done"}


def test_a_task_factory_of_a_handlers_is_not_used_for_handlers(workplace: Workplace) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise RuntimeError("no more tasks")

    @workplace.on("lock.*")
    async def sets_it(event: SeamEvent) -> None:
        asyncio.get_running_loop().set_task_factory(broken)

    first, second = workplace.deliver(), workplace.deliver(device="another")
    workplace.work()
    assert [workplace.state(one) for one in (first, second)] == ["done", "done"]


@pytest.mark.parametrize("call", ["run", "close"])
def test_a_handler_that_runs_or_closes_the_loop_it_is_on_has_failed(
    workplace: Workplace, call: str
) -> None:
    async def nothing() -> None: ...

    @workplace.on("lock.*")
    async def handler(event: SeamEvent) -> None:
        if call == "close":
            asyncio.get_running_loop().close()
        else:
            coroutine = nothing()
            try:
                asyncio.run(coroutine)
            finally:
                coroutine.close()

    event_id, other = workplace.deliver(device="a"), workplace.deliver(device="b")
    workplace.work()
    for one in (event_id, other):
        assert "RuntimeError" in workplace.record(one, handler)["error"]


def test_one_that_is_interrupted_and_still_cleans_up_keeps_its_deadline(
    workplace: Workplace,
) -> None:
    """The next run of the same mailbox has one of its own, and takes away no other."""
    begun, go_on, over = threading.Event(), threading.Event(), threading.Event()

    @workplace.on("lock.*", timeout=50)
    async def lingers(event: SeamEvent) -> None:
        begun.set()
        if go_on.is_set():
            return
        try:
            await asyncio.sleep(60)
        finally:
            while not go_on.is_set():
                try:
                    await asyncio.sleep(0.01)
                except asyncio.CancelledError:
                    continue
            over.set()

    loop, deadlines = workplace.runtime.loop, workplace.runtime.deadlines
    workplace.deliver()
    shift = threading.Thread(target=workplace.work)
    shift.start()
    assert begun.wait(60)
    [(run, began)] = loop.under_way()
    # Until then the deadline is that of starting a thread.
    eventually(lambda: deadlines.handlers == run.deadline(began), "the keeper's thread runs")

    # As when the lease is lost: the shift ends, and another claims the mailbox.
    workplace.die()
    shift.join(60)
    assert not shift.is_alive()
    assert not over.is_set()

    begun.clear()
    workplace.runtime.subscribe()
    again = threading.Thread(target=Shift(workplace.runtime, patience=120).run)
    again.start()
    assert begun.wait(60)
    assert sorted(since for _, since in loop.under_way())[0] == began
    assert len(loop.under_way()) == 2
    eventually(lambda: deadlines.handlers == run.deadline(began), "the keeper's thread runs")

    go_on.set()
    workplace.runtime.stopping = True
    deadlines.stop_by(time.monotonic())
    again.join(60)
    assert not again.is_alive()
    assert loop.under_way() == []
    assert deadlines.handlers > time.monotonic() + 10**6
