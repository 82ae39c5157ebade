"""Events that a handler is not called for: `max_age` and `where`."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from bellhop import Context, LockUnlockedEvent, Retry, SeamEvent
from bellhop.ledger import DeadLetters, Ledger, Query, Record
from bellhop.replaying import plan
from bellhop.vault import Vault
from tests.workers.conftest import Workplace
from tests.workers.test_replay import replay_all

KEY = "d3Vua25vd24ta2V5LW9mLTMyLWJ5dGVzLWxvbmcuLi4="
CLOSED = "the front desk is closed"


def before(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


def again(workplace: Workplace) -> None:
    workplace.later(timedelta(hours=2))
    workplace.work()


def noting(seen: list[str]) -> Callable[[SeamEvent], None]:
    def note(event: SeamEvent) -> None:
        seen.append(event.event_id)

    return note


# max_age


@pytest.mark.parametrize(
    ("times", "word"),
    [
        ({"occurred_at": 180, "created_at": 5}, "occurred"),
        ({"created_at": 180}, "was created"),
        ({}, "was accepted"),
    ],
)
def test_an_event_that_is_too_old_is_not_handled(
    workplace: Workplace, times: dict[str, float], word: str
) -> None:
    seen: list[str] = []
    old = workplace.on("*", max_age="2h")(noting(seen))
    sent = {name: before(minutes=minutes) for name, minutes in times.items()}
    workplace.deliver(ago=timedelta(minutes=5 if times else 180), **sent)
    with capture_logs() as lines:
        workplace.work()

    assert seen == []
    record = workplace.record("e1", old)
    assert (record["state"], record["attempts"]) == ("skipped", [])
    assert record["reason"].startswith(f"older than max_age=2h: it {word} at 20")
    assert workplace.state("e1") == "done"
    [line] = lines
    assert (line["log_level"], line["reason"]) == ("info", record["reason"])


@pytest.mark.parametrize(
    "times",
    [
        {"occurred_at": 60, "created_at": 180},
        {"created_at": 60},
        {"occurred_at": -60},
        {},
    ],
)
def test_a_younger_one_is(workplace: Workplace, times: dict[str, float]) -> None:
    seen: list[str] = []
    workplace.on("*", max_age=timedelta(hours=2))(noting(seen))
    sent = {name: before(minutes=minutes) for name, minutes in times.items()}
    workplace.deliver(ago=timedelta(minutes=60 if times.keys() & {"created_at"} else 0), **sent)
    workplace.work()
    assert seen == ["e1"]


@pytest.mark.parametrize("is_async", [False, True])
def test_its_age_is_looked_at_before_each_attempt(workplace: Workplace, is_async: bool) -> None:
    seen: list[int] = []

    def fails(event: SeamEvent, context: Context) -> None:
        seen.append(context.attempt)
        while time.time() - context.received_at.timestamp() < 0.3:
            time.sleep(0.01)
        raise RuntimeError("they hung up")

    async def fails_async(event: SeamEvent, context: Context) -> None:
        fails(event, context)

    handler = workplace.on("*", max_age=0.3)(fails_async if is_async else fails)
    workplace.deliver()
    workplace.work()
    again(workplace)

    assert seen == [1]
    assert workplace.state("e1") == "done"
    record = workplace.record("e1", handler)
    assert (record["state"], len(record["attempts"])) == ("skipped", 1)
    assert "error" not in record
    assert "max_age=0.3s" in record["reason"]


def test_tries_that_do_not_count_end_with_it_in_the_dead_letters(workplace: Workplace) -> None:
    seen: list[str] = []

    @workplace.on("*", max_age=0.3)
    def tell(event: SeamEvent, context: Context) -> None:
        seen.append(event.event_id)
        while time.time() - context.received_at.timestamp() < 0.3:
            time.sleep(0.01)
        raise Retry(CLOSED, counts=False)

    workplace.deliver()
    workplace.work()
    assert workplace.state("e1") == "retrying"
    with capture_logs() as lines:
        again(workplace)

    assert seen == ["e1"]
    [letter] = DeadLetters(workplace.ledger.redis)
    assert letter.summary.startswith("older than max_age=0.3s: it was accepted at 20")
    assert letter.summary.endswith(f"; the handler last said: {CLOSED}")
    assert letter.attempts == 0
    assert [line["log_level"] for line in lines] == ["error"]


def test_with_a_max_age_they_go_on_for_longer_than_a_day(workplace: Workplace) -> None:
    @workplace.on("*", max_age="7d")
    def tell(event: SeamEvent) -> None:
        raise Retry(CLOSED, counts=False)

    workplace.deliver(ago=timedelta(days=3))
    workplace.work()
    assert workplace.state("e1") == "retrying"


# where


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ({"method": "keycode"}, {"e1"}),
        ({"method": ["keycode", "card"]}, {"e1", "e3"}),
        ({"method": {"manual"}, "access_code_is_managed": True}, {"e2"}),
        ({"method": "manual", "access_code_is_managed": False}, set()),
        ({"access_code_is_managed": None}, {"e1", "e3"}),
        (lambda event: event.code == "4711", {"e1"}),
        (lambda event: event.code, {"e1"}),
        (lambda event: {"manual": [1]}.get(event.method), {"e2"}),
    ],
)
def test_a_handler_is_called_for_the_events_it_wants(
    workplace: Workplace, where: Any, wanted: set[str]
) -> None:
    seen: list[str] = []
    workplace.on("lock.unlocked", where=where)(noting(seen))
    workplace.deliver(method="keycode", code="4711")
    workplace.deliver(method="manual", access_code_is_managed=True)
    workplace.deliver(method="card")
    workplace.work()

    assert set(seen) == wanted
    assert {workplace.state(f"e{number}") for number in (1, 2, 3)} == {"done"}


def by_keycode(event: LockUnlockedEvent) -> bool:
    return event.method == "keycode"


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({"method": "keycode", "code": "4711"}, "its code is not what where asks for"),
        (by_keycode, "where (by_keycode) says no"),
        (lambda event: None, "where (the function) says no"),
    ],
)
def test_what_it_does_not_want_is_on_record_without_an_attempt_or_a_value(
    workplace: Workplace, where: Any, reason: str
) -> None:
    audit = workplace.on("lock.unlocked", where=where)(noting([]))
    method = "manual" if callable(where) else "keycode"
    workplace.deliver(method=method, code="73915842")
    with capture_logs() as lines:
        workplace.work()
    assert workplace.record("e1", audit) == {"state": "skipped", "attempts": [], "reason": reason}
    assert not [line for line in lines if line["log_level"] != "debug"]


def test_the_function_is_called_as_the_handler_is(workplace: Workplace) -> None:
    events: list[SeamEvent] = []

    def wants(event: SeamEvent) -> bool:
        events.append(event)
        return True

    workplace.on("*", where=wants)(events.append)
    workplace.on("*", name="beside-it")(events.append)
    workplace.deliver()
    workplace.work()
    assert events[0] is events[1]
    assert events[0] is not events[2]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_function_that_raises_is_a_failed_attempt(workplace: Workplace, is_async: bool) -> None:
    called: list[str] = []

    def broken(event: Any) -> bool:
        raise KeyError(event.code)

    async def handler_async(event: SeamEvent) -> None:
        called.append(event.event_id)

    handler = workplace.on("lock.*", where=broken, attempts=2)(
        handler_async if is_async else noting(called)
    )
    workplace.deliver(code="73915842")
    workplace.work()
    assert workplace.state("e1") == "retrying"
    again(workplace)

    assert called == []
    assert workplace.state("e1") == "dead"
    record = workplace.record("e1", handler)
    assert [error for *_, error in record["attempts"]] == ["KeyError: '••••'"] * 2


def test_a_function_may_say_itself_that_it_is_to_be_tried_again(workplace: Workplace) -> None:
    def not_yet(event: SeamEvent) -> bool:
        raise Retry(CLOSED, counts=False)

    workplace.on("*", where=not_yet, attempts=1)(noting([]))
    workplace.deliver()
    workplace.work()
    assert workplace.state("e1") == "retrying"


def test_a_function_that_hangs_is_interrupted_with_its_handler(workplace: Workplace) -> None:
    def hangs(event: SeamEvent) -> bool:
        time.sleep(60)
        return True

    handler = workplace.on("*", where=hangs, timeout=0.1)(noting([]))
    workplace.deliver()
    workplace.work()
    [(_, _, error)] = workplace.record("e1", handler)["attempts"]
    assert error == "took longer than its timeout of 0.1 s"


async def later(event: SeamEvent) -> bool:
    return False


def test_an_answer_that_nobody_awaits_is_no_answer(workplace: Workplace) -> None:
    seen: list[str] = []
    handler = workplace.on("*", where=lambda event: later(event))(noting(seen))
    workplace.deliver()
    workplace.work()
    assert seen == []
    [(_, _, error)] = workplace.record("e1", handler)["attempts"]
    assert error == "TypeError: where returned a coroutine, not True or False"


def test_an_event_without_the_field_has_none(workplace: Workplace) -> None:
    seen: list[str] = []
    workplace.on("lock.*", "device.*", where={"method": "keycode"}, name="a")(noting(seen))
    workplace.on("lock.*", "device.*", where={"method": None}, name="b")(noting(seen))
    workplace.deliver("device.connected")
    workplace.work()
    assert seen == ["e1"]
    assert b"skipped" in workplace.ledger.event("e1")["h:a"]


def test_a_field_that_nobody_knew_can_be_asked_for(workplace: Workplace) -> None:
    seen: list[str] = []
    workplace.on("lock.*", where={"lucky": [7, "seven"]}, allow_unknown=True)(noting(seen))
    for lucky in (7, "seven", 8, [7], {"7": 7}):
        workplace.deliver(lucky=lucky)
    workplace.deliver()
    workplace.work()
    assert seen == ["e1", "e2"]


# Both, and what else there is


def test_one_that_is_too_old_is_not_asked_whether_it_is_wanted(workplace: Workplace) -> None:
    asked: list[Any] = []
    handler = workplace.on("*", max_age=60, where=asked.append)(noting([]))
    workplace.deliver(occurred_at=before(minutes=2))
    workplace.work()
    assert asked == []
    assert "max_age=1m" in workplace.record("e1", handler)["reason"]


def test_the_handlers_beside_it_are_called(workplace: Workplace) -> None:
    seen: list[str] = []
    workplace.on("*", max_age=60, name="a")(noting(seen))
    workplace.on("*", where=lambda event: False, name="b")(noting(seen))
    workplace.on("*", name="c")(lambda event: seen.append("c"))
    workplace.deliver(occurred_at=before(minutes=2))
    workplace.work()
    assert seen == ["c"]


def test_one_that_was_skipped_makes_no_other_stale(workplace: Workplace) -> None:
    stale: dict[str, bool] = {}

    @workplace.on("*", where={"method": "keycode"})
    def audit(event: SeamEvent, context: Context) -> None:
        stale[event.event_id] = context.stale

    workplace.deliver(method="manual", occurred_at=before(minutes=1))
    workplace.deliver(method="keycode", occurred_at=before(minutes=2))
    workplace.work()
    workplace.deliver(method="keycode", occurred_at=before(minutes=3))
    workplace.work()
    assert stale == {"e2": False, "e3": True}


def test_in_order_the_next_one_does_not_wait_for_one_that_is_skipped(workplace: Workplace) -> None:
    seen: list[str] = []

    @workplace.on("*", in_order=True, max_age=0.3)
    def fails_once(event: SeamEvent, context: Context) -> None:
        seen.append(event.event_id)
        if event.event_id == "e1":
            while time.time() - context.received_at.timestamp() < 0.3:
                time.sleep(0.01)
            raise RuntimeError

    workplace.deliver()
    workplace.work()
    workplace.deliver(occurred_at=before(minutes=-60))
    workplace.work()
    assert seen == ["e1"]
    again(workplace)
    workplace.work()
    assert seen == ["e1", "e2"]
    assert workplace.state("e1") == workplace.state("e2") == "done"


def test_what_was_skipped_can_be_replayed(workplace: Workplace) -> None:
    wanted: list[bool] = [False, True]
    seen: list[tuple[bool, int]] = []

    @workplace.on("*", where=lambda event: wanted.pop(0))
    def audit(event: SeamEvent, context: Context) -> None:
        seen.append((context.replay, context.attempt))

    workplace.deliver()
    workplace.work()
    events = list(Record(workplace.ledger.redis).all(Query()))
    assert plan(events, workplace.registry, only_failed=True) == []
    assert replay_all(workplace) == 1
    assert seen == [(True, 1)]
    assert workplace.record("e1", audit)["state"] == "done"


def test_a_replay_may_be_skipped_again(workplace: Workplace) -> None:
    audit = workplace.on("*", max_age="1h")(noting([]))
    workplace.deliver(occurred_at=before(hours=3))
    workplace.work()
    assert replay_all(workplace) == 1
    assert workplace.record("e1", audit)["state"] == "skipped"


def test_a_dead_letter_that_is_tried_again_may_be_skipped(workplace: Workplace) -> None:
    audit = workplace.on("*", max_age=0.3, attempts=1)

    @audit
    def fails(event: SeamEvent, context: Context) -> None:
        while time.time() - context.received_at.timestamp() < 0.3:
            time.sleep(0.01)
        raise RuntimeError

    workplace.deliver()
    workplace.work()
    [letter] = DeadLetters(workplace.ledger.redis)
    workplace.ledger.resolve([letter.tried_again()])
    workplace.work()
    record = workplace.record("e1", fails)
    assert (record["state"], len(record["attempts"])) == ("skipped", 1)
    assert workplace.state("e1") == "done"


def test_the_reason_is_sealed_with_all_that_is_said_of_an_event(ledger: Ledger) -> None:
    sealed = Ledger(ledger.redis, ledger.retention, Vault([KEY]))
    workplace = Workplace(sealed)
    audit = workplace.on("*", where={"event_type": "lock.locked"})(noting([]))
    workplace.deliver()
    workplace.work()
    assert "event_type" not in json.dumps(workplace.record("e1", audit))
    event = Record(ledger.redis, Vault([KEY])).get("e1")
    assert event
    [handled] = event.handled()
    assert handled.error == "its event_type is not what where asks for"
