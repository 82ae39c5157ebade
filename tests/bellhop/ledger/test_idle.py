"""Idle workers are woken, so that nobody has to start a shift."""

from bellhop.ledger import keys
from tests.bellhop.ledger.conftest import BELL, END, LOG, Desk, arrival, box, done, names


def test_an_idle_worker_is_woken_and_no_shift_is_asked_for(desk: Desk) -> None:
    assert not desk.idle()

    assert not desk.deliver("e1").wake
    assert desk.found["idle"] == {}
    assert desk.ledger.await_wake("w", 0.01)
    assert names(desk.claim(was_idle=True).mail) == {"bell device:1": ["e1"]}
    assert desk.found["wake"] == set()


def test_of_each_set_with_a_handler_of_the_event_a_worker_is_woken(desk: Desk) -> None:
    desk.subscribe("u", LOG)
    desk.subscribe("v", BELL, LOG)
    for worker in ("w", "v"):
        desk.idle(worker)

    assert desk.deliver("e1").wake == (desk.sets["u"].fingerprint,)
    assert desk.found["wake"] == {"w", "v"}


def test_it_is_woken_though_a_shift_waits_for_a_worker_in_rqs_queue(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    assert desk.deliver("e2", mailbox="device:2").wake  # put into the queue
    desk.settle(box(END, done("e1")), entries=9)
    desk.settle(box(END, done("e2"), mailbox="device:2"))
    assert not desk.idle()

    assert not desk.deliver("e3").wake
    assert desk.found["wake"] == {"w"}


def test_with_mail_nobody_is_idle(desk: Desk) -> None:
    desk.deliver("e1")

    assert desk.idle()
    assert desk.found["idle"] == {}


def test_mail_of_other_handlers_keeps_nobody_from_being_idle(desk: Desk) -> None:
    desk.subscribe("v", LOG)
    desk.deliver("e1")
    desk.claim("v")

    assert not desk.idle("v")


def test_who_claims_is_idle_no_more(desk: Desk) -> None:
    desk.idle()
    assert desk.claim(was_idle=True).mail == ()

    assert desk.deliver("e1").wake


def test_who_takes_but_a_part_wakes_the_next(desk: Desk) -> None:
    desk.idle("w")
    desk.idle("v")
    desk.accept(*(arrival(f"e{number}", f"device:{number}") for number in range(2)))
    (woken,) = desk.found["wake"]

    assert not desk.claim(woken, mailboxes=1, entries=1, was_idle=True).wake
    (other,) = desk.found["wake"]
    assert {woken, other} == {"w", "v"}


def test_the_most_recently_idle_worker_is_woken(desk: Desk) -> None:
    desk.idle("w")
    desk.now += 1
    desk.idle("v")
    desk.deliver("e1")

    assert desk.found["wake"] == {"v"}


def test_more_mail_wakes_another(desk: Desk) -> None:
    desk.idle("w")
    desk.idle("v")
    desk.deliver("e1", mailbox="device:1")
    desk.deliver("e2", mailbox="device:2")

    assert desk.found["wake"] == {"w", "v"}
    assert desk.deliver("e3", mailbox="device:3").wake


def test_while_workers_are_idle_and_work_no_more_than_one_shift_waits_in_rqs_queue(
    desk: Desk,
) -> None:
    desk.subscribe("v")
    desk.deliver("e0", mailbox="device:0")
    desk.claim()
    # It stays there: both workers have their hands full, or are idle.
    assert desk.deliver("e1", mailbox="device:1").wake
    desk.claim("v", was_idle=True)
    for number in range(2, 20):
        worker, before = "wv"[number % 2], number - 2
        desk.settle(box(END, done(f"e{before}"), mailbox=f"device:{before}"), worker=worker)
        assert not desk.idle(worker)
        assert not desk.deliver(f"e{number}", mailbox=f"device:{number}").wake
        assert desk.claim(worker, was_idle=True, settles=number // 2).mail
        assert not desk.sweep("w", "v", queued=["w"]).wake


def test_one_whose_time_is_up_is_not_counted_on(desk: Desk) -> None:
    desk.idle()
    desk.now += 60_000

    assert desk.deliver("e1").wake


def test_one_that_died_is_not_counted_on(desk: Desk) -> None:
    desk.subscribe("v")
    desk.idle("w")
    desk.sweep("v", dead={"w": ""})

    assert desk.deliver("e1").wake


def test_of_one_that_was_woken_and_died_the_foreman_calls_another(desk: Desk) -> None:
    desk.subscribe("v")
    desk.idle("w")
    desk.deliver("e1")

    assert desk.sweep("v", dead={"w": ""}).wake
    assert not desk.sweep("v").wake  # it is on its way


def test_an_idle_worker_is_woken_if_a_shift_that_was_asked_for_never_came(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim("w")
    assert desk.deliver("e2", mailbox="device:2").wake  # and who was told so died
    fingerprint = desk.set_of("v").fingerprint
    desk.redis.zadd(f"{keys.PREFIX}idle:{fingerprint}", {"v": desk.now + 60_000})
    desk.now += 2_000

    assert not desk.sweep("w", "v").wake
    assert desk.found["wake"] == {"v"}
    assert desk.found["waiting"] == {}  # so the next event need not wait for a sweep


def test_an_idle_worker_is_woken_though_a_shift_waits_in_the_queue(desk: Desk) -> None:
    desk.deliver("e1")
    fingerprint = desk.set_of("v").fingerprint
    desk.redis.zadd(f"{keys.PREFIX}idle:{fingerprint}", {"v": desk.now + 60_000})

    assert not desk.sweep("w", "v", queued=["w"]).wake
    assert desk.found["wake"] == {"v"}


def test_a_shift_that_waits_in_the_queue_is_noted_though_the_note_was_lost(desk: Desk) -> None:
    desk.deliver("e1")
    fingerprint = desk.sets["w"].fingerprint
    desk.redis.delete(f"{keys.PREFIX}waiting:{fingerprint}")
    desk.sweep("w", queued=["w"])

    assert desk.found["waiting"] == {fingerprint: desk.now}


def test_a_settle_that_makes_mail_ready_wakes_somebody_too(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim("v", entries=1)
    desk.idle("w")
    settled = desk.settle(box(END, done("e1")), worker="v")

    assert not settled.wake
    assert desk.found["wake"] == {"w"}


def test_nobody_is_woken_without_need(desk: Desk) -> None:
    desk.idle()

    assert not desk.ledger.await_wake("w", 0.01)
    assert not desk.sweep("w").wake
    assert desk.found["wake"] == set()


def test_while_a_shift_waits_in_rqs_queue_it_is_not_forgotten(desk: Desk) -> None:
    assert desk.deliver("e1").wake
    desk.claim(was_idle=True)  # with nothing left that is ready
    waiting = f"{keys.PREFIX}waiting:{desk.sets['w'].fingerprint}"
    desk.redis.pexpire(waiting, 1_000)

    desk.sweep("w", queued=["w"])
    assert desk.redis.pttl(waiting) > 50_000
