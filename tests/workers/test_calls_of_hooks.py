"""Calls of hooks on record: for how long, who gets them, and who sees them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from bellhop import Context, DeadLetter
from bellhop.hooks import END_OF_CALL
from bellhop.ledger import (
    DeadLetters,
    Query,
    Record,
    keys,
    told_by_hooks,
)
from tests.workers.conftest import Workplace
from tests.workers.hooks import BROKEN, call_ids, on_record, with_a_hook, worker
from tests.workers.told import Told


def test_a_call_is_on_record_as_long_as_events_are(workplace: Workplace, told: Told) -> None:
    with_a_hook(workplace, told)
    workplace.deliver()
    workplace.work()
    left: Any = workplace.ledger.redis.ttl(keys.event(call_ids(workplace)[0]))
    retention = workplace.ledger.retention.total_seconds()
    assert retention - 100 < left <= retention


def dropped(place: Workplace) -> None:
    place.ledger.resolve([one.dropped("known") for one in DeadLetters(place.ledger.redis)])


def tried_again(place: Workplace) -> None:
    place.ledger.resolve([one.tried_again() for one in DeadLetters(place.ledger.redis)])


@pytest.mark.parametrize(("deal_with", "calls"), [(dropped, 0), (tried_again, 1)])
def test_one_that_was_dealt_with_before_its_turn_is_skipped_on_record(
    workplace: Workplace, told: Told, deal_with: Callable[[Workplace], None], calls: int
) -> None:
    def fails_once(letter: DeadLetter, context: Context) -> None:
        if context.attempt == 1:
            raise RuntimeError("the chat is away")
        told.letter(letter, context)

    with_a_hook(workplace, Told())
    workplace.registry.on_dead(name="late")(fails_once)
    workplace.deliver()
    workplace.work()
    deal_with(workplace)
    for _ in range(3):
        workplace.work()
        workplace.later()

    record = on_record(workplace, "late")
    assert (record["state"], record["reason"]) == (
        "skipped",
        "what it would tell was dealt with meanwhile",
    )
    # What was given up again is a call of its own.
    assert len(told.letters) == calls
    assert len(call_ids(workplace)) == 1 + calls


def test_a_sender_cannot_reach_a_hook_and_a_handler_of_all_gets_no_call(
    workplace: Workplace, told: Told
) -> None:
    seen: list[str] = []
    with_a_hook(workplace, told)
    workplace.registry.on_quarantined(name="bodies")(told.body)
    workplace.on("*", name="all")(lambda event: seen.append(event.event_id))
    types = ("dead", "quarantined", "tell", "*", "hook", "hook:00000001", "alarm", "bodies")
    for event_type in types:
        workplace.deliver(event_type)
    workplace.work()
    workplace.ledger.accept([BROKEN])
    workplace.work()
    assert seen == [f"e{number}" for number in range(1, len(types) + 1)]
    assert {one.event_type for one in told.letters} == set(types)  # `tell` gave them up
    assert [one.delivery_id for one in told.bodies] == ["msg_broken"]


def test_calls_are_in_no_list_of_events(workplace: Workplace, told: Told) -> None:
    with_a_hook(workplace, told)
    workplace.deliver()
    workplace.work()
    redis = workplace.ledger.redis
    record = Record(redis)
    [call_id] = call_ids(workplace)
    assert call_id.endswith(END_OF_CALL)
    assert [one.event_id for one in record.all(Query())] == ["e1"]
    for query in (Query(states=["dead"]), Query(states=["done"]), Query(event_ids=[call_id])):
        assert call_id not in [one.event_id for one in record.page(query, limit=9).events]
    assert record.get(call_id) is None
    assert redis.xlen(keys.LOG) == 1
    assert redis.get(keys.ORDER) == b"1"


def test_the_event_knows_what_hooks_did_about_it(workplace: Workplace, told: Told) -> None:
    with_a_hook(workplace, told)
    workplace.deliver()
    workplace.work()
    redis = workplace.ledger.redis
    event = Record(redis).get("e1")
    assert event
    [one] = told_by_hooks(redis, event.calls, event.vault)
    assert (one.handler, one.called_at) == ("tell", told.letters[0].died_at)
    assert [(hook.handler, hook.state) for hook in one.hooks] == [("alarm", "done")]
    redis.delete(keys.event(event.calls["tell"]))
    assert told_by_hooks(redis, event.calls, event.vault) == []


@pytest.mark.parametrize("becomes", ["hook", "handler"])
def test_mail_of_a_name_that_was_something_else_is_skipped(
    workplace: Workplace, told: Told, becomes: str
) -> None:
    seen: list[str] = []
    before, after = Workplace(workplace.ledger, worker="before"), workplace

    def as_hook(place: Workplace) -> None:
        place.registry.on_dead("tell", name="alarm")(told.letter)

    def as_handler(place: Workplace) -> None:
        place.on("lock.*", name="alarm")(lambda event: seen.append(event.event_id))

    is_now, was = (as_hook, as_handler) if becomes == "hook" else (as_handler, as_hook)
    was(before)
    before.runtime.subscribe()
    other = worker(workplace.ledger, "other", handler=True)
    workplace.deliver()
    other.work()
    workplace.ledger.redis.zrem(keys.ALIVE, "before")
    is_now(after)
    after.work()
    assert (told.letters, seen) == ([], [])
    record = (
        workplace.ledger.event("e1")["h:alarm"].decode()
        if becomes == "hook"
        else json.dumps(on_record(workplace, "alarm"))
    )
    assert json.loads(record)["state"] == "skipped"


def test_while_the_set_is_known_in_which_a_hooks_name_was_a_handlers_they_are_apart(
    workplace: Workplace, told: Told
) -> None:
    with_a_hook(workplace, told)
    old = Workplace(workplace.ledger, worker="old")
    old.on("lock.*", "access_code.*", name="alarm")(lambda event: None)
    old.runtime.subscribe()
    workplace.ledger.redis.zrem(keys.ALIVE, "old")  # its set is known until the next sweep
    workplace.runtime.subscribe()
    workplace.deliver("lock.unlocked")
    workplace.deliver("device.tampered")
    assert workplace.ledger.event("e1").keys() >= {"h:alarm", "h:tell"}
    assert "h:alarm" not in workplace.ledger.event("e2")
    worker(workplace.ledger, "other", handler=True).work()
    states = [on_record(workplace, "alarm", call)["state"] for call in (0, 1)]
    assert states == ["waiting", "waiting"]  # the dead letters of both events
