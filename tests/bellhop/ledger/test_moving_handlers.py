"""The script that moves handlers, step by step."""

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest
from redis import Redis

from bellhop.hooks import Hook
from bellhop.ledger import (
    ClaimLimit,
    GiveBack,
    HandlerSet,
    Ledger,
    Outcome,
    Replay,
    Result,
    SettledEntry,
    StepState,
    Subscription,
    keys,
    read_subscriptions,
)
from bellhop.ledger.handler_record import HandlerRecord
from bellhop.moving import move
from bellhop.vault import Kind, Vault
from tests.bellhop.ledger.post import RETRIED, Post, done, park, retry, subscribed


def test_what_waits_goes_to_the_new_handler_in_front_of_its_own(post: Post) -> None:
    post.begin("w", "old")
    post.accept(2)
    post.end("w")
    post.begin("v", "new", "other")
    post.ledger.redis.hset(  # as after the day: nothing more is given to it
        keys.SUBSCRIPTIONS, "old", '{"patterns":[],"since":"1"}'
    )
    post.redis.delete(f"{keys.PREFIX}routes")
    post.accept(2)

    steps = post.move("old", "new")

    assert steps[-1].state is StepState.OVER
    assert (sum(one.events for one in steps), sum(one.had for one in steps)) == (2, 0)
    assert post.mail("new") == ["e1", "e2", "e3", "e4"]
    assert post.record("e1", "old") is None
    assert post.record("e1", "new") == ""
    assert subscribed(post.redis) == {"new", "other"}
    post.check_mailboxes()
    [mail] = post.claim("v", "new").mail
    assert [one.event.event_id for one in mail.entries] == ["e1", "e2", "e3", "e4"]


def test_a_new_handler_without_a_worker_is_given_what_the_old_one_was(post: Post) -> None:
    post.begin("w", "old", pattern="lock.*")
    post.ledger.pause("old")
    post.accept()
    post.end("w")

    post.move("old", "new")
    post.accept()

    [new] = read_subscriptions(post.redis)
    assert (new.name, new.patterns, new.paused, new.workers) == ("new", ("lock.*",), True, ())
    assert post.mail("new") == ["e1", "e2"]
    post.begin("v", "new", pattern="lock.*")
    post.ledger.pause("new", resume=True)
    [mail] = post.claim("v", "new").mail
    assert [one.event.event_id for one in mail.entries] == ["e1", "e2"]


def test_a_new_handler_is_not_forgotten_before_its_first_worker_comes(post: Post) -> None:
    """`bellhop up` forgets handlers that it has no more, if nothing waits for them."""
    post.begin("w", "old", "kept", pattern="lock.*")
    post.end("w")
    post.begin("v", "kept", pattern="lock.*")
    post.move("old", "between")
    post.move("between", "new")

    assert post.sweep(alive=["v"], alone=True).forgotten == ()
    post.accept()
    assert post.mail("new") == ["e1"]

    post.begin("u", "new", pattern="lock.*")
    post.claim("u", "new")
    post.settle("u", "new", done("e1"))
    post.end("u")
    assert post.sweep(alive=["v"], alone=True).forgotten == ("new",)


@pytest.mark.parametrize("how", ["move", "forget"])
def test_what_was_moved_to_another_name_before_waits_there_and_nothing_is_half_done(
    post: Post, how: str
) -> None:
    """Somebody misspelt the new name, and stopped half-way."""
    post.begin("w", "old", "third")
    ids = post.accept(1500)
    post.end("w")
    post.begin("t", "third")
    post.move("old", "misspelt", at=1)
    assert post.mail("misspelt") == ids[:500]
    post.check_mailboxes()
    for _ in range(20):
        post.now += 1_000
        assert post.ledger.repair(now_ms=post.now).repairs == ()

    steps = post.move("old", "new") if how == "move" else post.forget("old")
    assert steps[-1].state is StepState.OVER

    for _ in range(20):
        post.now += 1_000
        assert post.ledger.repair(now_ms=post.now).repairs == ()
    post.check_mailboxes()
    assert post.mail("misspelt") == ids[:500]
    assert post.mail("new") == (ids[500:] if how == "move" else [])
    assert {post.record(one, "misspelt") for one in ids[:500]} == {""}
    assert {post.record(one, "misspelt") for one in ids[500:]} == {None}
    assert post.ledger.event("e1")["open"] == b"2"
    assert post.names("moving") == []


