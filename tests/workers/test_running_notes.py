"""What a worker notes of what it runs, so that its pool knows under which entry it died."""

import asyncio
import os
import threading
from collections.abc import Callable

import pytest

from bellhop import SeamEvent
from bellhop_workers.running_notes import Note, RunningNotes
from tests.workers.conftest import Workplace

ENTRY = b"e1 alarm"


def test_a_note_says_what_was_written_until_it_is_cleared() -> None:
    note = Note()
    assert note.read() == ""
    note.write(b"e1 alarm")
    assert note.read() == "e1 alarm"
    note.write(b"e2 a")
    assert note.read() == "e2 a"
    note.clear()
    assert note.read() == ""


def test_what_a_child_noted_is_read_by_the_process_that_forked_it() -> None:
    notes = RunningNotes()
    child = os.fork()
    if child == 0:
        notes.main.write(b"e1 alarm")
        notes.loop.write(b"e2 bell")
        os._exit(0)
    os.waitpid(child, 0)
    assert notes.read() == ["e1 alarm", "e2 bell"]


def test_an_entry_of_the_longest_names_fits() -> None:
    note = Note()
    longest = b"e" * 800 + b" " + b"h" * 200
    note.write(longest)
    assert note.read() == longest.decode()


def test_one_that_is_too_long_blames_nobody_else() -> None:
    note = Note()
    note.write(b"x" * 5000)
    assert note.read() == ""


def noted(workplace: Workplace) -> list[str]:
    return workplace.runtime.running_notes.read()


def test_while_a_sync_handler_runs_its_entry_is_noted(workplace: Workplace) -> None:
    seen: list[tuple[list[str], str]] = []

    def look(name: str) -> Callable[[SeamEvent], None]:
        return lambda event: seen.append((noted(workplace), f"{event.event_id} {name}"))

    for name in ("one", "two"):
        workplace.on("*", name=name)(look(name))
    for number in range(3):
        workplace.deliver(device=f"d{number}")
    workplace.work()
    assert len(seen) == 6
    assert all(told == [entry] for told, entry in seen)
    assert noted(workplace) == []


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), KeyboardInterrupt()])
@pytest.mark.parametrize("is_async", [False, True])
def test_nothing_is_noted_when_a_handler_has_failed(
    workplace: Workplace, error: BaseException, is_async: bool
) -> None:
    def fails(event: SeamEvent) -> None:
        raise error

    async def fails_async(event: SeamEvent) -> None:
        raise error

    workplace.on("*")(fails_async if is_async else fails)
    workplace.deliver()
    workplace.work()
    assert noted(workplace) == []


def test_of_async_handlers_that_run_at_a_time_each_is_noted_in_its_own_steps(
    workplace: Workplace,
) -> None:
    seen: list[tuple[list[str], str]] = []

    @workplace.on("*", name="steps")
    async def steps(event: SeamEvent) -> None:
        for _ in range(5):
            seen.append((noted(workplace), f"{event.event_id} steps"))
            await asyncio.sleep(0)

    for number in range(4):
        workplace.deliver(device=f"d{number}")
    workplace.work()
    assert len(seen) == 20
    assert all(told == [entry] for told, entry in seen)
    assert noted(workplace) == []


def test_an_async_handler_is_noted_while_its_where_looks_at_the_event(
    workplace: Workplace,
) -> None:
    seen: list[list[str]] = []

    def where(event: SeamEvent) -> bool:
        seen.append(noted(workplace))
        return event.event_id == "e1"

    @workplace.on("*", name="picky", where=where)
    async def picky(event: SeamEvent) -> None:
        seen.append(noted(workplace))

    for _ in range(2):
        workplace.deliver()
    workplace.work()
    assert seen == [["e1 picky"], ["e1 picky"], ["e2 picky"]]
    assert noted(workplace) == []


def test_while_all_async_handlers_wait_nothing_is_noted(workplace: Workplace) -> None:
    between: list[list[str]] = []

    @workplace.on("*")
    async def waits(event: SeamEvent) -> None:
        loop = asyncio.get_running_loop()
        ready = loop.create_future()

        def look() -> None:
            between.append(noted(workplace))
            ready.set_result(None)

        loop.call_soon(look)
        await ready

    workplace.deliver()
    workplace.work()
    assert between == [[]]


def test_a_sync_and_an_async_handler_that_run_at_a_time_are_both_noted(
    workplace: Workplace,
) -> None:
    seen: list[list[str]] = []
    both = threading.Barrier(2, timeout=30)

    def look(event: SeamEvent) -> None:
        both.wait()
        seen.append(noted(workplace))
        both.wait()

    async def look_async(event: SeamEvent) -> None:
        look(event)

    workplace.on("*", name="sync")(look)
    workplace.on("*", name="async")(look_async)
    event_id = workplace.deliver()
    workplace.work()
    assert seen == [[f"{event_id} sync", f"{event_id} async"]] * 2


def test_an_async_handler_is_noted_while_it_cleans_up_after_its_timeout(
    workplace: Workplace,
) -> None:
    seen: list[list[str]] = []

    @workplace.on("*", name="hangs", timeout=0.05)
    async def hangs(event: SeamEvent) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append(noted(workplace))
            await asyncio.sleep(0)
            seen.append(noted(workplace))

    event_id = workplace.deliver()
    workplace.work()
    assert seen == [[f"{event_id} hangs"]] * 2
    assert noted(workplace) == []
