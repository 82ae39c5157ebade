"""Hooks: what they are called about, and what becomes of the calls."""

import asyncio
import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from bellhop import Context, DeadLetter, Drop, SeamEvent
from bellhop.hooks import shown_id
from bellhop.ledger import (
    ClaimLimit,
    DeadLetters,
    keys,
)
from bellhop.queue import queue_keys
from tests.workers.conftest import Workplace
from tests.workers.hooks import (
    BROKEN,
    CLOSED,
    call_ids,
    closed,
    on_record,
    with_a_hook,
    worker,
)
from tests.workers.told import Told


def test_one_that_blocks_the_event_loop_is_named_in_the_log(workplace: Workplace) -> None:
    said = "an async handler blocks the event loop: others wait until it awaits or returns"
    lines: list[Any] = []

    @workplace.on("*", attempts=1)
    def gives_up(event: SeamEvent) -> None:
        raise ValueError

    @workplace.registry.on_dead(name="alarm", timeout=20)
    async def alarm(letter: DeadLetter) -> None:
        ends = time.monotonic() + 20
        while not any(line["event"] == said for line in lines) and time.monotonic() < ends:
            time.sleep(0.01)  # noqa: ASYNC251 - it is to block

    workplace.deliver()
    with capture_logs() as captured:
        lines = captured
        workplace.work()
    [line] = [line for line in lines if line["event"] == said]
    [call_id] = call_ids(workplace)
    assert (line["handler"], line["event_id"]) == ("alarm", shown_id(call_id))


def test_it_is_told_of_what_a_handler_gave_up(workplace: Workplace, told: Told) -> None:
    with_a_hook(workplace, told)
    event_id = workplace.deliver(method="keycode")
    workplace.work()

    [letter], [context] = told.letters, told.contexts
    [stored] = DeadLetters(workplace.ledger.redis)
    assert letter.event is not None
    assert (letter.event.event_id, letter.event.method) == (event_id, "keycode")  # type: ignore[attr-defined]
    assert (letter.event_id, letter.event_type, letter.device_id) == (
        event_id,
        "lock.unlocked",
        "front",
    )
    assert (letter.handler, letter.error, letter.attempts) == ("tell", CLOSED, 1)
    assert letter.died_at == stored.died_at
    assert (context.event, context.handler, context.attempt) == (letter.event, "alarm", 1)
    assert context.delivery_id == "msg_1"
    assert context.received_at < letter.died_at
    with capture_logs() as lines:
        context.log.info("told")
    assert (lines[0]["event_id"], lines[0]["given_up_by"]) == (event_id, "tell")


@pytest.mark.parametrize("is_async", [False, True])
def test_it_may_be_async_and_take_no_context(workplace: Workplace, is_async: bool) -> None:
    told: list[DeadLetter] = []
    with_a_hook(workplace, Told())

    async def tell_async(letter: DeadLetter) -> None:
        await asyncio.sleep(0)
        told.append(letter)

    workplace.registry.on_dead(name="own")(tell_async if is_async else told.append)
    workplace.deliver()
    workplace.work()
    assert [one.event_id for one in told] == ["e1"]
    assert on_record(workplace, "own")["state"] == "done"


def test_without_hooks_nothing_is_written(workplace: Workplace) -> None:
    workplace.on("*", attempts=1, name="tell")(lambda event: 1 / 0)
    workplace.deliver()
    workplace.ledger.accept([BROKEN])
    workplace.work()
    assert len(DeadLetters(workplace.ledger.redis)) == 1
    assert call_ids(workplace) == []
    assert "told:tell" not in workplace.ledger.event("e1")
    assert not workplace.ledger.redis.exists(f"{keys.PREFIX}calls")


def test_it_is_told_of_the_handlers_that_its_pattern_fits(workplace: Workplace, told: Told) -> None:
    with_a_hook(workplace, told, pattern="doors.*")
    for name in ("doors.audit", "doors", "doorsXaudit", "my.doors.audit"):
        workplace.on("lock.*", attempts=1, name=name)(lambda event: 1 / 0)
    workplace.deliver()
    workplace.work()
    assert [one.handler for one in told.letters] == ["doors.audit"]


def test_two_handlers_that_give_up_the_same_event_are_two_calls(
    workplace: Workplace, told: Told
) -> None:
    with_a_hook(workplace, told)
    workplace.on("*", attempts=1, name="other")(lambda event: 1 / 0)
    other = Told()
    workplace.registry.on_dead(name="second alarm".replace(" ", "-"))(other.letter)
    workplace.deliver()
    workplace.work()
    for one in (told, other):
        assert sorted((letter.handler, letter.error) for letter in one.letters) == [
            ("other", "ZeroDivisionError: division by zero"),
            ("tell", CLOSED),
        ]
    assert len(call_ids(workplace)) == 2