def test_a_hook_is_moved_and_forgotten_as_handlers_are(post: Post) -> None:
    set_of_hooks = HandlerSet([Subscription("old", ["*"], hook=Hook.DEAD)])
    post.ledger.subscribe("w", set_of_hooks, now_ms=post.now)
    post.end("w")

    assert post.move("old", "new")[-1].state is StepState.OVER
    stored = json.loads(post.redis.hget(keys.SUBSCRIPTIONS, "new"))
    assert stored["dead"] == ["*"]
    assert post.forget("new")[-1].state is StepState.OVER
    assert not post.redis.exists(keys.SUBSCRIPTIONS)


def test_a_new_handler_that_workers_have_keeps_its_patterns_and_is_not_paused(post: Post) -> None:
    post.begin("w", "old", pattern="lock.*")
    post.begin("v", "new", pattern="device.*")
    post.ledger.pause("old")
    post.end("w")
    post.move("old", "new")
    [new] = read_subscriptions(post.redis)
    assert (new.patterns, new.paused) == (("device.*",), False)


def test_an_event_that_the_new_handler_was_given_itself_is_not_given_to_it_twice(
    post: Post,
) -> None:
    post.begin("w", "old")
    post.accept(1)
    post.begin("v", "new")
    post.accept(3)  # to both
    post.claim("w", "old", entries=2)
    post.settle("w", "old", retry("e1"), retry("e2", wants_retries=True))
    post.claim("v", "new", entries=1)
    post.settle("v", "new", done("e2"))
    post.end("w")

    steps = post.move("old", "new")

    assert (sum(one.events for one in steps), sum(one.had for one in steps)) == (1, 3)
    assert post.mail("new") == ["e3", "e4"]
    assert list(post.due()) == ["e1 new device:1"]
    assert post.record("e1", "new") == RETRIED
    assert json.loads(post.record("e2", "new"))["state"] == "done"
    assert json.loads(post.record("e2", "old"))["state"] == "abandoned"
    assert json.loads(post.record("e3", "old"))["state"] == "abandoned"
    assert post.ledger.event("e3")["open"] == b"1"
    assert post.ledger.event("e2")["state"] == b"done"
    assert post.names("retrying:") == []
    post.check_mailboxes()


def test_what_a_worker_has_in_hand_of_the_new_handler_stays_in_front(post: Post) -> None:
    post.begin("w", "old")
    post.accept(2)
    post.end("w")
    post.begin("v", "new")
    post.redis.hset(keys.SUBSCRIPTIONS, "old", '{"patterns":[],"since":"1"}')
    post.redis.delete(f"{keys.PREFIX}routes")
    post.accept(3)
    post.claim("v", "new", entries=1)

    post.move("old", "new")

    assert post.mail("new") == ["e3", "e1", "e2", "e4", "e5"]
    post.check_mailboxes()
    post.settle("v", "new", done("e3"))
    assert post.mail("new") == ["e1", "e2", "e4", "e5"]
    post.check_mailboxes()


