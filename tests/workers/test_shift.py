"""Whom a shift calls with its mail, in which order, and what a handler is told."""

import asyncio
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from bellhop import Context, LockEvent, LockUnlockedEvent, SeamEvent
from bellhop.ledger import keys
from bellhop.logs import configure_logs
from tests.workers.conftest import Workplace


def test_every_matching_handler_runs_and_no_other(workplace: Workplace) -> None:
    ran: list[str] = []

    @workplace.on("lock.unlocked")
    def first(event: LockUnlockedEvent) -> None:
        ran.append("first")

    @workplace.on("device.*")
    def never(event: SeamEvent) -> None:
        ran.append("never")

    @workplace.on("lock.*")
    async def second(event: SeamEvent) -> None:
        ran.append("second")

    @workplace.on("*")
    def third(event: SeamEvent) -> None:
        ran.append("third")

    event_id = workplace.deliver()
    workplace.work()

    assert sorted(ran) == ["first", "second", "third"]
    assert workplace.state(event_id) == "done"
    assert workplace.record(event_id, second)["state"] == "done"


def test_an_event_that_no_handler_matches_is_said_to_be_unhandled(workplace: Workplace) -> None:
    workplace.on("device.*")(lambda event: None)
    event_id = workplace.deliver()
    workplace.work()

    assert workplace.state(event_id) == "unhandled"
    assert not workplace.ledger.redis.keys(f"{keys.PREFIX}mail:*")


def test_a_type_that_nobody_knows_is_handled_as_what_its_name_says(workplace: Workplace) -> None:
    seen: list[SeamEvent] = []
    workplace.on("*")(seen.append)

    workplace.deliver("lock.jammed")
    workplace.deliver("lift.stuck")
    workplace.work()

    assert [type(event) for event in seen] == [LockEvent, SeamEvent]


def test_a_handler_knows_its_attempt_its_delivery_and_when_it_came(workplace: Workplace) -> None:
    contexts: list[Context] = []

    @workplace.on("lock.*")
    def keeps(event: SeamEvent, context: Context) -> None:
        contexts.append(context)

    workplace.deliver()
    workplace.work()

    [context] = contexts
    assert (context.attempt, context.delivery_id) == (1, "msg_1")
    assert abs(datetime.now(UTC) - context.received_at) < timedelta(seconds=10)
    assert context.handler.endswith("keeps")


def test_when_the_slice_is_over_mail_is_still_taken_beside_a_slow_async_handler(
    workplace: Workplace,
) -> None:
    workplace.runtime.slice = 0.0
    second_began = threading.Event()

    @workplace.on("lock.*", timeout=10)
    async def handler(event: LockEvent) -> None:
        if event.device_id == "fast":
            second_began.set()
        else:
            workplace.deliver(device="fast")
            await asyncio.to_thread(second_began.wait, 8)

    slow = workplace.deliver(device="slow")
    workplace.work()

    assert second_began.is_set()
    assert workplace.record(slow, handler)["state"] == "done"


def test_a_handlers_log_lines_show_no_door_code(
    workplace: Workplace, capsys: pytest.CaptureFixture[str]
) -> None:
    @workplace.on("access_code.*")
    def logs(event: SeamEvent, context: Context) -> None:
        context.log.info(f"set {event.code}", new=event.code)  # type: ignore[attr-defined]

    configure_logs("json", "info")
    try:
        workplace.deliver("access_code.set_on_device", access_code_id="ac", code="739155")
        workplace.work()
    finally:
        structlog.reset_defaults()

    [line] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (line["message"], line["new"]) == ("set ••••", "••••")


@pytest.mark.parametrize(("level", "told"), [("debug", ["first", "second"]), ("info", [])])
def test_each_run_that_went_well_is_told_at_debug_level_alone(
    workplace: Workplace, capsys: pytest.CaptureFixture[str], level: str, told: list[str]
) -> None:
    @workplace.on("lock.*", name="first")
    def first(event: SeamEvent) -> None:
        pass

    @workplace.on("lock.*", name="second")
    async def second(event: SeamEvent) -> None:
        pass

    configure_logs("json", level)
    try:
        event_id = workplace.deliver()
        workplace.work()
    finally:
        structlog.reset_defaults()

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    handled = [line for line in lines if line["message"] == "handled"]
    assert sorted(line["handler"] for line in handled) == told
    assert all((line["event_id"], line["attempt"]) == (event_id, 1) for line in handled)
