"""A coroutine behaves as if it were awaited itself: what it yields, returns, raises and is told."""

import asyncio
import gc
import inspect
import types
import weakref
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bellhop_workers.running_notes import Note, Noted
from tests.examples import examples
from tests.workers.noted import ENTRY, awaiting, told

# Some of what is made up ignores that it is closed.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Collect it here: no other test is to hear of it."""
    yield
    gc.collect()


@dataclass(frozen=True)
class Suspend:
    """Hand a number to the driver of the coroutine, and note what comes back."""

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
