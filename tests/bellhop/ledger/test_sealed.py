"""A ledger with keys: what is in Redis of a body, and how all of it comes to be encrypted."""

import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from os import urandom
from typing import Any

import pytest
from redis import Redis

from bellhop.events import NotASeamEvent, parse
from bellhop.handler_state import HandlerState
from bellhop.ledger import (
    Arrival,
    Attempts,
    ClaimLimit,
    DeadLetters,
    DriftReport,
    GiveBack,
    HandlerRecord,
    HandlerSet,
    Ledger,
    Outcome,
    Quarantine,
    Quarantined,
    Query,
    Record,
    Result,
    SettledEntry,
    SettledMail,
    Subscription,
    Unfetched,
    keys,
)
from bellhop.ledger.resealing import reseal
from bellhop.vault import PLAINTEXT, Damaged, Sealed, Vault
from tests.bellhop.bodies import body, of_type

OLD, NEW = (urlsafe_b64encode(urandom(32)).decode() for _ in range(2))
CODE = "90817263"
HANDLERS = HandlerSet([Subscription(name, ["*"]) for name in ("dead", "drops", "retry")])
UNLOCKED = of_type(
    "action_attempt.lock_door.failed",
    event_id="e1",
    action_attempt_id="a1",
    device_id="front",
    code=CODE,
    status=CODE,
    pincode=CODE,
    otp=int(CODE),
    door_code_id=CODE,
    key_ids=[CODE, "6f1a2b3c-0000-4000-8000-000000000000"],
    created_at=f"at {CODE}",
    new={"secret": CODE},
)
BROKEN = body(event_id=5, event_type=f"lock {CODE}", code=CODE, created_at=CODE, is_via_nfc=CODE)


def arrivals() -> list[Arrival | Quarantined]:
    with pytest.raises(NotASeamEvent) as caught:
        parse(BROKEN)
    return [
        Arrival.of("msg_1", parse(UNLOCKED)),
        Quarantined("msg_2", BROKEN, caught.value.problems, {"user-agent": "Svix"}),
    ]


def live(redis: Redis, *of_keys: str) -> Ledger:
    """Return a ledger in which everything happened that leaves something of a body behind."""
    ledger = Ledger(redis, timedelta(days=1), Vault(of_keys))
    ledger.check_vault()
    ledger.remember_vault()
    receipt = ledger.accept(arrivals())
    if ledger.vault.encrypts:
        assert CODE not in str(receipt)  # which is logged
    ledger.subscribe("w", HANDLERS)
    limits = [ClaimLimit(name, 1, 1) for name in ("retry", "dead", "drops")]
    mail = ledger.claim("w", HANDLERS, limits).mail
    outcomes = {
        "retry": fails(ledger.vault, "retry"),
        "dead": fails(ledger.vault, "dead"),
        "drops": drops(ledger.vault),
    }
    results = [
        SettledMail(
            one.handler, one.mailbox, GiveBack.END, [SettledEntry("e1", outcomes[one.handler])]
        )
        for one in mail
    ]
    assert len(results) == len(outcomes)
    ledger.settle("w", HANDLERS, 1, results)
    unfetched = Unfetched(ledger)
    ended = {"action_attempt_id": "a1", "status": "error", "error": {"message": CODE}}
    unfetched.store("a1", json.dumps(ended).encode())
    unfetched.give_up("a2", f"Seam said {CODE}")
    return ledger


def fails(vault: Vault, how: str) -> Outcome:
    record = HandlerRecord("e1", how, vault)
    first = record.tried(HandlerState.RETRYING, 1, 1.0, f"Error: first {CODE}\nTraceback")
    again = HandlerRecord.read(first, "e1", how, vault)
    last = f"Error: last {CODE}\nTraceback"
    if how == "dead":
        return Outcome(Result.DEAD, again.tried(HandlerState.DEAD, 1, 1.0, last))
    retried = again.tried(HandlerState.RETRYING, 1, 1.0, last)
    return Outcome(Result.RETRY, retried, 24 * 3600 * 1000)


def drops(vault: Vault) -> Outcome:
    record = HandlerRecord("e1", "drops", vault)
    dropped = record.tried(HandlerState.DROPPED, 1, 1.0, f"because of {CODE}")
    return Outcome(Result.DONE, dropped)


def everything(redis: Redis) -> str:
    """Return all that is in Redis."""
    found: list[Any] = []
    for name in sorted(redis.scan_iter("*")):
        kind = redis.type(name)
        read: dict[bytes, Any] = {
            b"hash": redis.hgetall,
            b"string": redis.get,
            b"zset": lambda name: redis.zrange(name, 0, -1),
            b"set": redis.smembers,
            b"list": lambda name: redis.lrange(name, 0, -1),
            b"stream": redis.xrange,
        }
        found.append((name, read[kind](name)))  # type: ignore[index]
    return str(found)


def check(redis: Redis, *of_keys: str) -> None:
    """Check that all can be read with these keys."""
    vault = Vault(of_keys)
    [event] = Record(redis, vault).page(Query(), limit=9).events
    assert event.body == UNLOCKED
    handled = {one.handler: one for one in event.handled()}
    assert [attempt.error for attempt in handled["retry"].attempts] == [
        f"Error: first {CODE}",
        f"Error: last {CODE}",
    ]
    assert handled["drops"].error == f"because of {CODE}"
    [letter] = DeadLetters(redis, vault)
    assert letter.error == f"Error: last {CODE}\nTraceback"
    [kept] = Quarantine(redis, vault)
    assert kept.body == BROKEN
    attempt = Attempts(redis, vault).get("a1")
    assert attempt
    assert attempt.attempt.error
    assert attempt.attempt.error.message == CODE


