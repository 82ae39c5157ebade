"""Errors that cannot be told, and waits that are none: always a readable record, never a crash."""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from bellhop import Drop, Retry, SeamEvent
from bellhop.ledger import DeadLetters
from bellhop_workers import outcomes
from tests.workers.conftest import Workplace


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class Exits(Exception):
    def __str__(self) -> str:
        sys.exit("no")


class MuteDrop(Drop):
    __str__ = Mute.__str__


class MuteRetry(Retry):
    __str__ = Mute.__str__


class ExitingRetry(Retry):
    def __init__(self) -> None:
        Exception.__init__(self, "later")

    def __getattribute__(self, name: str) -> Any:
        return sys.exit("no") if name == "after" else super().__getattribute__(name)


class BareRetry(Retry):
    def __init__(self) -> None:
        pass


class Unequal:
    """What can neither be compared nor be asked whether it is true."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    def __bool__(self) -> bool:
        raise RuntimeError("no")


def raises(_: object) -> Any:
    raise RuntimeError("no")


def pretends() -> Exception:
    names = ("__class__", "__traceback__", "__cause__", "__context__", "__notes__", "args")
    kind: Any = type("Pretends", (Exception,), {name: property(raises) for name in names})
    return kind()  # type: ignore[no-any-return]


def lies() -> Exception:
    liar: Any = type(
        "Liar", (type,), {"__name__": property(raises), "__module__": property(lambda _: [])}
    )
    return liar("Lies", (Exception,), {})()  # type: ignore[no-any-return]


def syntax_error() -> Exception:
    error = SyntaxError("odd")
    error.text, error.filename, error.lineno = 7, b"\xff", "x"  # type: ignore[assignment]
    error.offset = error.end_offset = "y"  # type: ignore[assignment]
    return error


def with_notes(notes: object) -> Exception:
    error = ValueError("noted")
    error.__notes__ = notes  # type: ignore[assignment]
    return error


def cycle() -> Exception:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    return first


def soon() -> Exception:
    error = Retry("later")
    error.after = "soon"  # type: ignore[assignment]
    return error


def group(error: Exception) -> Exception:
    return ExceptionGroup("outer", [ExceptionGroup("inner", [error, error])])


def deep_group() -> Exception:
    error: Exception = ValueError("deep")
    for _ in range(3_000):
        error = ExceptionGroup("g", [error])
    return error


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("make", "state", "summary"),
    [
        (Mute, "retrying", "Mute: (its message cannot be told)"),
        (Exits, "retrying", "Exits: (its message cannot be told)"),
        (MuteDrop, "dropped", "(its message cannot be told)"),
        (MuteRetry, "retrying", "(its message cannot be told)"),
        (BareRetry, "retrying", ""),
        (soon, "retrying", "later"),
        (ExitingRetry, "retrying", "later"),
        (pretends, "retrying", "Pretends"),
        (lies, "retrying", "Lies"),
        (lambda: OSError([24]), "retrying", "OSError: [24]"),
        (lambda: RuntimeError(Unequal()), "retrying", "RuntimeError: "),
        (syntax_error, "retrying", "SyntaxError: odd"),
        (cycle, "retrying", "ValueError: first"),
        (lambda: with_notes(range(10**12)), "retrying", "ValueError: noted"),
        (lambda: with_notes(Mute()), "retrying", "ValueError: noted"),
        (lambda: with_notes([Mute(), 7]), "retrying", "ValueError: noted"),
        (lambda: ValueError("x" * 10**7), "retrying", "ValueError: xxx"),
        (lambda: ValueError(*["\ud800\x00\n"] * 9), "retrying", "ValueError: ("),
        (lambda: group(Mute()), "retrying", "ExceptionGroup: outer (1 sub-exception): Exc"),
        (lambda: BaseExceptionGroup("all", [SystemExit(1)]), "retrying", "BaseExceptionGroup"),
        (deep_group, "retrying", "ExceptionGroup: g (1 sub-exception): ExceptionGroup"),
        (RecursionError, "retrying", "RecursionError"),
        (MemoryError, "retrying", "MemoryError"),
    ],
)
def test_an_error_that_cannot_be_told_leaves_a_readable_record(
    workplace: Workplace,
    is_async: bool,
    make: Callable[[], BaseException],
    state: str,
    summary: str,
) -> None:
    def fails(event: SeamEvent) -> None:
        raise make()

    async def fails_async(event: SeamEvent) -> None:
        raise make()

    handler = workplace.on("lock.*", name="bad")(fails_async if is_async else fails)
    event_id = workplace.deliver()
    workplace.work()
    record = workplace.record(event_id, handler)
    assert record["state"] == state
    assert record["attempts"][0][2].startswith(summary)
    assert record["error"]
    assert len(json.dumps(record)) < 30_000


@pytest.mark.parametrize(
    "after",
    [timedelta.max, 1e11, float("inf"), float("nan"), -1, "60", True, 10**5000, [1]],
    ids=lambda after: type(after).__name__,
)
def test_a_retry_after_what_is_no_wait_is_an_error_that_says_so(
    workplace: Workplace, after: Any
) -> None:
    @workplace.on("lock.*")
    def waits(event: SeamEvent) -> None:
        raise Retry(after=after)

    event_id = workplace.deliver()
    workplace.work()
    record = workplace.record(event_id, waits)
    assert record["attempts"][0][2].startswith("ValueError: a wait is")
    assert workplace.due() < time.time() + 6


def endless(attempt: int) -> float:
    return endless(attempt) + 1


class OddWait(timedelta):
    def total_seconds(self) -> float:
        return float("nan")


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    "plan",
    [
        lambda _: None,
        lambda _: sys.exit(1),
        lambda _: timedelta.max,
        lambda _: float("nan"),
        lambda _: -1,
        endless,
        lambda _: [][0],
        lambda _: (_ for _ in ()).throw(MemoryError),
        lambda _: (_ for _ in ()).throw(asyncio.CancelledError),
        lambda _: (_ for _ in ()).throw(Mute),
    ],
)
def test_a_backoff_that_fails_is_replaced_by_the_usual_wait(
    workplace: Workplace, plan: Any, is_async: bool
) -> None:
    def fails(event: SeamEvent) -> None:
        raise ValueError

    async def fails_async(event: SeamEvent) -> None:
        raise ValueError

    handler = workplace.on("lock.*", name="bad", backoff=plan)(fails_async if is_async else fails)
    event_id = workplace.deliver()
    began = time.time()
    workplace.work()
    assert workplace.record(event_id, handler)["state"] == "retrying"
    assert began + 3 < workplace.due() < time.time() + 6


def test_a_wait_that_lies_about_its_length_is_as_long_as_it_is(workplace: Workplace) -> None:
    @workplace.on("lock.*", backoff=lambda _: OddWait(seconds=100))
    def fails(event: SeamEvent) -> None:
        raise ValueError

    workplace.deliver()
    began = time.time()
    workplace.work()
    assert began + 90 < workplace.due() < time.time() + 101


@pytest.fixture
def hangs() -> Iterator[threading.Event]:
    released = threading.Event()
    yield released
    released.set()


@pytest.mark.parametrize("is_async", [False, True])
def test_a_backoff_that_hangs_is_left(
    workplace: Workplace,
    hangs: threading.Event,
    is_async: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outcomes, "_LONGEST_PLANNING", 0.05)

    def fails(event: SeamEvent) -> None:
        raise ValueError

    async def fails_async(event: SeamEvent) -> None:
        raise ValueError

    def plan(_: int) -> float:
        hangs.wait(60)
        return 1000

    handler = workplace.on("lock.*", name="bad", backoff=plan)(fails_async if is_async else fails)
    event_id = workplace.deliver()
    workplace.work()
    assert workplace.record(event_id, handler)["state"] == "retrying"
    assert workplace.due() < time.time() + 6


class Booking(BaseModel):
    guest: str
    nights: int


def invalid() -> None:
    Booking.model_validate({"nights": "two"})


def said(*lines: str, note: str = "") -> Callable[[], None]:
    def fails() -> None:
        error = RuntimeError("\n".join(lines))
        if note:
            error.add_note(note)
        raise error

    return fails


@pytest.mark.parametrize(
    ("fails", "summary"),
    [
        (invalid, "ValidationError: 2 validation errors for Booking"),
        (
            said("a stay exists", "[SQL: INSERT …]", "(see x)"),
            "RuntimeError: a stay exists",
        ),
        (said("no stay", note="see the runbook"), "RuntimeError: no stay"),
        (said("bad rows:", "----", "1", "----"), "RuntimeError: bad rows:"),
        (said("", "----", "the lock said no", ""), "RuntimeError: the lock said no"),
        (said(), "RuntimeError"),
    ],
)
def test_the_summary_of_an_error_is_its_class_and_its_first_line(
    workplace: Workplace, fails: Callable[[], None], summary: str
) -> None:
    @workplace.on("lock.*", attempts=1)
    def handler(event: SeamEvent) -> None:
        fails()

    workplace.deliver()
    workplace.work()
    [letter] = DeadLetters(workplace.ledger.redis)
    assert letter.summary == summary
    assert letter.record.attempts[0].error == summary


def test_the_summary_of_a_group_tells_of_the_first_error_in_it(workplace: Workplace) -> None:
    @workplace.on("lock.*", attempts=1)
    async def handler(event: SeamEvent) -> None:
        async def closed() -> None:
            raise ConnectionError("the front desk is closed")

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(closed())

    workplace.deliver()
    workplace.work()
    [letter] = DeadLetters(workplace.ledger.redis)
    assert letter.summary == (
        "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception): "
        "ConnectionError: the front desk is closed"
    )
