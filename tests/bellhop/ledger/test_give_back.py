"""Where a mailbox goes after a settle, and what mail comes next."""

from tests.bellhop.ledger.conftest import Desk, box, done, names


def test_entries_that_were_settled_are_no_longer_in_hand(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim()
    desk.settle(box("keep", done("e1"), done("e2")))

    assert desk.found["held"] == {"w/1": {"device:1": 1}}


def test_a_mailbox_given_back_at_the_end_waits_behind_the_others(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)
    desk.deliver("e3", mailbox="device:2")
    desk.settle(box("end", done("e1")))

    assert desk.found["ready"] == ["device:2", "device:1"]


def test_a_mailbox_given_back_in_front_is_the_next(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.deliver("e2", mailbox="device:2")
    desk.settle(box("front"))

    assert desk.found["ready"] == ["device:1", "device:2"]


def test_a_mailbox_that_is_left_empty_is_given_up_though_it_was_to_be_kept(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("keep", done("e1")))
    assert desk.found["held"] == {}

    assert desk.deliver("e2").wants_shift
    assert names(desk.claim("v/1").mail) == {"device:1": ["e2"]}


def test_giving_back_a_mailbox_that_somebody_else_holds_by_now_changes_nothing(desk: Desk) -> None:
    desk.deliver("e1")
    desk.deliver("e2", mailbox="device:2")
    desk.claim()
    desk.settle(box("keep", done("e1")))
    desk.deliver("e3")
    desk.claim("v/1")

    assert desk.settle(box("end")).ours
    assert desk.found["ready"] == []
    assert desk.found["held"] == {"w/1": {"device:2": 1}, "v/1": {"device:1": 1}}


def test_mail_that_came_meanwhile_is_not_forgotten(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.deliver("e2")

    settled = desk.settle(box("end", done("e1")))
    assert settled.wants_shift
    assert desk.found["ready"] == ["device:1"]


def test_the_next_mail_is_claimed_in_the_same_call(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)

    settled = desk.settle(box("end", done("e1")), mailboxes=1, entries=1)
    assert names(settled.mail) == {"device:1": ["e2"]}
    assert desk.found["held"] == {"w/1": {"device:1": 1}}


def test_a_settle_asks_for_a_shift_if_it_leaves_mail_ready(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)

    assert desk.settle(box("end", done("e1"))).wants_shift
    assert not desk.deliver("e3").wants_shift


def test_a_mailbox_with_doubts_goes_back_to_the_careful_ones(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim("w/1", entries=2)
    desk.die("w")
    desk.claim("v/1")
    desk.settle(box("end", done("e1")), shift="v/1")
    assert (desk.found["careful"], desk.found["doubts"]) == (["device:1"], {"device:1": 1})

    desk.claim("v/2")
    desk.settle(box("end", done("e2")), shift="v/2")
    assert (desk.found["ready"], desk.found["doubts"]) == (["device:1"], {})


def test_an_empty_mailbox_is_not_doubted_any_more(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim("w/1")
    desk.settle(box("keep", done("e1"), done("e2")), shift="w/1")
    desk.die("w")
    desk.claim("v/1")
    desk.settle(box("end", done("e3")), shift="v/1")

    assert desk.found["doubts"] == desk.found["mail"] == {}