def test_what_is_done_dropped_or_tried_again_calls_nobody(workplace: Workplace, told: Told) -> None:
    @workplace.on("*")
    def drops(event: SeamEvent) -> None:
        raise Drop("not ours")

    workplace.on("*", name="fails")(lambda event: 1 / 0)
    workplace.on("*", name="works")(lambda event: None)
    workplace.registry.on_dead(told.letter)
    workplace.deliver()
    workplace.work()
    assert (told.letters, call_ids(workplace)) == ([], [])


def test_an_event_that_cannot_be_read_any_more_is_told_by_its_id(
    workplace: Workplace, told: Told
) -> None:
    with_a_hook(workplace, told)
    workplace.deliver()
    workplace.ledger.redis.hset(keys.event("e1"), "body", b'{"event_id": "e1"')
    workplace.work()
    [letter], [context] = told.letters, told.contexts
    assert letter.event is None
    assert context.event is None
    assert (letter.event_id, letter.event_type, letter.device_id) == (
        "e1",
        "lock.unlocked",
        "front",
    )
    assert letter.error.startswith("cannot be read any more: ")
    with capture_logs() as lines:
        context.log.info("told")
    assert lines[0]["event_id"] == "e1"


def die_under(place: Workplace, entry: str) -> None:
    """Let the worker claim what there is, and die while it runs an entry."""
    place.runtime.subscribe()
    limits = [ClaimLimit(one.name, 9, 9) for one in place.registry]
    place.ledger.claim("w", place.runtime.ledger.handlers, limits)
    place.ledger.sweep(queues=queue_keys(), dead={"w": entry})


def test_an_event_under_which_three_workers_died_is_told(workplace: Workplace, told: Told) -> None:
    with_a_hook(workplace, told)
    workplace.runtime.subscribe()
    workplace.deliver()
    for _ in range(3):
        die_under(workplace, "e1 tell")
    workplace.work()
    workplace.work()
    assert [one.error for one in told.letters] == ["worker died: 3 workers ended under it"]


def test_a_hook_under_which_three_workers_died_is_a_dead_letter(
    workplace: Workplace, told: Told
) -> None:
    with_a_hook(workplace, told)
    workplace.runtime.subscribe()
    workplace.deliver()
    worker(workplace.ledger, "other", handler=True).work()
    [call_id] = call_ids(workplace)
    for _ in range(3):
        die_under(workplace, f"{call_id} alarm")
    with capture_logs() as lines:
        workplace.work()
    assert told.letters == []
    assert [(one["handler"], one["event_id"]) for one in lines] == [("alarm", "hook:00000001")]
    letters = list(DeadLetters(workplace.ledger.redis))
    assert sorted(one.handler for one in letters) == ["alarm", "tell"]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_pool_knows_which_call_its_worker_died_under(
    workplace: Workplace, is_async: bool
) -> None:
    noted: list[str] = []
    workplace.on("*", attempts=1, name="tell")(closed)

    def alarm(letter: DeadLetter) -> None:
        noted.extend(workplace.runtime.running_notes.read())

    async def alarm_async(letter: DeadLetter) -> None:
        alarm(letter)

    workplace.registry.on_dead(name="alarm")(alarm_async if is_async else alarm)
    workplace.deliver()
    workplace.work()
    assert noted == [f"{call_ids(workplace)[0]} alarm"]


def test_a_hook_that_fails_is_tried_again_and_in_the_end_calls_nobody(
    workplace: Workplace, told: Told
) -> None:
    attempts: list[int] = []
    with_a_hook(workplace, told)

    @workplace.registry.on_dead("*", name="broken", attempts=2)
    def broken(letter: DeadLetter, context: Context) -> None:
        attempts.append(context.attempt)
        raise RuntimeError("the chat is away")

    workplace.deliver()
    for _ in range(4):
        workplace.work()
        workplace.later()

    assert attempts == [1, 2]
    assert [one.handler for one in told.letters] == ["tell"]
    [call_id] = call_ids(workplace)
    letters = {one.handler: one for one in DeadLetters(workplace.ledger.redis)}
    assert set(letters) == {"tell", "broken"}
    assert (letters["broken"].event_id, letters["broken"].summary) == (
        call_id,
        "RuntimeError: the chat is away",
    )
    assert workplace.ledger.redis.ttl(keys.event(call_id)) == -1  # kept until dealt with

    workplace.ledger.resolve([letters["broken"].tried_again()])
    mended = Workplace(workplace.ledger, worker="mended")
    mended.registry.on_dead(name="broken")(told.letter)
    mended.work()
    assert [one.handler for one in told.letters] == ["tell", "tell"]
    assert [one.handler for one in DeadLetters(workplace.ledger.redis)] == ["tell"]
