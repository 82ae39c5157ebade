"""Hooks: what they are called about, and what becomes of the calls."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis import Redis
from structlog.testing import capture_logs

from bellhop import Context, DeadLetter, Drop, QuarantinedBody, SeamEvent
from bellhop.hooks import END_OF_CALL
from bellhop.known_secrets import known_secrets
from bellhop.ledger import (
    ClaimLimit,
    DeadLetters,
    Ledger,
    Quarantine,
    Quarantined,
    Query,
    Record,
    keys,
    read_condition,
    told_by_hooks,
)
from bellhop.ledger.handled import read_record
from bellhop.ledger.resealing import reseal
from bellhop.queue import queue_keys
from bellhop.vault import Vault
from bellhop_workers.shift import Shift
from tests.workers.conftest import Workplace

CLOSED = "ConnectionError: the front desk is closed"
BROKEN = Quarantined("msg_broken", b'{"code": 4711}', ("event_id: is missing", "no type"))


@dataclass
class Told:
    """What hooks were called with."""

    letters: list[DeadLetter] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)
    bodies: list[QuarantinedBody] = field(default_factory=list)

    def letter(self, letter: DeadLetter, context: Context) -> None:
        self.letters.append(letter)
        self.contexts.append(context)

    def body(self, body: QuarantinedBody, context: Context) -> None:
        self.bodies.append(body)
        self.contexts.append(context)


@pytest.fixture
def told() -> Told:
    return Told()


def closed(event: SeamEvent) -> None:
    raise ConnectionError("the front desk is closed")


def with_a_hook(place: Workplace, told: Told, *, pattern: str = "*") -> Workplace:
    """Have it called when `tell`, which never works, gives up."""
    place.on("*", attempts=1, name="tell")(closed)
    place.registry.on_dead(pattern, name="alarm")(told.letter)
    return place


def worker(
    ledger: Ledger, name: str, *, handler: bool = False, told: Told | None = None
) -> Workplace:
    """Return another worker, with `tell`, or with hooks of both kinds."""
    place = Workplace(ledger, worker=name)
    if handler:
        place.on("*", attempts=1, name="tell")(closed)
    if told:
        place.registry.on_dead(name="alarm")(told.letter)
        place.registry.on_quarantined(name="bodies")(told.body)
    place.runtime.subscribe()
    return place


def call_ids(place: Workplace) -> list[str]:
    """Return the ids of all calls on record."""
    found = place.ledger.redis.keys(f"{keys.event('')}hook:*")
    return sorted(name.decode().removeprefix(keys.event("")) for name in found)  # type: ignore[union-attr]


def on_record(place: Workplace, handler: str, call: int = 0) -> dict[str, Any]:
    """Return what is on record of a hook and a call."""
    return read_record(place.ledger.event(call_ids(place)[call])[f"h:{handler}"])


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
        noted.extend(workplace.runtime.culprits.read())

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
    is_now(after)
    after.work()
    assert (told.letters, seen) == ([], [])
    record = (
        workplace.ledger.event("e1")["h:alarm"].decode()
        if becomes == "hook"
        else json.dumps(on_record(workplace, "alarm"))
    )
    assert json.loads(record)["state"] == "skipped"


def test_while_a_name_is_a_hook_in_one_version_and_a_handler_in_the_other_they_are_apart(
    workplace: Workplace, told: Told
) -> None:
    with_a_hook(workplace, told)
    old = Workplace(workplace.ledger, worker="old")
    old.on("lock.*", "access_code.*", name="alarm")(lambda event: None)
    for place in (old, workplace, old):
        place.runtime.subscribe()
    workplace.deliver("lock.unlocked")
    workplace.deliver("device.tampered")
    assert workplace.ledger.event("e1").keys() >= {"h:alarm", "h:tell"}
    assert "h:alarm" not in workplace.ledger.event("e2")
    worker(workplace.ledger, "other", handler=True).work()
    states = [on_record(workplace, "alarm", call)["state"] for call in (0, 1)]
    assert states == ["waiting", "waiting"]  # the dead letters of both events


def test_it_is_told_of_what_goes_into_quarantine(workplace: Workplace, told: Told) -> None:
    workplace.registry.on_quarantined(name="bodies")(told.body)
    workplace.registry.on_dead(name="alarm")(told.letter)
    workplace.runtime.subscribe()
    receipt = workplace.ledger.accept([BROKEN, BROKEN])
    assert receipt.wake == (workplace.runtime.ledger.handlers.fingerprint,)
    workplace.work()

    [body], [context] = told.bodies, told.contexts
    [kept] = Quarantine(workplace.ledger.redis)
    assert body == QuarantinedBody(
        "msg_broken", BROKEN.problems, kept.received_at, len(BROKEN.body)
    )
    assert context.event is None
    assert (context.delivery_id, context.handler) == ("msg_broken", "bodies")
    with capture_logs() as lines:
        context.log.info("told")
    assert lines[0]["delivery_id"] == "msg_broken"
    [one] = told_by_hooks(workplace.ledger.redis, {"": kept.told}, workplace.ledger.vault)
    assert [(hook.handler, hook.state) for hook in one.hooks] == [("bodies", "done")]
    assert told.letters == []


def test_a_body_that_is_not_in_quarantine_any_more_is_not_told(
    workplace: Workplace, told: Told
) -> None:
    workplace.registry.on_quarantined(name="bodies")(told.body)
    workplace.runtime.subscribe()
    workplace.ledger.accept([BROKEN])
    Quarantine(workplace.ledger.redis).drop("msg_broken")
    workplace.work()
    assert told.bodies == []
    assert on_record(workplace, "bodies")["state"] == "skipped"


def test_a_hook_about_a_body_that_gives_up_calls_nobody(workplace: Workplace, told: Told) -> None:
    workplace.registry.on_dead(told.letter)

    @workplace.registry.on_quarantined(attempts=1, name="bodies")
    def broken(body: QuarantinedBody) -> None:
        raise RuntimeError("the chat is away")

    workplace.runtime.subscribe()
    workplace.ledger.accept([BROKEN])
    workplace.work()
    [letter] = DeadLetters(workplace.ledger.redis)
    assert (letter.handler, told.letters, len(call_ids(workplace))) == ("bodies", [], 1)
    assert read_condition(workplace.ledger.redis).dead == 1


SET = "access_code.set_on_device"
CODE: dict[str, Any] = {"access_code_id": "a1", "code": "73915842"}


def test_door_codes_are_in_no_record_of_a_hook(workplace: Workplace) -> None:
    @workplace.on("*", attempts=1, name="tell")
    def tell(event: Any) -> None:
        raise ValueError(f"cannot set {event.code}")

    errors: list[str] = []

    @workplace.registry.on_dead(attempts=1, name="alarm")
    def alarm(letter: DeadLetter) -> None:
        errors.append(letter.error)
        known_secrets.forget()
        raise ValueError(f"cannot tell of {letter.event.code}: {letter}")  # type: ignore[union-attr]

    workplace.deliver(SET, **CODE)
    workplace.work()
    assert errors == ["ValueError: cannot set ••••"]
    record = on_record(workplace, "alarm")
    assert "cannot tell of ••••" in record["error"]
    [call_id] = call_ids(workplace)
    assert "73915842" not in str(workplace.ledger.event(call_id))


def test_door_codes_are_masked_in_what_a_worker_writes_that_only_has_the_hook(
    workplace: Workplace, told: Told
) -> None:
    first = worker(workplace.ledger, "first", handler=True)
    workplace.registry.on_dead(lambda letter: told.letters.append(letter))
    workplace.runtime.subscribe()
    workplace.deliver(SET, **CODE)
    first.work()
    known_secrets.forget()
    workplace.work()
    assert len(told.letters) == 1
    assert known_secrets.mask("it is 73915842") == "it is ••••"


OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def test_with_encryption_it_reads_what_was_said_and_nobody_else_does(
    redis: Redis, told: Told
) -> None:
    place = with_a_hook(Workplace(Ledger(redis, timedelta(days=1), Vault([OLD]))), told)
    place.registry.on_quarantined(name="bodies")(told.body)

    @place.registry.on_dead(attempts=1, name="broken")
    def broken(letter: DeadLetter) -> None:
        raise RuntimeError("the chat is away")

    place.runtime.subscribe()
    place.deliver(SET, **CODE)
    place.ledger.accept([BROKEN])
    place.work()
    [letter], [body] = told.letters, told.bodies
    assert (letter.error, letter.attempts) == (CLOSED, 1)
    assert letter.event is not None
    assert letter.event.code == "73915842"  # type: ignore[attr-defined]
    assert body.size == len(BROKEN.body)
    stored = "".join(str(place.ledger.event(one)) for one in (*call_ids(place), "e1"))
    for secret in ("73915842", "the chat is away", "front desk"):
        assert secret not in stored

    both = Vault([NEW, OLD])
    assert reseal(redis, both).unread == []
    [hooks, *_] = [one for one in DeadLetters(redis, Vault([NEW])) if one.handler == "broken"]
    assert hooks.summary == "RuntimeError: the chat is away"


@pytest.mark.parametrize("about", ["letter", "body"])
def test_without_the_key_a_call_waits_for_a_worker_that_has_it(
    redis: Redis, told: Told, about: str
) -> None:
    def ledger(*known: str) -> Ledger:
        return Ledger(redis, timedelta(days=1), Vault(known))

    blind, seeing = (
        worker(ledger(NEW), "blind", told=told),
        worker(ledger(NEW, OLD), "s", told=told),
    )
    if about == "letter":
        first = worker(ledger(OLD), "first", handler=True)
        first.deliver()
        first.work()
    else:
        ledger(OLD).accept([BROKEN])

    shift = Shift(blind.runtime)
    shift.run()
    assert shift.sealed is not None
    assert (told.letters, told.bodies) == ([], [])
    seeing.work()
    assert len(told.letters) + len(told.bodies) == 1
