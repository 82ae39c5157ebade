"""How many mailboxes of a handler are at work at a time; none while it is paused."""

import pytest

from bellhop.ledger import Subscription, keys
from tests.bellhop.ledger.conftest import (
    BELL,
    END,
    LEASE_MS,
    LOG,
    PARK,
    Desk,
    arrival,
    box,
    done,
    names,
    parked,
)

TWO_AT_A_TIME = Subscription("bell", ["*"], 2)


@pytest.fixture
def limited(bare: Desk) -> Desk:
    """Two workers, a handler of which two mailboxes may be at work, and three that have mail."""
    bare.subscribe("w", TWO_AT_A_TIME)
    bare.subscribe("v", TWO_AT_A_TIME)
    bare.accept(*(arrival(f"e{n}", f"device:{n}") for n in range(3)))
    return bare


def test_no_more_mailboxes_are_claimed_than_may_be_at_work(limited: Desk) -> None:
    claimed = limited.claim()
    assert names(claimed.mail) == {"bell device:0": ["e0"], "bell device:1": ["e1"]}
    assert not claimed.wake, "nobody could claim more"
    assert limited.claim("v").mail == ()
    assert not limited.idle("v")
    assert not limited.sweep("w", "v").wake


def test_the_limit_holds_for_all_workers_together(limited: Desk) -> None:
    assert len(limited.claim("w", mailboxes=1).mail) == 1
    assert len(limited.claim("v").mail) == 1


def test_a_mailbox_that_is_given_back_leaves_its_place_to_another(limited: Desk) -> None:
    limited.claim()
    settled = limited.settle(box(END, done("e0"), mailbox="device:0"))

    assert settled.wake == (limited.sets["w"].fingerprint,)
    assert names(limited.claim("v").mail) == {"bell device:2": ["e2"]}


def test_a_parked_mailbox_leaves_its_place_to_another(limited: Desk) -> None:
    limited.claim()
    limited.settle(box(PARK, parked("e0"), mailbox="device:0"))

    assert names(limited.claim("v").mail) == {"bell device:2": ["e2"]}


@pytest.mark.parametrize("how", ["died", "lost its lease"])
def test_a_worker_that_is_gone_leaves_its_places_to_others(limited: Desk, how: str) -> None:
    limited.claim()
    if how == "died":
        limited.sweep("v", dead={"w": ""})
    else:
        limited.sweep_again_and_again(LEASE_MS // 1_000, "v")

    assert limited.found["working"] == {}
    assert len(limited.claim("v").mail) == 2


def test_a_suspect_takes_a_place_too(limited: Desk) -> None:
    limited.claim()
    limited.sweep("v", dead={"w": "e0 bell"})
    assert limited.claim("v").mail[0].alone
    limited.subscribe("u", TWO_AT_A_TIME)

    assert len(limited.claim("u").mail) == 1
    assert limited.found["working"] == {"bell": {"device:0", "device:1"}}


def test_the_lowest_limit_of_all_versions_counts(limited: Desk) -> None:
    limited.subscribe("u", Subscription("bell", ["*"], 1))

    assert len(limited.claim().mail) == 1
    limited.sweep("w", "v", dead={"u": ""})
    assert len(limited.claim("v").mail) == 1


def test_a_limit_that_is_lifted_and_comes_back_has_all_its_places(limited: Desk) -> None:
    """The worker that took them is not spoken for, but goes on."""
    limited.claim()
    limited.subscribe("u", BELL)
    limited.sweep("u", dead={"v": ""})
    for _ in range(30):
        limited.now += 1_000
        limited.sweep("u")
        limited.settle()
    assert limited.found["limits"] == {}
    limited.settle(*(box(END, done(f"e{n}"), mailbox=f"device:{n}") for n in range(2)))
    limited.subscribe("t", TWO_AT_A_TIME)
    limited.deliver("e3", mailbox="device:3")

    assert len(limited.claim("t").mail) == 2


def test_what_is_held_when_a_handler_becomes_limited_takes_its_places(desk: Desk) -> None:
    desk.accept(*(arrival(f"e{n}", f"device:{n}") for n in range(3)))
    desk.claim("w", mailboxes=1)
    desk.subscribe("v", TWO_AT_A_TIME)

    assert len(desk.claim("v").mail) == 1
    desk.settle(box(END, done("e0"), mailbox="device:0"))
    assert len(desk.settle(worker="v", entries=9).mail) == 1


def test_of_a_limited_handler_no_more_than_a_share_of_a_mailbox_is_claimed(limited: Desk) -> None:
    """One that holds a place is not to keep it for long."""
    limited.deliver("e9", mailbox="device:0")

    assert [len(one.entries) for one in limited.claim().mail] == [1, 1]


def test_entries_are_not_divided_by_handlers_that_have_no_place(limited: Desk) -> None:
    limited.claim()
    limited.subscribe("u", TWO_AT_A_TIME, LOG)
    limited.deliver(*(f"n{n}" for n in range(4)), mailbox="device:9")

    assert names(limited.claim("u", entries=4).mail) == {"log device:9": ["n0", "n1", "n2", "n3"]}


# Paused


def test_nothing_is_claimed_of_a_handler_that_is_paused(bare: Desk) -> None:
    bare.subscribe("w", BELL, LOG)
    bare.redis.sadd(keys.PAUSED, "bell")
    assert bare.deliver("e1").wake

    claimed = bare.claim()
    assert names(claimed.mail) == {"log device:1": ["e1"]}
    assert not claimed.wake
    assert bare.ready("bell") == ["device:1"]


def test_mail_of_a_paused_handler_wakes_nobody(desk: Desk) -> None:
    desk.idle()
    desk.redis.sadd(keys.PAUSED, "bell")

    assert not desk.deliver("e1").wake
    assert desk.found["wake"] == set()
    desk.now += 10_000
    assert not desk.sweep("w").wake


def test_when_it_is_resumed_the_foreman_sees_to_its_mail(desk: Desk) -> None:
    desk.redis.sadd(keys.PAUSED, "bell")
    desk.deliver("e1")
    desk.redis.srem(keys.PAUSED, "bell")

    assert desk.sweep("w").wake
    assert names(desk.claim().mail) == {"bell device:1": ["e1"]}


def test_a_suspect_of_a_paused_handler_keeps_nobody_from_other_mail(bare: Desk) -> None:
    bare.subscribe("w", BELL, LOG)
    bare.deliver("e1")
    bare.claim()
    bare.subscribe("v", BELL, LOG)
    bare.sweep("v", dead={"w": "e1 bell"})
    bare.redis.sadd(keys.PAUSED, "bell")
    bare.deliver("e2", mailbox="device:2")

    assert names(bare.claim("v", mailboxes=1).mail) == {"log device:1": ["e1"]}
    settled = bare.settle(worker="v", entries=9)
    assert names(settled.mail) == {"log device:2": ["e2"]}
    assert not settled.suspects_wait


def test_what_is_held_when_it_is_paused_is_settled(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.redis.sadd(keys.PAUSED, "bell")

    assert desk.settle(box(END, done("e1"))).ours
    assert desk.event("e1")["state"] == "done"
