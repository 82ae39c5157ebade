"""A lifespan in a worker without its process: what it yields, and how it fails."""

import asyncio
import contextvars
import os
import resource
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog

from bellhop import Context, SeamEvent
from bellhop.errors import Terminated
from bellhop.lifespans import checked_lifespan
from bellhop_workers import lifespan_run as module
from bellhop_workers.lifespan_run import CannotOpen, LifespanRun, lifespan_run
from bellhop_workers.starting import Loaded, Starting, Step
from tests.workers.conftest import Workplace


def run_of(function: Any, workplace: Workplace) -> LifespanRun:
    return lifespan_run(checked_lifespan(function), workplace.runtime.loop)


def test_what_it_yields_is_the_state_of_every_run(workplace: Workplace) -> None:
    seen: list[object] = []

    @workplace.on("lock.unlocked")
    def sync(event: SeamEvent, context: Context) -> None:
        seen.append(context.state)

    @workplace.on("lock.unlocked")
    async def asynchronous(event: SeamEvent, context: Context) -> None:
        seen.append(context.state)

    workplace.deliver()
    workplace.work()
    assert seen == [None, None]
    workplace.registry.state = client = object()
    workplace.deliver()
    workplace.work()
    assert seen[2:] == [client, client]


def test_a_registry_without_one_opens_and_closes_nothing(workplace: Workplace) -> None:
    run = lifespan_run(None, workplace.runtime.loop)
    assert run.open() is None
    run.close()


def test_the_parts_of_an_async_one_are_one_task_beside_those_of_handlers(
    workplace: Workplace,
) -> None:
    variable = contextvars.ContextVar("variable", default="unset")
    tasks: list[object] = []
    seen: list[str] = []

    async def opened() -> AsyncIterator[str]:
        variable.set("set")
        tasks.append(asyncio.current_task())
        yield "client"
        tasks.append(asyncio.current_task())

    @workplace.on("*")
    async def handler(event: SeamEvent) -> None:
        seen.append(variable.get())
        for task in asyncio.all_tasks():  # bad manners
            task.cancel()

    run = run_of(opened, workplace)
    assert run.open() == "client"
    workplace.deliver()
    workplace.work()
    with structlog.testing.capture_logs() as lines:
        run.close()
    assert seen == ["set"]
    assert len(set(tasks)) == 1
    assert len(tasks) == 2
    assert lines == []


def fails() -> Iterator[None]:
    raise ConnectionError("the database is away")
    yield


async def fails_async() -> AsyncIterator[None]:
    raise ConnectionError("the database is away")
    yield


def exits() -> Iterator[None]:
    raise SystemExit("the database is away")
    yield


async def exits_async() -> AsyncIterator[None]:
    raise SystemExit("the database is away")
    yield


def no_yield() -> Iterator[None]:
    if threading.active_count() < 0:
        yield


async def no_yield_async() -> AsyncIterator[None]:
    if threading.active_count() < 0:
        yield


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (fails, "ConnectionError: the database is away"),
        (fails_async, "ConnectionError: the database is away"),
        (exits, "SystemExit: the database is away"),
        (exits_async, "SystemExit: the database is away"),
        (no_yield, "it ended without a `yield`"),
        (no_yield_async, "it ended without a `yield`"),
    ],
)
def test_one_that_comes_to_no_yield_cannot_open(
    function: Any, reason: str, workplace: Workplace
) -> None:
    run = run_of(function, workplace)
    with pytest.raises(CannotOpen) as caught:
        run.open()
    assert str(caught.value) == reason
    assert ("Traceback" in caught.value.text) == ("away" in reason)
    assert "lifespan_run.py" not in caught.value.text.replace(__file__, "")
    with structlog.testing.capture_logs() as lines:
        run.close()
    assert lines == []


def sleeps() -> Iterator[None]:
    time.sleep(100)
    yield


async def sleeps_async() -> AsyncIterator[None]:
    await asyncio.sleep(100)
    yield