@pytest.mark.parametrize("state", ["nothing", "ready", "held", "parked"])
def test_a_parked_mailbox_stays_parked_until_it_was_due(post: Post, state: str) -> None:
    post.begin("w", "old")
    post.accept(2)
    post.claim("w", "old")
    post.settle("w", "old", park("e1"), give_back=GiveBack.PARK)
    post.end("w")
    post.redis.hset(keys.SUBSCRIPTIONS, "old", '{"patterns":[],"since":"1"}')
    post.redis.delete(f"{keys.PREFIX}routes")
    post.begin("v", "new")
    if state != "nothing":
        post.accept(1)
    if state in ("held", "parked"):
        post.claim("v", "new")
    if state == "parked":
        post.settle("v", "new", park("e3", 5_000), give_back=GiveBack.PARK)
    due = post.due()[" old device:1"]

    post.move("old", "new")

    post.check_mailboxes()
    if state == "held":
        assert post.mail("new") == ["e3", "e1", "e2"]
    else:
        assert post.due() == {" new device:1": due}
        assert post.mail("new")[:2] == ["e1", "e2"]
    assert post.record("e1", "new") == RETRIED


def test_a_suspect_is_run_alone_under_its_new_name_and_its_deaths_count(post: Post) -> None:
    post.begin("w", "old")
    post.accept(2)
    post.claim("w", "old")
    post.sweep(dead={"w": "e1 old"})
    post.begin("v", "new")

    post.move("old", "new")

    post.check_mailboxes()
    [mail] = post.claim("v", "new").mail
    assert mail.alone
    [entry] = mail.entries
    assert (entry.event.event_id, entry.deaths) == ("e1", 1)


def test_what_is_told_of_earlier_events_goes_along(post: Post) -> None:
    post.begin("w", "old")
    post.accept(2)
    post.claim("w", "old")
    seen = SettledEntry(
        "e1", Outcome(Result.RETRY, RETRIED, 60_000), wants_retries=True, occurred_ms=5
    )
    post.settle("w", "old", seen)
    post.end("w")
    post.begin("v", "new")

    post.move("old", "new")

    limit = ClaimLimit("new", 9, 9, past=True)
    [mail] = post.ledger.claim("v", post._sets["v"], [limit], now_ms=post.now).mail
    assert (list(mail.retrying), mail.newest_ms) == ([1], 5)
    assert post.names("retrying:") == ["retrying:new device:1"]


def test_a_replayed_entry_is_counted_under_its_new_name(post: Post) -> None:
    post.begin("w", "old")
    post.accept(1)
    post.claim("w", "old")
    post.settle("w", "old", done("e1"))
    read = post.record("e1", "old")
    post.ledger.replay([Replay("e1", "old", read, '{"state": "replaying", "attempts": []}')])
    post.end("w")
    post.move("old", "new")
    assert post.redis.smembers(f"{keys.PREFIX}replaying") == {b"e1 new"}


def test_a_long_mailbox_is_moved_in_pieces_and_from_where_it_stopped(post: Post) -> None:
    post.begin("w", "old")
    ids = post.accept(3500)
    post.end("w")
    post.begin("v", "new")
    more = post.accept(3)  # to both, of which the new one has them in front of it

    first = post.move("old", "new", at=2)
    assert [step.events for step in first] == [500, 500]
    post.check_mailboxes()
    assert post.mail("new") == ids[:1000] + more

    steps = post.move("old", "new")  # from the start again

    assert steps[-1].state is StepState.OVER
    assert post.mail("new") == ids + more
    assert all(post.record(one, "new") == "" for one in ids)
    assert post.names("mail:old") == []
    post.check_mailboxes()


@pytest.mark.parametrize("entries", [5, 502])
def test_a_worker_may_begin_with_a_long_mailbox_while_it_is_moved(post: Post, entries: int) -> None:
    post.begin("w", "old")
    ids = post.accept(2500)
    post.end("w")
    post.begin("v", "new")
    more = post.accept(3)
    post.move("old", "new", at=1)
    [mail] = post.claim("v", "new", entries=entries).mail
    in_hand = [entry.event.event_id for entry in mail.entries]
    assert in_hand == (ids[:500] + more)[:entries]

    post.move("old", "new", at=1)
    post.check_mailboxes()
    begun = set(in_hand)
    left = [one for one in more if one not in begun]
    assert post.mail("new") == in_hand + [one for one in ids[:1000] if one not in begun] + left

    post.settle("v", "new", *map(done, in_hand))
    post.move("old", "new")
    post.check_mailboxes()
    assert post.mail("new") == [one for one in ids if one not in begun] + left


