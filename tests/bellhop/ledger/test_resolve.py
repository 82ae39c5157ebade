"""Dead letters: tried again, or dropped, once."""

from datetime import timedelta

from bellhop.ledger import Resolution, Resolved, keys
from tests.bellhop.ledger.conftest import (
    BELL,
    END,
    LOG,
    Desk,
    box,
    dead,
    done,
    failed,
    names,
    record,
)

AGAIN, DROPPED = record("retrying", "again"), record("dropped", "no use")
RETRY = Resolution("retry", "e1", "bell", AGAIN)
DROP = Resolution("drop", "e1", "bell", DROPPED)


def with_a_dead_letter(desk: Desk) -> None:
    """Let the handler `bell` give up e1."""
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(END, dead("e1")))
    assert desk.found["dead"] == {"e1 bell": desk.now}


def test_one_that_is_tried_again_is_for_its_handler_only(bare: Desk) -> None:
    bare.subscribe("w", BELL, LOG)
    bare.deliver("e1")
    bare.claim()
    bare.settle(box(END, dead("e1")), box(END, done("e1"), handler="log"))

    assert bare.resolve(RETRY) == Resolved((True,), (bare.sets["w"].fingerprint,))
    (mail,) = bare.claim(settles=1).mail
    assert names([mail]) == {"bell device:1": ["e1"]}
    assert mail.entries[0].record == AGAIN
    assert bare.found["dead"] == {}
    event = bare.event("e1")
    assert (event["state"], event["open"], event["dead"]) == ("retrying", 1, 0)


def test_it_goes_behind_what_waits(desk: Desk) -> None:
    with_a_dead_letter(desk)
    desk.deliver("e2")
    desk.resolve(RETRY)

    assert names(desk.claim(settles=1).mail) == {"bell device:1": ["e2", "e1"]}


def test_it_can_die_again(desk: Desk) -> None:
    with_a_dead_letter(desk)
    desk.resolve(RETRY)
    desk.claim(settles=1)
    desk.settle(box(END, dead("e1")))

    assert desk.found["dead"] == {"e1 bell": desk.now}
    assert (desk.event("e1")["state"], desk.event("e1")["dead"]) == ("dead", 1)


def test_when_it_is_done_at_last_its_time_to_live_begins(desk: Desk) -> None:
    with_a_dead_letter(desk)
    assert desk.redis.pttl(keys.event("e1")) == -1
    desk.resolve(RETRY)
    assert desk.redis.pttl(keys.event("e1")) == -1
    desk.claim(settles=1)
    desk.settle(box(END, done("e1", again=True)))

    assert desk.event("e1")["state"] == "done"
    assert desk.redis.pttl(keys.event("e1")) > 0


def test_one_that_is_dropped_is_over(desk: Desk) -> None:
    with_a_dead_letter(desk)

    assert desk.resolve(DROP) == Resolved((True,), ())
    event = desk.event("e1")
    assert (event["state"], event["dead"], event["records"]) == ("done", 0, {"bell": DROPPED})
    fourteen_days = timedelta(days=14) // timedelta(milliseconds=1)
    assert 0 < desk.redis.pttl(keys.event("e1")) <= fourteen_days
    assert desk.found["mail"] == {}


def test_an_event_with_another_dead_letter_or_a_retry_stays(bare: Desk) -> None:
    bare.subscribe("w", BELL, LOG)
    bare.deliver("e1", "e2")
    bare.claim()
    bare.settle(
        box(END, dead("e1"), dead("e2")),
        box(END, dead("e1"), failed("e2", 9_000), handler="log"),
    )

    bare.resolve(DROP, DROP._replace(event_id="e2"))
    assert bare.event("e1")["state"] == "dead"
    assert bare.event("e2")["state"] == "retrying"
    assert not bare.event("e1")["may be forgotten"]
    assert not bare.event("e2")["may be forgotten"]


def test_an_event_that_another_handler_is_yet_to_see_is_not_forgotten_meanwhile(
    bare: Desk,
) -> None:
    bare.subscribe("w", BELL, LOG)
    bare.deliver("e1", "e2")
    bare.claim()
    bare.settle(box(END, dead("e1"), dead("e2")))
    bare.resolve(DROP, RETRY._replace(event_id="e2"))

    for event_id in ("e1", "e2"):
        assert bare.redis.pttl(keys.event(event_id)) == -1
    bare.settle(box(END, done("e1"), done("e2"), handler="log"))
    assert (bare.event("e1")["state"], bare.event("e2")["state"]) == ("done", "retrying")


def test_what_somebody_else_dealt_with_is_left_alone(desk: Desk) -> None:
    with_a_dead_letter(desk)
    assert desk.resolve(RETRY, RETRY, DROP).done == (True, False, False)
    assert desk.resolve(RETRY._replace(event_id="nobody's")).done == (False,)

    assert names(desk.claim(settles=1).mail) == {"bell device:1": ["e1"]}
    assert desk.event("e1")["open"] == 1


def test_workers_that_died_under_it_are_forgiven(desk: Desk) -> None:
    desk.deliver("e1")
    for worker in ("a", "b"):
        desk.claim(worker)
        desk.die(worker, under="e1 bell")
    desk.claim()
    assert desk.event("e1")["deaths"] == {"bell": 2}
    desk.settle(box(END, dead("e1")))
    desk.resolve(RETRY)

    assert desk.event("e1")["deaths"] == {}
    (mail,) = desk.claim(settles=1).mail
    assert (mail.alone, mail.entries[0].deaths) == (False, 0)


def test_one_of_a_handler_that_was_forgotten_waits_for_a_worker_that_has_it(desk: Desk) -> None:
    with_a_dead_letter(desk)
    desk.sweep(dead={"w": ""})
    desk.now += 1
    desk.sweep(forget_after=timedelta(0))
    assert desk.found["subscriptions"] == {}

    assert desk.resolve(RETRY).wake == ()
    assert desk.found["subscriptions"] == {"bell": ({}, desk.now)}
    assert desk.subscribe("v") == (desk.sets["v"].fingerprint,)
    assert names(desk.claim("v").mail) == {"bell device:1": ["e1"]}


def test_one_whose_event_is_gone_is_one_no_more(desk: Desk) -> None:
    with_a_dead_letter(desk)
    desk.redis.delete(keys.event("e1"))

    assert desk.resolve(RETRY) == Resolved((True,), ())
    assert desk.found["dead"] == desk.found["events"] == desk.found["mail"] == {}