async def blocks_the_loop() -> AsyncIterator[None]:
    time.sleep(3)  # noqa: ASYNC251 - that is the mistake
    yield


@pytest.mark.parametrize("function", [sleeps, sleeps_async, blocks_the_loop])
def test_one_that_takes_too_long_is_interrupted(
    function: Any, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_OPENING", 0.1)
    monkeypatch.setattr(module, "TO_INTERRUPT", 0.5)
    with pytest.raises(CannotOpen, match=r"took longer than 0\.1 s to come") as caught:
        run_of(function, workplace).open()
    assert ("line" in caught.value.text) == (function is not blocks_the_loop)


def fails_at_its_end() -> Iterator[None]:
    yield
    raise OSError("cannot flush")


async def fails_at_its_end_async() -> AsyncIterator[None]:
    yield
    raise OSError("cannot flush")


def yields_twice() -> Iterator[None]:
    yield
    yield


async def yields_twice_async() -> AsyncIterator[None]:
    yield
    yield


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (fails_at_its_end, "OSError: cannot flush"),
        (fails_at_its_end_async, "OSError: cannot flush"),
        (yields_twice, "it has a second `yield`: what is behind that does not run"),
        (yields_twice_async, "it has a second `yield`: what is behind that does not run"),
    ],
)
def test_what_goes_wrong_at_its_end_is_logged(
    function: Any, reason: str, workplace: Workplace
) -> None:
    run = run_of(function, workplace)
    run.open()
    with structlog.testing.capture_logs() as lines:
        run.close()
    [line] = lines
    assert (line["log_level"], line["error"]) == ("error", reason)
    assert line["lifespan"] == f"{__name__}.{function.__name__}"
    assert ("cannot flush" in line.get("exception", "")) == ("flush" in reason)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_signal_interrupts_one_that_opens_and_what_it_holds_is_closed(
    is_async: bool, workplace: Workplace
) -> None:
    closed: list[str] = []

    def opened() -> Iterator[None]:
        try:
            signal.raise_signal(signal.SIGUSR1)
            yield
        finally:
            closed.append("closed")

    async def opened_async() -> AsyncIterator[None]:
        try:
            os.kill(os.getpid(), signal.SIGUSR1)
            await asyncio.sleep(100)
            yield
        finally:
            closed.append("closed")

    def stop(_number: int, _frame: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        run = run_of(opened_async if is_async else opened, workplace)
        with pytest.raises(Terminated):
            run.open()
        run.close()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert closed == ["closed"]


def test_one_whose_task_group_fails_is_closed_and_stops_its_worker(workplace: Workplace) -> None:
    closed = threading.Event()
    stopped = threading.Event()

    async def fail() -> None:
        raise ConnectionError("the subscription is gone")

    async def opened() -> AsyncIterator[None]:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                yield
        finally:
            closed.set()

    before = signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    try:
        with structlog.testing.capture_logs() as lines:
            run = run_of(opened, workplace)
            run.open()
            assert stopped.wait(30)
            run.close()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert closed.is_set()
    failed, stops = lines
    assert "ConnectionError: the subscription is gone" in failed["error"]
    assert stops["event"].endswith("the worker stops")


def test_a_pool_with_thousands_of_open_files_starts_workers() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1_030)]
    told: list[str] = []
    try:
        loaded = Loaded()
        for _ in range(2):
            loaded.note(lambda: told.append("once"))
    finally:
        for one in files:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert told == ["once"]
    assert loaded.once()


def test_a_pool_sees_which_step_a_worker_is_at() -> None:
    starting = Starting()
    assert (starting.step, starting.name) == (Step.NOTHING, "")
    starting.begin(Step.LIFESPAN, "handlers.mine.ö" + "x" * 500)
    assert starting.step is Step.LIFESPAN
    assert starting.name.startswith("handlers.mine.öx")
    assert 0 <= starting.seconds < 60
    starting.end()
    assert starting.name == ""
