"""On an event loop, a handler ends as it would without being noted."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import pytest

from bellhop_workers.running_notes import Note, Noted
from tests.workers.noted import ENTRY, awaiting, told


async def returns() -> str:
    await asyncio.sleep(0)
    return "done"


async def raises() -> None:
    await asyncio.sleep(0)
    raise LookupError("no such door")


async def times_out() -> None:
    async with asyncio.timeout(0.01):
        await asyncio.sleep(60)


async def survives_its_timeout() -> str:
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)
    except TimeoutError:
        await asyncio.sleep(0)
    return "went on"


async def cancels_itself() -> None:
    task = asyncio.current_task()
    assert task
    task.cancel("enough")
    await asyncio.sleep(60)


async def swallows_its_cancellation() -> int:
    task = asyncio.current_task()
    assert task
    task.cancel()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        task.uncancel()
    await asyncio.sleep(0)
    return task.cancelling()


async def waits_for_tasks() -> Sequence[str]:
    return await asyncio.gather(
        returns(), asyncio.create_task(returns()), asyncio.shield(returns())
    )


async def has_a_group_that_fails() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(raises())
        await asyncio.sleep(60)


async def waits_in_a_thread() -> str:
    return await asyncio.to_thread(lambda: "from a thread")


async def is_cancelled_by_a_task_that_it_made() -> None:
    task = asyncio.current_task()
    assert task

    async def cancel() -> None:
        task.cancel("by another")

    other = asyncio.create_task(cancel())
    try:
        await asyncio.sleep(60)
    finally:
        await other


async def cleans_up_for_long() -> None:
    try:
        await cancels_itself()
    finally:
        for _ in range(3):
            await asyncio.sleep(0)


async def raises_while_it_cleans_up() -> None:
    try:
        await cancels_itself()
    finally:
        raise OSError("the pool is closed")


async def never_waits() -> str:
    return "at once"


async def is_told_nothing_of_a_lock() -> str:
    lock = asyncio.Lock()
    async with lock:
        waiting = asyncio.create_task(lock.acquire())
        await asyncio.sleep(0)
    return str(await waiting)


@pytest.mark.parametrize(
    "function",
    [
        returns,
        raises,
        times_out,
        survives_its_timeout,
        cancels_itself,
        swallows_its_cancellation,
        waits_for_tasks,
        has_a_group_that_fails,
        waits_in_a_thread,
        is_cancelled_by_a_task_that_it_made,
        cleans_up_for_long,
        raises_while_it_cleans_up,
        never_waits,
        is_told_nothing_of_a_lock,
    ],
    ids=lambda function: function.__name__,
)
def test_on_an_event_loop_it_ends_as_it_would_without_being_noted(
    function: Callable[[], Coroutine[Any, Any, Any]],
) -> None:
    def outcome(wrap: Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            task = asyncio.create_task(awaiting(wrap(function())))
            await asyncio.wait([task])
            if task.cancelled():
                return "cancelled", task.cancelling()
            error = task.exception()
            return told(error) if error else task.result(), task.cancelling()

        return asyncio.run(main())

    note = Note()
    assert outcome(lambda coroutine: Noted(coroutine, ENTRY, note)) == outcome(
        lambda coroutine: coroutine
    )
    assert note.read() == ""
