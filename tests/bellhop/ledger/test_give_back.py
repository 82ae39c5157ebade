"""Where a mailbox goes after a settle, and what mail comes next."""

import pytest

from bellhop.ledger import Subscription
from tests.bellhop.ledger.conftest import (
    BELL,
    END,
    FRONT,
    KEEP,
    LOG,
    PARK,
    Desk,
    box,
    done,
    names,
    record,
    unwanted,
)


def test_entries_that_were_settled_are_no_longer_in_hand(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim()
    desk.settle(box(KEEP, done("e1"), done("e2")))

    assert desk.found["held"] == {"w": {"bell device:1": 1}}


def test_a_mailbox_given_back_at_the_end_waits_behind_the_others(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)
    desk.deliver("e3", mailbox="device:2")
    desk.settle(box(END, done("e1")))

    assert desk.ready() == ["device:2", "device:1"]


def test_a_mailbox_given_back_in_front_is_the_next(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.deliver("e2", mailbox="device:2")
    desk.settle(box(FRONT))

    assert desk.ready() == ["device:1", "device:2"]


def test_a_mailbox_that_is_left_empty_is_given_up_though_it_was_to_be_kept(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(KEEP, done("e1")))
    assert desk.found["held"] == {}

    assert desk.deliver("e2").wake
    assert names(desk.claim("v").mail) == {"bell device:1": ["e2"]}


def test_giving_back_a_mailbox_that_somebody_else_holds_by_now_changes_nothing(desk: Desk) -> None:
    desk.deliver("e1")
    desk.deliver("e2", mailbox="device:2")
    desk.claim()
    desk.settle(box(KEEP, done("e1")))
    desk.deliver("e3")
    desk.claim("v")

    assert desk.settle(box(END)).ours
    assert desk.ready() == []
    assert desk.found["held"] == {"w": {"bell device:2": 1}, "v": {"bell device:1": 1}}


def test_mail_that_came_meanwhile_is_not_forgotten(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.deliver("e2")

    assert desk.settle(box(END, done("e1"))).wake
    assert desk.ready() == ["device:1"]


def test_the_next_mail_is_claimed_in_the_same_call(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)

    settled = desk.settle(box(END, done("e1")), mailboxes=1, entries=1)
    assert names(settled.mail) == {"bell device:1": ["e2"]}
    assert desk.found["held"] == {"w": {"bell device:1": 1}}


def test_a_settle_asks_for_a_shift_if_it_leaves_mail_ready(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)

    assert desk.settle(box(END, done("e1"))).wake
    assert not desk.deliver("e3").wake


def test_of_a_mailbox_that_is_kept_with_nothing_in_hand_nothing_is_given_again(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)
    desk.settle(box(KEEP, done("e1")))

    assert desk.found["held"] == {"w": {"bell device:1": 0}}
    assert desk.settle_again(box(KEEP, done("e1"))).mail == ()


def test_what_another_set_wants_stays_first_and_waits_a_moment(desk: Desk) -> None:
    desk.subscribe("w", BELL._replace(patterns=["lock.locked"]))
    desk.subscribe("v", BELL)
    desk.deliver("e1", "e2")
    desk.claim()
    before = desk.event("e1")

    desk.settle(box(PARK, unwanted("e1")))
    assert desk.event("e1") == before
    assert desk.found["mail"] == {"bell device:1": ["e1", "e2"]}
    assert desk.found["due"] == {" bell device:1": desk.now + 1_000}
    assert desk.found["held"] == {}


@pytest.mark.parametrize("other", [BELL._replace(patterns=["lock.locked"]), LOG])
def test_what_no_other_set_wants_is_skipped(desk: Desk, other: Subscription) -> None:
    desk.subscribe("v", other)
    desk.deliver("e1", "e2")
    desk.claim()

    desk.settle(box(PARK, unwanted("e1")))
    assert desk.event("e1")["records"]["bell"] == record("skipped")
    assert desk.found["mail"]["bell device:1"] == ["e2"]
    assert desk.ready() == ["device:1"]
    assert desk.found["due"] == {}
