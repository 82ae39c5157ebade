"""A handler that returns what is yet to be run has failed: nobody would run it."""

import asyncio
import contextlib
import functools
import itertools
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from bellhop import SeamEvent
from tests.workers.conftest import Workplace


async def work() -> None:
    raise AssertionError("nobody awaits this")


def iterate() -> Iterator[None]:
    yield


async def iterate_async() -> AsyncIterator[None]:
    yield


class Awaitable:
    def __await__(self) -> Generator[None, None, None]:
        yield


def future() -> object:
    loop = asyncio.new_event_loop()
    loop.close()
    return asyncio.Future(loop=loop)


RESULTS: list[tuple[Callable[[], object], str]] = [
    (work, "a coroutine that nobody awaits"),
    (future, "a Future that nobody awaits"),
    (Awaitable, "an Awaitable that nobody awaits"),
    (iterate, "a generator that nobody iterates over"),
    (iterate_async, "an async_generator that nobody iterates over"),
    (lambda: (one for one in "ab"), "a generator that nobody iterates over"),
    (lambda: map(print, "ab"), "a map that nobody iterates over"),
    (lambda: itertools.starmap(print, ["a"]), "a starmap that nobody iterates over"),
    (lambda: zip("a", "b", strict=True), "a zip that nobody iterates over"),
    (lambda: enumerate("a"), "an enumerate that nobody iterates over"),
    (lambda: itertools.chain("a"), "a chain that nobody iterates over"),
    (lambda: itertools.islice(iterate(), 1), "an islice that nobody iterates over"),
    (lambda: [None, work(), work()], "a list with a coroutine that nobody awaits"),
    (lambda: (work(), None), "a tuple with a coroutine that nobody awaits"),
    (lambda: {"door": work()}, "a dict with a coroutine that nobody awaits"),
    (lambda: {Future()}, "a set with a Future that nobody awaits"),
    (Future, "a Future, and whether that fails would not be seen"),
    (contextlib.contextmanager(iterate), "a _GeneratorContextManager that nobody enters"),
    (lambda: work, "a function that nobody calls"),
    (lambda: functools.partial(work), "a partial that nobody calls"),
]


@pytest.mark.parametrize(("make", "problem"), RESULTS, ids=[what for _, what in RESULTS])
def test_it_is_a_failure_that_says_what_to_do(
    workplace: Workplace, make: Callable[[], object], problem: str
) -> None:
    @workplace.on("lock.*", name="sync")
    def returns(event: SeamEvent) -> object:
        return make()

    @workplace.on("lock.*", name="async")
    async def returns_async(event: SeamEvent) -> object:
        return make()

    event_id = workplace.deliver()
    workplace.work()

    for handler in (returns, returns_async):
        record = workplace.record(event_id, handler)
        assert record["state"] == "retrying"
        assert f"the handler returned {problem}" in record["error"]


def test_a_task_that_an_async_handler_returns_is_cancelled_before_it_is_tried_again(
    workplace: Workplace,
) -> None:
    tasks: list[asyncio.Task[None]] = []

    @workplace.on("lock.*")
    async def returns_a_task(event: SeamEvent) -> object:
        tasks.append(asyncio.create_task(asyncio.sleep(3600)))
        return tasks[0]

    @workplace.on("lock.*", name="later")
    async def later(event: SeamEvent) -> None:
        await asyncio.wait(tasks)

    event_id = workplace.deliver()
    workplace.work()

    assert "a Task that nobody awaits" in workplace.record(event_id, returns_a_task)["error"]
    assert tasks[0].cancelled()


def finished() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future


@pytest.mark.parametrize(
    "result", [None, 0, "done", {"a": 1}, [work], [finished()], object(), ValueError()]
)
def test_any_other_result_is_as_good_as_none(workplace: Workplace, result: Any) -> None:
    workplace.on("lock.*", name="handler")(lambda event: result)
    event_id = workplace.deliver()
    workplace.work()
    assert workplace.state(event_id) == "done"
