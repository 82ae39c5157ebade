"""What a worker notes of what it runs, so that its pool knows under which entry it died."""

import asyncio
import inspect
import os
import threading
import types
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bellhop import SeamEvent
from bellhop_workers.culprits import Culprits, Note, Noted
from tests.examples import examples
from tests.workers.conftest import Workplace

ENTRY = b"e1 alarm"


# The note


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
    culprits = Culprits()
    child = os.fork()
    if child == 0:
        culprits.main.write(b"e1 alarm")
        culprits.loop.write(b"e2 bell")
        os._exit(0)
    os.waitpid(child, 0)
    assert culprits.read() == ["e1 alarm", "e2 bell"]


def test_an_entry_of_the_longest_names_fits() -> None:
    note = Note()
    longest = b"e" * 800 + b" " + b"h" * 200
    note.write(longest)
    assert note.read() == longest.decode()


def test_one_that_is_too_long_blames_nobody_else() -> None:
    note = Note()
    note.write(b"x" * 5000)
    assert note.read() == ""


# What is noted while handlers run


def noted(workplace: Workplace) -> list[str]:
    return workplace.runtime.culprits.read()


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


# A coroutine behaves as if it were awaited itself: what it yields, returns, raises and is told


@dataclass(frozen=True)
class Suspend:
    """Hand a number to whoever drives the coroutine, and note what comes back."""

    number: int


@dataclass(frozen=True)
class Raise:
    error: type[BaseException]


@dataclass(frozen=True)
class Return:
    number: int


@dataclass(frozen=True)
class Await:
    """Await another coroutine with these steps."""

    steps: tuple[Any, ...]


@dataclass(frozen=True)
class Try:
    steps: tuple[Any, ...]
    catch: type[BaseException] | None
    then: tuple[Any, ...]
    finally_: tuple[Any, ...]


Log = list[Any]

START: tuple[str, Any] = ("send", None)
CLOSE: tuple[str, Any] = ("close", None)
ERRORS = (ValueError, asyncio.CancelledError, KeyboardInterrupt, StopIteration, GeneratorExit)

_errors = st.sampled_from(ERRORS)
_plain = (
    st.builds(Suspend, st.integers(0, 9))
    | st.builds(Raise, _errors)
    | st.builds(Return, st.just(7))
)


def _nested(steps: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(steps, max_size=3).map(tuple)
    return st.builds(Await, some) | st.builds(
        Try, some, st.sampled_from([None, *ERRORS, BaseException]), some, some
    )


programs = st.lists(
    st.builds(Suspend, st.integers(0, 9)) | st.recursive(_plain, _nested, max_leaves=8), max_size=5
).map(tuple)
drives = st.lists(
    st.integers(0, 9).map(lambda number: ("send", number))
    | _errors.map(lambda error: ("throw", error))
    | st.just(CLOSE),
    max_size=8,
)


@types.coroutine
def suspend(number: int) -> Generator[int, Any, Any]:
    return (yield number)


async def run(steps: tuple[Any, ...], log: Log) -> Any:
    """Do the steps of a program, and note what happens to it."""
    for step in steps:
        match step:
            case Suspend(number):
                log.append(("came back with", await suspend(number)))
            case Raise(error):
                raise error("raised")
            case Return(number):
                return number
            case Await(inner):
                log.append(("returned", await run(inner, log)))
            case Try(inner, catch, then, finally_):
                await run_guarded(inner, catch, then, finally_, log)
    return None


async def run_guarded(
    steps: tuple[Any, ...],
    catch: type[BaseException] | None,
    then: tuple[Any, ...],
    finally_: tuple[Any, ...],
    log: Log,
) -> None:
    try:
        await run(steps, log)
    except BaseException as error:
        log.append(("met", told(error)))
        if catch is None or not isinstance(error, catch):
            raise
        await run(then, log)
    finally:
        await run(finally_, log)


def told(error: BaseException) -> Any:
    return type(error), str(error), told(error.__cause__) if error.__cause__ else None


def drive(coroutine: Coroutine[Any, Any, Any], moves: list[tuple[str, Any]], log: Log) -> None:
    """Do these moves with a coroutine, until it is through; note what comes of each."""
    for move, what in moves:
        try:
            match move:
                case "send":
                    log.append(("yielded", coroutine.send(what)))
                case "throw":
                    log.append(("yielded", coroutine.throw(what("thrown"))))
                case "close":
                    coroutine.close()
                    return
        except StopIteration as end:
            log.append(("ended with", end.value))
            return
        except BaseException as error:
            log.append(("ended by", told(error)))
            return


def end(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Close a coroutine, however often it goes on regardless."""
    while inspect.getcoroutinestate(coroutine) != inspect.CORO_CLOSED:
        with suppress(BaseException):
            coroutine.close()


async def awaiting(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


@settings(max_examples=examples(400))
@given(programs, drives)
def test_whatever_it_does_and_is_told_it_does_the_same_when_it_is_noted(
    program: tuple[Any, ...], moves: list[tuple[str, Any]]
) -> None:
    plain: Log = []
    observed: Log = []
    for coroutine, log in (
        (awaiting(run(program, plain)), plain),
        (awaiting(Noted(run(program, observed), ENTRY, Note())), observed),
    ):
        drive(coroutine, [START, *moves, CLOSE], log)
        end(coroutine)
    assert observed == plain


# Some of what is made up ignores that it is closed; when that is collected is nobody's choice.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(max_examples=examples(400))
@given(programs, drives)
def test_whatever_it_does_and_is_told_its_entry_is_noted_in_its_steps_alone(
    program: tuple[Any, ...], moves: list[tuple[str, Any]]
) -> None:
    note = Note()

    class Log(list[Any]):
        """Notes beside each step whether the entry was noted in it."""

        def append(self, what: Any) -> None:
            super().append((what[0], note.read()))

    log = Log()
    coroutine = awaiting(Noted(run(program, log), ENTRY, note))
    steps = [move for move in moves if move != CLOSE and move[1] is not GeneratorExit]
    drive(coroutine, [START, *steps], log)
    inside = {told for what, told in log if what in ("came back with", "returned", "met")}
    outside = {told for what, told in log if what not in ("came back with", "returned", "met")}
    assert inside <= {ENTRY.decode()}
    assert outside == {""}
    assert note.read() == ""
    end(coroutine)


def test_closing_one_lets_it_clean_up_and_leaves_what_is_noted_of_another() -> None:
    """A coroutine is closed when nobody refers to it any more: in the middle of another's step."""
    note = Note()
    log: Log = []
    coroutine = awaiting(
        Noted(run((Try((Suspend(1),), None, (), (Return(2),)),), log), ENTRY, note)
    )
    coroutine.send(None)
    note.write(b"e2 bell")
    coroutine.close()
    assert log == [("met", (GeneratorExit, "", None))]
    assert note.read() == "e2 bell"


@pytest.mark.parametrize(
    "wrap", [lambda one: one, lambda one: Noted(one, ENTRY, Note())], ids=["plain", "noted"]
)
def test_an_error_that_was_thrown_in_is_kept_by_nobody(wrap: Callable[[Any], Any]) -> None:
    """Else all that its frames refer to would stay until the garbage is collected."""

    class Thrown(Exception):
        pass

    coroutine = awaiting(wrap(run((Suspend(1),), [])))
    coroutine.send(None)
    error = Thrown()
    seen = weakref.ref(error)
    with suppress(Thrown):
        coroutine.throw(error)
    del error
    assert seen() is None


# On an event loop


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
