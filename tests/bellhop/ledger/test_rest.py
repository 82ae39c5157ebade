"""Shifts that rest are rung for, so that nobody has to start one."""

from datetime import timedelta

from bellhop.ledger import keys
from tests.bellhop.ledger.conftest import Desk, arrival, box, done, names

MINUTE = timedelta(minutes=1)


def rest(desk: Desk, shift: str = "w/1", duration: timedelta = MINUTE) -> bool:
    return desk.ledger.rest(shift, duration, now_ms=desk.now)


def test_a_shift_that_rests_is_rung_for_and_no_other_is_asked_for(desk: Desk) -> None:
    assert not rest(desk)

    assert not desk.deliver("e1").wants_shift
    assert desk.found["resting"] == {}
    assert desk.ledger.await_bell("w/1", 0.01)
    assert names(desk.claim("w/1", rested=True).mail) == {"device:1": ["e1"]}
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
    assert desk.claim("w/1", rested=True).mail == ()

    assert desk.deliver("e1").wants_shift


def test_who_takes_but_a_part_rings_for_the_next(desk: Desk) -> None:
    rest(desk, "w/1")
    rest(desk, "v/1")
    desk.accept(*(arrival(f"e{number}", f"device:{number}") for number in range(2)))
    (rung,) = desk.found["bells"]

    assert not desk.claim(rung, mailboxes=1, entries=1, rested=True).wants_shift
    (other,) = desk.found["bells"]
    assert {rung, other} == {"w/1", "v/1"}


def test_more_mail_rings_for_another(desk: Desk) -> None:
    rest(desk, "w/1")
    rest(desk, "v/1")
    desk.deliver("e1", mailbox="device:1")
    desk.deliver("e2", mailbox="device:2")

    assert desk.found["bells"] == {"w/1", "v/1"}
    assert desk.deliver("e3", mailbox="device:3").wants_shift


def test_while_shifts_rest_and_work_no_more_than_one_waits_in_rqs_queue(desk: Desk) -> None:
    desk.deliver("e0", mailbox="device:0")
    desk.claim("w/1")
    asked = desk.deliver("e1", mailbox="device:1").wants_shift
    assert asked  # and it stays there: both workers have their hands full, or rest
    desk.claim("v/1", rested=True)
    for number in range(2, 20):
        shift, before = ("w/1", number - 2) if number % 2 == 0 else ("v/1", number - 2)
        desk.settle(box("end", done(f"e{before}"), mailbox=f"device:{before}"), shift=shift)
        assert not rest(desk, shift)
        assert not desk.deliver(f"e{number}", mailbox=f"device:{number}").wants_shift
        assert desk.claim(shift, rested=True).mail
        assert not desk.sweep(queued=1).wants_shift


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

    assert desk.sweep("w").wants_shift
    assert not desk.sweep().wants_shift  # it is on its way


def test_a_shift_that_rests_is_rung_for_if_one_that_was_asked_for_never_came(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim("w/1")
    assert desk.deliver("e2", mailbox="device:2").wants_shift  # and who was told so died
    desk.claim("v/1", mailboxes=0, rested=True)
    desk.redis.zadd(keys.RESTING, {"v/1": desk.now + 60_000})
    desk.now += 2_000

    assert not desk.sweep().wants_shift
    assert desk.found["bells"] == {"v/1"}
    assert desk.found["waiting"] is None  # so the next event need not wait for a sweep


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


def test_while_one_waits_in_rqs_queue_it_is_not_forgotten(desk: Desk) -> None:
    assert desk.deliver("e1").wants_shift
    desk.claim("w/1", rested=True)  # with nothing left that is ready
    desk.redis.pexpire(keys.WAITING, 1_000)

    desk.sweep(queued=1)
    assert desk.redis.pttl(keys.WAITING) > 50_000
