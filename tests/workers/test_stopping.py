"""A worker that must stop before its handlers are through: what it gives back, and what goes on."""

import asyncio
import math
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from redis import Redis

from bellhop import SeamEvent
from bellhop.ledger import keys
from bellhop_workers import alarm
from bellhop_workers.deadlines import Deadlines
from bellhop_workers.shift import Shift
from tests.system.conftest import eventually
from tests.workers.conftest import Workplace


def work_until_stopped(workplace: Workplace) -> None:
    """Do a shift that is interrupted. On a busy machine that may take a while, and we live on."""
    Shift(workplace.runtime, patience=120).run()


def hang() -> None:
    """Sleep, by short naps: a signal that comes in the moment before one is seen after it."""
    while True:
        time.sleep(0.01)


@pytest.fixture
def next_worker(workplace: Workplace) -> Workplace:
    """A worker with the same handlers and the same ledger, that nobody asked to stop."""
    return workplace.next_worker()


@pytest.fixture
def stop_soon(workplace: Workplace) -> Iterator[threading.Event]:
    """Once it is set: the worker is asked to stop, by a signal, and has no time left."""
    begun = threading.Event()

    def ask(_number: int, _frame: object) -> None:
        workplace.runtime.stopping = True
        workplace.runtime.deadlines.stop_by(time.monotonic())
        alarm.hasten(workplace.runtime.deadlines.stop)

    def watch() -> None:
        if begun.wait(60):
            os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, ask)
    watcher = threading.Thread(target=watch)
    watcher.start()
    yield begun
    begun.set()
    watcher.join()
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("is_async", [False, True])
def test_what_is_not_through_in_time_is_run_again_by_the_next_worker(
    workplace: Workplace,
    next_worker: Workplace,
    stop_soon: threading.Event,
    redis: Redis,
    is_async: bool,
) -> None:
    ran: list[str] = []

    async def hangs_async(event: SeamEvent) -> None:
        ran.append(event.event_id)
        if not stop_soon.is_set():
            stop_soon.set()
            await asyncio.sleep(60)

    def hangs(event: SeamEvent) -> None:
        ran.append(event.event_id)
        if not stop_soon.is_set():
            stop_soon.set()
            hang()

    handler = workplace.on("lock.*", name="hangs")(hangs_async if is_async else hangs)
    begun, behind = workplace.deliver(), workplace.deliver()
    workplace.runtime.subscribe()
    work_until_stopped(workplace)

    assert ran == [begun]
    assert workplace.ready("hangs") == ["device:front"]
    assert workplace.suspects("hangs") == []
    assert redis.zcard(keys.LEASES) == 0

    next_worker.work()

    assert ran[1:] == [begun, behind]
    assert len(workplace.record(begun, handler)["attempts"]) == 1
    assert [workplace.state(one) for one in (begun, behind)] == ["done", "done"]


def test_a_stop_leaves_the_other_handlers_of_the_event_alone(
    workplace: Workplace, next_worker: Workplace, stop_soon: threading.Event
) -> None:
    ran: list[str] = []

    @workplace.on("lock.*", name="hangs")
    async def hangs(event: SeamEvent) -> None:
        ran.append("hangs")
        if not stop_soon.is_set():
            while workplace.record(event_id, first)["state"] != "done":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            stop_soon.set()
            await asyncio.sleep(60)

    @workplace.on("lock.*", name="first")
    def first(event: SeamEvent) -> None:
        ran.append("first")

    event_id = workplace.deliver()
    workplace.runtime.subscribe()
    work_until_stopped(workplace)
    next_worker.work()

    assert sorted(ran) == ["first", "hangs", "hangs"]
    assert workplace.state(event_id) == "done"


def test_mail_that_is_given_back_so_is_in_front_and_what_was_finished_is_written(
    workplace: Workplace, stop_soon: threading.Event
) -> None:
    @workplace.on("lock.*", name="hangs")
    def hangs_at_the_third(event: SeamEvent) -> None:
        if event.event_id == third:
            workplace.deliver(device="later")
            stop_soon.set()
            hang()

    first, second, third = (workplace.deliver() for _ in range(3))
    workplace.runtime.subscribe()
    work_until_stopped(workplace)

    assert [workplace.state(one) for one in (first, second, third)] == ["done", "done", "accepted"]
    assert workplace.ready("hangs") == ["device:front", "device:later"]


