"""Shifts that rest are rung for, so that nobody has to start one."""

from datetime import timedelta

from tests.bellhop.ledger.conftest import Desk, box, done, names

MINUTE = timedelta(minutes=1)


def rest(desk: Desk, shift: str = "w/1", duration: timedelta = MINUTE) -> bool:
    return desk.ledger.rest(shift, duration, now_ms=desk.now)


def test_a_shift_that_rests_is_rung_for_and_no_other_is_asked_for(desk: Desk) -> None:
    assert not rest(desk)

    assert not desk.deliver("e1").wants_shift
    assert desk.found["resting"] == {}
    assert desk.ledger.await_bell("w/1", 0.01)
    assert names(desk.claim("w/1").mail) == {"device:1": ["e1"]}
    assert desk.found["bells"] == set()


def test_it_is_rung_for_though_a_shift_waits_for_a_worker_in_rqs_queue(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim("w/1")
    assert desk.deliver("e2", mailbox="device:2").wants_shift  # put into the queue
    desk.settle(box("end", done("e1")), mailboxes=9, entries=9)
    desk.settle(box("end", done("e2"), mailbox="device:2"))
    assert not rest(desk)

    assert not desk.deliver("e3").wants_shift
    assert desk.found["bells"] == {"w/1"}


def test_with_mail_there_is_no_rest(desk: Desk) -> None:
    desk.deliver("e1")

    assert rest(desk)
    assert desk.found["resting"] == {}


def test_who_claims_rests_no_more(desk: Desk) -> None:
    rest(desk)
    assert desk.claim("w/1").mail == ()

    assert desk.deliver("e1").wants_shift


def test_each_is_rung_for_once_until_it_has_claimed(desk: Desk) -> None:
    rest(desk, "w/1")
    rest(desk, "v/1")
    desk.deliver("e1", mailbox="device:1")
    desk.deliver("e2", mailbox="device:2")
    assert len(desk.found["bells"]) == 1

    (rung,) = desk.found["bells"]
    assert not desk.claim(rung, mailboxes=1, entries=1).wants_shift  # the other is rung for
    (other,) = desk.found["bells"]
    assert {rung, other} == {"w/1", "v/1"}


def test_one_whose_time_is_up_is_not_counted_on(desk: Desk) -> None:
    rest(desk)
    desk.now += 60_000

    assert desk.deliver("e1").wants_shift


def test_one_that_died_is_not_counted_on(desk: Desk) -> None:
    rest(desk)
    desk.sweep("w")

    assert desk.deliver("e1").wants_shift


def test_of_one_that_was_rung_for_and_died_the_foreman_calls_another(desk: Desk) -> None:
    rest(desk)
    desk.deliver("e1")
    desk.now += 2_000

    assert desk.sweep("w").wants_shift


def test_a_settle_that_makes_mail_ready_rings_too(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim("v/1", entries=1)
    rest(desk)
    settled = desk.settle(box("end", done("e1")), shift="v/1")

    assert not settled.wants_shift
    assert desk.found["bells"] == {"w/1"}


def test_nobody_is_rung_for_without_need(desk: Desk) -> None:
    rest(desk)

    assert not desk.ledger.await_bell("w/1", 0.01)
    assert not desk.sweep().wants_shift
    assert desk.found["bells"] == set()