@pytest.mark.parametrize("events", [100, 2500])
def test_parked_mailboxes_are_moved_some_hundred_events_at_a_time(post: Post, events: int) -> None:
    post.begin("w", "old")
    post.park_mailboxes("w", "old", 5000 // events, events)
    post.end("w")
    due = post.due()
    waiting = {name: post.mail("old", name.split()[1]) for name in due}

    steps = post.move("old", "new")

    assert steps[-1].state is StepState.OVER
    assert max(step.events for step in steps) <= 500
    assert sum(step.events for step in steps) == 5000
    assert post.due() == {name.replace("old", "new"): at for name, at in due.items()}
    assert all(post.mail("new", name.split()[1]) == waiting[name] for name in due)
    post.check_mailboxes()


def test_what_comes_back_from_due_meanwhile_is_moved_too(post: Post) -> None:
    post.begin("w", "old")
    post.accept(2)
    post.claim("w", "old")
    post.settle("w", "old", retry("e1", 1_000))
    post.end("w")
    assert post.move("old", "new", at=1)[0].state is StepState.MORE
    post.now += 2_000
    post.sweep()

    assert post.move("old", "new")[-1].state is StepState.OVER
    assert sorted(post.mail("new")) == ["e1", "e2"]
    post.check_mailboxes()


def test_workers_of_the_new_handler_are_woken(post: Post) -> None:
    post.begin("w", "old")
    post.accept(1)
    post.end("w")
    post.begin("v", "new")
    assert len(post.move("old", "new")[0].wake) == 1


def test_what_handlers_said_can_be_read_under_the_new_name(redis: Redis) -> None:
    vault = Vault(["A" * 43 + "="])
    post = Post(Ledger(redis, timedelta(days=14), vault))
    said = [vault.seal_text("the door 4711", Kind.ATTEMPT, one, "old") for one in ("e1", "e2")]
    records = [json.dumps({"state": "retrying", "attempts": [[1, 2.5, text]]}) for text in said]
    post.begin("w", "old")
    post.accept(3)
    post.claim("w", "old")
    post.settle(
        "w", "old",
        SettledEntry("e1", Outcome(Result.RETRY, records[0], 0)),
        SettledEntry("e2", Outcome(Result.RETRY, records[1], 60_000)),
    )  # fmt: skip
    post.now += 1_000
    post.sweep()
    post.end("w")

    woken: list[Sequence[str]] = []
    *_, last = move(post.ledger, "old", "new", enqueue_shifts=woken.append, free_mail=post.free)

    assert last.events == 3
    assert post.mail("new") == ["e3", "e1"]
    for event_id in ("e1", "e2"):
        [attempt] = HandlerRecord.read(
            post.record(event_id, "new"), event_id, "new", vault
        ).attempts
        assert attempt.error == "the door 4711"
    post.check_mailboxes()


@pytest.mark.parametrize(
    "record", [b"nonsense", b"\xff", b"[1]", b'{"state": "retrying", "attempts": [1]}']
)
def test_a_record_that_cannot_be_read_is_moved_as_it_is(redis: Redis, record: bytes) -> None:
    post = Post(Ledger(redis, timedelta(days=14), Vault(["A" * 43 + "="])))
    post.begin("w", "old")
    post.accept(2)
    post.redis.hset(keys.event("e1"), "h:old", record)
    post.end("w")

    *_, last = move(
        post.ledger, "old", "new", enqueue_shifts=lambda _sets: None, free_mail=post.free
    )

    assert last.events == 2
    assert post.mail("new") == ["e1", "e2"]
    assert post.redis.hget(keys.event("e1"), "h:new") == record
    post.check_mailboxes()
