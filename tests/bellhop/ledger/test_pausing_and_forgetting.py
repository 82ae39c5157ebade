"""The scripts that pause and forget handlers, step by step."""

import json
from datetime import timedelta

import pytest

from bellhop.ledger import (
    GiveBack,
    StepState,
    keys,
)
from bellhop.ledger.moves import Paused
from tests.bellhop.ledger.post import Post, done, park, retry, subscribed


def test_nothing_is_claimed_of_a_paused_handler_until_it_is_resumed(post: Post) -> None:
    post.begin("w", "one", "two")
    assert post.ledger.pause("one") == (Paused.CHANGED, ())
    assert post.ledger.pause("one") == (Paused.SAME, ())
    post.accept()

    assert post.claim("w", "one").mail == ()
    assert len(post.claim("w", "two").mail) == 1
    post.settle("w", "two", done("e1"))

    state, wake = post.ledger.pause("one", resume=True)
    assert state is Paused.CHANGED
    assert len(wake) == 1
    assert post.ledger.pause("one", resume=True)[0] is Paused.SAME
    assert len(post.claim("w", "one").mail) == 1


def test_a_handler_that_nobody_subscribed_is_not_paused(post: Post) -> None:
    assert post.ledger.pause("one")[0] is Paused.UNKNOWN
    assert not post.redis.exists(keys.PAUSED)


def test_what_waits_is_abandoned_on_record_and_nothing_of_the_handler_is_left(post: Post) -> None:
    post.begin("w", "one", "two")
    post.ledger.pause("one")
    post.accept(3)
    post.accept(2, "device:2")
    post.end("w")

    steps = post.forget("one")

    assert steps[-1].state is StepState.OVER
    assert sum(step.events for step in steps) == 5
    assert json.loads(post.record("e1", "one"))["state"] == "abandoned"
    assert post.record("e1", "two") == ""
    assert post.ledger.event("e1")["open"] == b"1"
    assert subscribed(post.redis) == {"two"}
    for name in ("mail:one", "ready:one", "suspects:one", "working:one", "paused", "limits"):
        assert post.names(name) == []
    post.check_mailboxes()
    post.accept()
    assert post.record("e6", "one") is None


def test_retries_and_parked_mailboxes_are_abandoned_with_their_attempts(post: Post) -> None:
    post.begin("w", "one")
    post.accept(2)
    post.accept(2, "device:2")
    post.claim("w", "one")
    post.settle("w", "one", retry("e1", wants_retries=True))
    post.settle("w", "one", park("e3"), mailbox="device:2", give_back=GiveBack.PARK)
    post.end("w")

    assert post.forget("one")[-1].state is StepState.OVER

    assert post.due() == {}
    for event_id in ("e1", "e3"):
        record = json.loads(post.record(event_id, "one"))
        assert record == {"state": "abandoned", "attempts": [[1, 2.5, "oh no"]]}
    assert post.ledger.event("e4")["state"] == b"done"
    assert post.names("mail:") == post.names("retrying:") == []


def test_what_a_handler_was_through_with_is_not_abandoned_though_it_is_in_a_mailbox(
    post: Post,
) -> None:
    post.begin("w", "one", "two")
    post.accept(2)
    post.claim("w", "one")
    post.settle("w", "one", done("e1"))
    post.end("w")
    post.redis.rpush(keys.mail("one", "device:1"), "e1")  # by somebody's hand

    assert post.forget("one")[-1].state is StepState.OVER

    assert json.loads(post.record("e1", "one"))["state"] == "done"
    assert post.ledger.event("e1")["open"] == b"1"
    assert post.redis.ttl(keys.event("e1")) == -1


def test_a_handler_that_a_worker_has_is_not_forgotten_nor_moved(post: Post) -> None:
    post.begin("w", "one")
    post.accept()
    for step in (post.forget("one")[-1], post.move("one", "new")[-1]):
        assert (step.state, step.workers) == (StepState.HAD, ("w",))
    assert subscribed(post.redis) == {"one"}
    assert post.mail("one") == ["e1"]


