"""Events that are over, given to handlers again, or to new ones."""

import pytest

from bellhop.ledger import Replay, Replayed, Resolution, SettledMail, keys
from tests.bellhop.ledger.conftest import (
    DEAD,
    DONE,
    END,
    KEEP,
    LOG,
    PARK,
    RETRYING,
    Desk,
    box,
    dead,
    done,
    failed,
    names,
    parked,
    record,
)

REPLAYING = record("replaying")
AGAIN = Replay("e1", "bell", DONE, REPLAYING)
FIRST = Replay("e1", "log", "", REPLAYING)


def test_it_goes_to_one_handler_at_the_end_of_its_mailbox(desk: Desk) -> None:
    desk.handle("e1")
    desk.deliver("e2")
    desk.subscribe("v", LOG)

    assert desk.replay(AGAIN, FIRST).done == (True, True)
    (mail,) = desk.claim(settles=1).mail
    assert names([mail]) == {"bell device:1": ["e2", "e1"]}
    assert [entry.record for entry in mail.entries] == ["", REPLAYING]
    assert names(desk.claim("v").mail) == {"log device:1": ["e1"]}
    assert desk.event("e1")["records"] == {"bell": REPLAYING, "log": REPLAYING}


def test_a_shift_is_asked_for(desk: Desk) -> None:
    desk.handle("e1")
    assert desk.replay(AGAIN) == Replayed((True,), (desk.sets["w"].fingerprint,))


def test_its_record_stays_as_long_as_it_is_open_and_then_as_long_as_any(desk: Desk) -> None:
    desk.handle("e1")
    desk.subscribe("v", LOG)
    assert desk.redis.pttl(keys.event("e1")) > 0
    desk.replay(AGAIN, FIRST)
    assert desk.redis.pttl(keys.event("e1")) == -1
    assert (desk.event("e1")["state"], desk.event("e1")["open"]) == ("retrying", 2)

    desk.claim(settles=1)
    desk.settle(box(END, done("e1", again=True)))
    assert desk.redis.pttl(keys.event("e1")) == -1
    desk.claim("v")
    desk.settle(box(END, done("e1", again=True), handler="log"), worker="v")
    assert desk.redis.pttl(keys.event("e1")) > 0
    assert desk.event("e1")["state"] == "done"


def test_an_event_that_nobody_handled_can_be_given_to_somebody(desk: Desk) -> None:
    desk.subscribe("v", LOG._replace(patterns=["access_code.*"]))
    desk.sweep("v", dead={"w": ""})
    desk.redis.hdel(keys.SUBSCRIPTIONS, "bell")
    desk.deliver("e1")
    assert desk.event("e1")["state"] == "unhandled"

    assert desk.replay(FIRST).done == (True,)
    assert (desk.event("e1")["state"], desk.event("e1")["open"]) == ("retrying", 1)
    assert not desk.event("e1")["may be forgotten"]


def test_it_is_known_which_still_wait(desk: Desk) -> None:
    desk.handle("e1", "e2", "e3")
    replays = [AGAIN._replace(event_id=f"e{n}") for n in (1, 2, 3)]
    desk.replay(*replays)
    desk.claim(settles=1)
    assert desk.found["replaying"] == {"e1 bell", "e2 bell", "e3 bell"}
    desk.settle(box(KEEP, done("e1", again=True)))
    assert desk.found["replaying"] == {"e2 bell", "e3 bell"}


def test_one_that_failed_waits_no_more_however_often_it_is_tried_again(desk: Desk) -> None:
    """Else a replay to a handler that fails would take as long as all its attempts."""
    desk.handle("e1")
    desk.replay(AGAIN)
    desk.claim(settles=1)
    desk.settle(box(END, failed("e1", 3_600_000)))

    assert desk.found["replaying"] == set()
    assert desk.replay(AGAIN._replace(read=RETRYING)).done == (False,)


def test_those_in_a_mailbox_that_is_parked_are_not_waited_for(desk: Desk) -> None:
    """Else one device whose handler fails would hold up the replay of all others."""
    desk.handle("e1", "e2", "e3")
    desk.replay(AGAIN, AGAIN._replace(event_id="e2"))
    desk.claim(settles=1)
    desk.settle(box(PARK, parked("e1")))
    assert desk.found["replaying"] == set()
    assert desk.replay(AGAIN._replace(event_id="e3")).done == (True,)
    assert desk.found["replaying"] == set()


def test_a_long_mailbox_is_not_read_to_know_which_of_it_are_replayed(desk: Desk) -> None:
    desk.handle("e1")
    desk.replay(AGAIN)
    desk.deliver(*(f"x{number}" for number in range(2_500)))
    desk.claim(entries=1, settles=1)
    desk.redis.config_resetstat()
    desk.settle(box(PARK, parked("e1")))

    calls = desk.redis.info("commandstats")
    assert desk.found["replaying"] == set()
    assert calls["cmdstat_srem"]["calls"] < 3


@pytest.mark.parametrize("settled", [box(END, failed("e1", 5_000)), box(PARK, parked("e1"))])
def test_what_is_to_be_tried_again_anyway_is_left_alone(desk: Desk, settled: SettledMail) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(settled)

    assert desk.replay(AGAIN._replace(read=RETRYING)) == Replayed((False,), ())


def test_what_waits_for_its_handler_is_left_alone(desk: Desk) -> None:
    desk.handle("e1")
    desk.deliver("e2")
    again = AGAIN._replace(read=REPLAYING)

    assert desk.replay(Replay("e2", "bell", "", REPLAYING)).done == (False,)
    assert desk.replay(AGAIN, again).done == (True, False)
    assert desk.replay(FIRST).done == (True,), "another handler may have it"
    desk.claim(settles=1)
    assert desk.replay(again, Replay("e2", "bell", "", REPLAYING)).done == (False, False)


def test_what_waits_for_its_first_worker_is_left_alone(bare: Desk) -> None:
    bare.deliver("e1")

    assert bare.replay(FIRST) == Replayed((False,), ())
    assert bare.found["subscriptions"] == {}


def test_what_was_done_meanwhile_is_left_alone(desk: Desk) -> None:
    desk.handle("e1")
    read = [AGAIN._replace(read="what it was"), FIRST._replace(read=DONE)]
    assert desk.replay(*read).done == (False, False)
    assert desk.replay(AGAIN._replace(event_id="e9", read="")).done == (False,)
    assert desk.found["mail"] == {}


def test_a_dead_letter_is_none_any_more_and_can_become_one_again(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(END, dead("e1")))

    assert desk.replay(AGAIN._replace(read=DEAD)).done == (True,)
    assert desk.found["dead"] == {}
    assert (desk.event("e1")["state"], desk.event("e1")["dead"]) == ("retrying", 0)
    assert desk.resolve(Resolution("drop", "e1", "bell", DEAD)).done == (False,)

    desk.claim(settles=1)
    desk.settle(box(END, dead("e1")))
    assert list(desk.found["dead"]) == ["e1 bell"]
    assert (desk.event("e1")["state"], desk.event("e1")["dead"]) == ("dead", 1)


def test_workers_that_died_under_it_are_forgiven(desk: Desk) -> None:
    desk.handle("e1")
    desk.replay(AGAIN)
    desk.claim("a")
    desk.die("a", under="e1 bell")
    assert desk.event("e1")["deaths"] == {"bell": 1}
    desk.claim("b")
    desk.settle(box(END, done("e1", again=True)), worker="b")

    desk.replay(AGAIN)
    assert desk.claim("c").mail[0].entries[0].deaths == 0