def test_with_keys_nothing_of_a_body_is_in_redis_but_ids_and_names(redis: Redis) -> None:
    live(redis, OLD)
    found = everything(redis)
    assert CODE not in found
    assert CODE[:5] not in found
    for kept in ("e1", "front", "a1", "pincode", "a string of 8 characters", "6f1a2b3c"):
        assert kept in found
    check(redis, OLD)


def test_what_a_person_writes_about_a_dead_letter_is_sealed_too(redis: Redis) -> None:
    ledger = live(redis, OLD)
    [letter] = DeadLetters(redis, Vault([OLD]))
    ledger.resolve([letter.dropped(f"the code was {CODE}")])
    assert CODE not in everything(redis)
    [event] = Record(redis, Vault([OLD])).page(Query(), limit=9).events
    dropped = next(one for one in event.handlers if one == "dead")
    assert "the code was" not in str(event.handlers[dropped])


def test_without_keys_a_new_value_of_a_known_field_is_told(redis: Redis) -> None:
    ledger = Ledger(redis, timedelta(days=1))
    ledger.accept([Arrival.of("msg", parse(body(method="palm_vein", pincode=CODE)))])
    told = {one.drift.field: one.drift.example for one in DriftReport(redis).read()}
    assert told == {"method": '"palm_vein"', "pincode": "a string of 8 characters"}


@pytest.mark.parametrize(
    ("before", "after", "then"),
    [
        ((), (NEW, PLAINTEXT), (NEW,)),
        ((PLAINTEXT, NEW), (NEW, PLAINTEXT), (NEW,)),
        ((OLD,), (NEW, OLD), (NEW,)),
        ((OLD,), (PLAINTEXT, OLD), ()),
    ],
    ids=["on", "on, everywhere at once", "another key", "off"],
)
def test_a_live_ledger_is_stored_anew_with_another_key(
    redis: Redis, before: tuple[str, ...], after: tuple[str, ...], then: tuple[str, ...]
) -> None:
    live(redis, *before)
    check(redis, *before)  # which has all of it indexed
    lifetimes = {name: redis.pttl(name) > 0 for name in redis.scan_iter("*")}
    ledger = Ledger(redis, timedelta(days=1), Vault(after))
    ledger.check_vault()
    ledger.remember_vault()
    check(redis, *after)

    result = reseal(redis, ledger.vault)
    assert result.unread == []
    assert result.count == 7
    assert reseal(redis, ledger.vault).count == 0
    Ledger(redis, timedelta(days=1), Vault(then)).check_vault()
    check(redis, *then)
    assert (CODE in everything(redis)) == (not then)
    for name in redis.scan_iter("*"):
        assert name == keys.SEALED.encode() or (redis.pttl(name) > 0) == lifetimes[name]


def test_what_a_worker_read_before_and_writes_after_is_not_in_the_clear(redis: Redis) -> None:
    before = fails(Vault(), "retry").record
    for vault in (Vault([NEW, PLAINTEXT]), Vault([NEW])):
        record = HandlerRecord.read(before, "e1", "retry", vault)
        ended = record.tried(HandlerState.RETRYING, 1, 1.0, "no")
        if vault.takes_plaintext:
            assert CODE not in ended + record.skipped("too old")


def test_what_cannot_be_read_is_left_and_named(redis: Redis) -> None:
    live(redis, OLD)
    redis.hset(keys.event("e1"), "h:dead", json.dumps({"state": "dead", "error": "\x00aes:x"}))
    redis.hset(keys.event("e2"), "body", redis.hget(keys.event("e1"), "body") or b"")
    result = reseal(redis, Vault([NEW, OLD]))
    assert sorted(result.unread) == [
        "event e1: what dead said of it cannot be read",
        "event e2 was changed in Redis, or is not what was stored there: find out who writes to "
        "this Redis",
    ]


def test_one_ciphertext_does_not_stand_for_another(redis: Redis) -> None:
    ledger = live(redis, OLD)
    ledger.accept([Arrival.of("msg_3", parse(body(event_id="e3")))])
    stored = redis.hget(keys.event("e1"), "body")
    assert stored
    redis.hset(keys.event("e3"), "body", stored)
    redis.hset(keys.quarantined("msg_2"), "body", stored)
    redis.hset(keys.attempt("a1"), "body", stored)
    event = Record(redis, Vault([OLD])).get("e3")
    assert event
    with pytest.raises(Damaged, match="event e3"):
        _ = event.body
    [kept] = Quarantine(redis, Vault([OLD]))
    assert kept.body == b""
    assert kept.problems[0].startswith("quarantined msg_2 was changed in Redis")
    assert Quarantine(redis, Vault([OLD])).drop("msg_2")
    attempt = Attempts(redis, Vault([OLD])).get("a1")
    assert attempt
    assert not attempt.fetched


def test_what_was_put_there_in_the_clear_is_refused(redis: Redis) -> None:
    live(redis, OLD)
    redis.hset(keys.event("e1"), "body", body(event_id="e1"))
    [event] = Record(redis, Vault([OLD])).page(Query(), limit=9).events
    with pytest.raises(Sealed, match="event e1 is not encrypted"):
        _ = event.body
