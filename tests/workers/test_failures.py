"""What becomes of an event whose handler fails, and of the handlers beside it."""

import asyncio
import json
import time
from datetime import timedelta
from traceback import FrameSummary, StackSummary, walk_stack

import pytest

from bellhop import Context, Drop, Retry, SeamEvent
from bellhop.ledger import DeadLetters, keys
from tests.workers.conftest import Workplace


def test_a_handler_that_fails_is_tried_again_when_its_time_has_come(workplace: Workplace) -> None:
    ran: list[int] = []

    @workplace.on("lock.*")
    def fails_once(event: SeamEvent, context: Context) -> None:
        ran.append(context.attempt)
        if context.attempt == 1:
            raise RuntimeError("the lock is offline")

    event_id = workplace.deliver()
    workplace.work()
    assert ran == [1]
    assert workplace.state(event_id) == "retrying"
    assert "RuntimeError: the lock is offline" in workplace.record(event_id, fails_once)["error"]

    workplace.work()
    assert ran == [1]  # not due yet

    workplace.later()
    workplace.work()
    assert ran == [1, 2]
    assert workplace.state(event_id) == "done"
    assert len(workplace.record(event_id, fails_once)["attempts"]) == 2


def test_a_handler_that_used_up_its_attempts_leaves_a_dead_letter(workplace: Workplace) -> None:
    @workplace.on("lock.*", attempts=2, name="hopeless")
    def hopeless(event: SeamEvent) -> None:
        raise ValueError("never works")

    event_id = workplace.deliver()
    for _ in range(5):
        workplace.work()
        workplace.later()

    assert workplace.ledger.redis.zrange(keys.DEAD, 0, -1) == [f"{event_id} hopeless".encode()]
    assert workplace.state(event_id) == "dead"
    assert [error for *_, error in workplace.record(event_id, hopeless)["attempts"]] == [
        "ValueError: never works"
    ] * 2
    assert workplace.ledger.redis.ttl(keys.event(event_id)) == -1  # kept until dealt with


def test_the_first_retry_comes_after_about_five_seconds(workplace: Workplace) -> None:
    @workplace.on("lock.*")
    def fails(event: SeamEvent) -> None:
        raise RuntimeError

    workplace.deliver()
    before = time.time()
    workplace.work()

    assert before + 3.75 <= workplace.due() <= time.time() + 5


@pytest.mark.parametrize("after", [90, 90.0, timedelta(seconds=90)])
def test_retry_comes_back_when_it_says(workplace: Workplace, after: float | timedelta) -> None:
    @workplace.on("lock.*")
    def waits(event: SeamEvent) -> None:
        raise Retry("the door is open", after=after)

    event_id = workplace.deliver()
    before = time.time()
    workplace.work()

    assert before + 90 - 0.001 <= workplace.due() <= time.time() + 90.001
    assert workplace.record(event_id, waits)["error"] == "the door is open"


def test_drop_ends_it_and_keeps_the_reason(workplace: Workplace) -> None:
    @workplace.on("lock.*")
    def drops(event: SeamEvent) -> None:
        raise Drop("not our door")

    event_id = workplace.deliver()
    workplace.work()

    assert workplace.state(event_id) == "done"
    assert workplace.record(event_id, drops)["state"] == "dropped"
    assert workplace.record(event_id, drops)["error"] == "not our door"


def test_door_codes_are_not_in_the_record_of_a_failure(workplace: Workplace) -> None:
    @workplace.on("access_code.set_on_device")
    def fails(event: SeamEvent) -> None:
        raise ValueError(f"cannot use {event.code}")  # type: ignore[attr-defined]

    event_id = workplace.deliver("access_code.set_on_device", access_code_id="ac", code="739155")
    workplace.work()

    record = json.dumps(workplace.record(event_id, fails), ensure_ascii=False)
    assert "739155" not in record
    assert "cannot use ••••" in record