def test_a_retry_that_is_interrupted_by_a_stop_costs_no_attempt(
    workplace: Workplace, next_worker: Workplace, stop_soon: threading.Event
) -> None:
    runs: list[str] = []

    @workplace.on("lock.*", attempts=2)
    def fails_then_hangs(event: SeamEvent) -> None:
        runs.append(event.event_id)
        if len(runs) == 1:
            raise RuntimeError
        if len(runs) == 2:
            stop_soon.set()
            hang()

    event_id = workplace.deliver()
    workplace.work()
    workplace.later()
    work_until_stopped(workplace)
    next_worker.work()

    assert runs == [event_id] * 3
    assert workplace.state(event_id) == "done"
    assert len(workplace.record(event_id, fails_then_hangs)["attempts"]) == 2


def test_a_timeout_that_has_nothing_to_do_with_the_stop_is_a_failure(
    workplace: Workplace,
) -> None:
    @workplace.on("lock.*", timeout=0.1)
    def hangs(event: SeamEvent) -> None:
        workplace.runtime.stopping = True
        workplace.runtime.deadlines.stop_by(time.monotonic() + 60)
        time.sleep(60)

    event_id = workplace.deliver()
    workplace.work()

    assert "timeout" in workplace.record(event_id, hangs)["error"]


def test_a_worker_that_no_signal_reaches_takes_no_more_mail_once_it_is_to_stop(
    workplace: Workplace,
) -> None:
    """While C code runs in the main thread, only what its pool wrote into memory tells it."""
    ran: list[str] = []
    runtime = workplace.runtime

    @workplace.on("device.*", timeout=30)
    def blocks(event: SeamEvent) -> None:
        ran.append("blocks")
        runtime.deadlines.stop_by(time.monotonic() + 3600)
        workplace.deliver()
        eventually(lambda: runtime.ledger._settles == 2, "the keeper has settled twice")
        runtime.stopping = True

    @workplace.on("lock.*", name="later")
    async def later(event: SeamEvent) -> None:
        ran.append("later")

    workplace.deliver("device.connected")
    workplace.work()

    assert ran == ["blocks"]
    assert workplace.ready("later") == ["device:front"]


def test_deadlines_are_seen_by_the_process_that_forked() -> None:
    deadlines = Deadlines()
    assert (deadlines.handlers, deadlines.stop) == (math.inf, math.inf)

    child = os.fork()
    if child == 0:
        deadlines.set_main(30.0)
        deadlines.set_loop(20.0)
        deadlines.stop_by(10.0)
        deadlines.stop_by(11.0)
        os._exit(0)
    os.waitpid(child, 0)

    assert (deadlines.handlers, deadlines.stop) == (20.0, 10.0)


def test_the_first_of_many_async_handlers_counts_for_the_pool(workplace: Workplace) -> None:
    seen: list[float] = []
    all_run, quick_is_through = asyncio.Barrier(3), asyncio.Event()
    slow_has_looked = asyncio.Event()

    async def look() -> None:
        """Note the deadline, once it is no longer that of starting the keeper's thread."""
        while workplace.runtime.deadlines.handlers < before + 15:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        seen.append(workplace.runtime.deadlines.handlers)

    @workplace.on("lock.*", timeout=40)
    async def slow(event: SeamEvent) -> None:
        await all_run.wait()
        await quick_is_through.wait()
        while len(workplace.runtime.loop.under_way()) == 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await look()
        slow_has_looked.set()

    @workplace.on("lock.*", timeout=20)
    async def quick(event: SeamEvent) -> None:
        await all_run.wait()
        await look()
        quick_is_through.set()

    @workplace.on("lock.*", timeout=900)
    async def slower(event: SeamEvent) -> None:
        await all_run.wait()
        await slow_has_looked.wait()

    workplace.deliver()
    before = time.monotonic()
    workplace.work()

    for deadline, timeout in zip(seen, (20, 40), strict=True):
        assert before + timeout + 5 <= deadline <= time.monotonic() + timeout + 5
    assert workplace.runtime.deadlines.handlers == math.inf