def test_a_worker_that_nobody_spoke_for_has_no_handler_any_more(post: Post) -> None:
    post.begin("w", "one")
    post.begin("other", "two")
    post.now += 31_000
    post.sweep(alive=["other"])
    post.begin("third", "two", "three")  # its set is worked out again
    assert post.forget("one")[-1].state is StepState.OVER
    post.end("third")
    assert subscribed(post.redis) == {"two", "three"}


def test_mail_that_a_lost_worker_holds_is_waited_for(post: Post) -> None:
    post.begin("w", "one")
    post.accept(2)
    post.claim("w", "one")
    post.redis.hdel(keys.WORKERS, "w")
    post.redis.delete(keys.SETS)

    for step in (post.forget("one")[-1], post.move("one", "new")[-1]):
        assert (step.state, step.workers) == (StepState.HELD, ("w",))
    assert post.mail("one") == ["e1", "e2"]

    post.end("w")
    post.move("one", "new")
    assert post.mail("new") == ["e1", "e2"]
    assert post.redis.hget(keys.event("e1"), "interrupted:new") == b"1"
    post.check_mailboxes()


def test_what_is_not_known_is_said_to_be(post: Post) -> None:
    assert post.forget("one")[-1].state is StepState.UNKNOWN
    assert post.move("one", "new")[-1].state is StepState.UNKNOWN
    assert post.names("") == ["version"]


def test_a_handler_is_forgotten_some_hundred_events_at_a_time_and_from_where_it_stopped(
    post: Post,
) -> None:
    post.begin("w", "one")
    post.accept(2500)
    for number in range(20):
        post.accept(50, f"device:{number + 2}")
    post.end("w")

    first = post.ledger.forget_some("one", now_ms=post.now)
    assert first.state is StepState.MORE
    assert first.events == 500
    post.check_mailboxes()
    post.accept()
    assert post.record("e3501", "one") is None  # nothing new is given to it

    steps = post.forget("one")
    assert steps[-1].state is StepState.OVER
    assert max(step.events for step in steps) <= 500
    assert first.events + sum(step.events for step in steps) == 3500
    assert post.names("mail:") == []


@pytest.mark.parametrize("events", [100, 2500])
def test_parked_mailboxes_are_forgotten_some_hundred_events_at_a_time(
    post: Post, events: int
) -> None:
    post.begin("w", "one")
    post.park_mailboxes("w", "one", 5000 // events, events)
    post.end("w")

    steps = post.forget("one")

    assert steps[-1].state is StepState.OVER
    assert max(step.events for step in steps) <= 500
    assert sum(step.events for step in steps) == post.abandoned() == 5000
    assert post.due() == {}
    assert post.names("mail:") == []


def test_parked_mailboxes_that_nobody_has_are_given_up_some_hundred_events_at_a_time(
    post: Post,
) -> None:
    post.begin("w", "one")
    post.park_mailboxes("w", "one", 25, 100)
    post.end("w")
    post.sweep()

    counts = []
    while post.sweep(forget_after=timedelta(0)).more:
        counts.append(post.abandoned())
        post.check_mailboxes()
    assert counts[:5] == [500, 1000, 1500, 2000, 2500]
    assert subscribed(post.redis) == set()
    assert post.due() == {}


def test_that_others_have_many_retries_is_found_out_bit_by_bit(post: Post) -> None:
    post.begin("w", "one", "two")
    post.accept(3)
    post.claim("w", "one")
    post.settle("w", "one", retry("e1"), retry("e2"), retry("e3"))
    post.begin("v", "two")
    post.end("w")
    others = {f"x{number} two device:1": 10**14 for number in range(20_000)}
    post.redis.zadd(keys.DUE, others)

    post.now += 1
    sweeps = 0
    while post.sweep(alive=["v"], forget_after=timedelta(0)).more:
        sweeps += 1
    assert sweeps > 20
    assert subscribed(post.redis) == {"two"}
    assert post.due() == others
    assert post.names("abandoning") == []
    assert json.loads(post.record("e3", "one"))["state"] == "abandoned"