def test_a_retry_of_a_handler_that_no_worker_has_waits_for_one_that_has_it(
    workplace: Workplace,
) -> None:
    seen: list[int] = []

    @workplace.on("lock.*", name="absent")
    def absent(event: SeamEvent, context: Context) -> None:
        seen.append(context.attempt)
        if context.attempt == 1:
            raise RuntimeError

    event_id = workplace.deliver()
    workplace.work()
    other = Workplace(workplace.ledger, "other")
    other.on("lock.*", name="other")(lambda event: None)
    workplace.later()
    other.work()
    assert seen == [1]
    assert workplace.state(event_id) == "retrying"

    workplace.work()
    assert seen == [1, 2]
    assert workplace.state(event_id) == "done"


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        asyncio.CancelledError(),
        ValueError("a cut \ud83d emoji"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_handler_raises_is_its_own_failure_and_nobody_elses(
    workplace: Workplace, is_async: bool, error: BaseException
) -> None:
    def fails(event: SeamEvent) -> None:
        raise error

    async def fails_async(event: SeamEvent) -> None:
        raise error

    @workplace.on("lock.*")
    def works(event: SeamEvent) -> None: ...

    handler = workplace.on("lock.*")(fails_async if is_async else fails)
    event_id = workplace.deliver(device="a")
    other = workplace.deliver(device="b")
    workplace.work()

    assert workplace.record(event_id, works)["state"] == "done"
    assert workplace.record(other, works)["state"] == "done"
    assert workplace.record(event_id, handler)["state"] == "retrying"
    assert type(error).__name__ in workplace.record(event_id, handler)["error"]


def test_a_task_that_leaves_the_event_loop_does_not_end_it(workplace: Workplace) -> None:
    tasks: list[asyncio.Task[None]] = []

    async def leaves() -> None:
        raise SystemExit

    @workplace.on("lock.*", attempts=1)
    async def handler(event: SeamEvent) -> None:
        if not tasks:
            tasks.append(asyncio.create_task(leaves()))
            await asyncio.sleep(0.05)

    first, second = workplace.deliver(device="a"), workplace.deliver(device="b")
    workplace.work()
    third = workplace.deliver(device="c")
    workplace.work()

    assert [workplace.state(one) for one in (first, second, third)] == ["done"] * 3
    with pytest.raises(SystemExit):
        tasks[0].result()


def test_a_record_that_cannot_be_read_is_a_dead_letter_of_each_handler_and_stops_no_other(
    workplace: Workplace,
) -> None:
    workplace.on("lock.*", name="sync")(lambda event: None)

    @workplace.on("lock.*", name="async")
    async def later(event: SeamEvent) -> None: ...

    broken, fine = workplace.deliver(device="a"), workplace.deliver(device="b")
    workplace.ledger.redis.hset(keys.event(broken), "body", "no longer JSON")
    workplace.work()

    letters = {(letter.event_id, letter.handler) for letter in DeadLetters(workplace.ledger.redis)}
    assert letters == {(broken, "async"), (broken, "sync")}
    assert (workplace.state(broken), workplace.state(fine)) == ("dead", "done")


def test_no_frame_of_ours_above_a_handler_shows_a_door_code(workplace: Workplace) -> None:
    frames: list[FrameSummary] = []

    def look() -> None:
        frames.extend(StackSummary.extract(walk_stack(None), capture_locals=True))

    @workplace.on("access_code.*")
    def blocking(event: SeamEvent) -> None:
        look()

    @workplace.on("access_code.*")
    async def awaited(event: SeamEvent) -> None:
        look()

    workplace.deliver("access_code.set_on_device", access_code_id="c1", code="739154826")
    workplace.work()
    ours = [frame for frame in frames if "/workers/" in frame.filename]
    assert {"run_sync", "_await", "blocking", "awaited"} <= {frame.name for frame in ours}
    assert "739154826" not in str([frame.locals for frame in ours])
