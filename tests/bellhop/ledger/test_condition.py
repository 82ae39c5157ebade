"""How the ledger is doing, in a few numbers."""

from datetime import UTC, datetime, timedelta

from bellhop.events import Drift
from bellhop.ledger import Condition, Quarantined, read_condition
from tests.bellhop.ledger.conftest import (
    END,
    LOG,
    PARK,
    Desk,
    arrival,
    box,
    dead,
    done,
    failed,
    parked,
)


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def test_an_empty_ledger_is_well(desk: Desk) -> None:
    condition = read_condition(desk.redis)
    assert condition == Condition(condition.now, None, 0, 0, None, 0, None, 0, 0, 0)
    assert abs(condition.now - datetime.now(UTC)) < timedelta(seconds=5)


def test_everything_is_counted(desk: Desk) -> None:
    drift = Drift("lock.unlocked", "method", "unknown_value", '"palm_vein"')
    desk.accept(Quarantined("q1", b"{", ("no event_id",)))
    desk.accept(arrival("e1")._replace(drift=[drift]))
    desk.deliver("e2")
    desk.claim()
    desk.settle(box(END, dead("e1"), failed("e2", 5_000)))
    first = desk.now
    desk.now += 1_000
    desk.deliver("e3", mailbox="device:2")
    desk.now += 1_000
    desk.deliver("e4", mailbox="device:3")
    desk.claim("v", mailboxes=1)
    desk.sweep("w", "v")

    condition = read_condition(desk.redis)
    assert condition.swept_at == at(desk.now)
    assert (condition.mailboxes_ready, condition.unrouted) == (1, 0)
    assert condition.oldest_mail == at(first + 1_000)
    assert (condition.retries, condition.oldest_due) == (1, at(first + 5_000))
    assert (condition.dead, condition.quarantined, condition.drift) == (1, 1, 1)
    assert condition.oldest_dead == at(first)
    assert condition.oldest_quarantined
    assert condition.oldest_quarantined <= at(first)


def test_a_retry_that_has_just_come_due_is_no_old_mail(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(END, failed("e1", 3_600_000)))
    desk.now += 3_600_000
    desk.sweep("w")

    condition = read_condition(desk.redis)
    assert (condition.mailboxes_ready, condition.retries) == (1, 0)
    assert condition.oldest_mail is None


def test_mailboxes_of_all_handlers_are_counted_and_those_that_are_run_alone(desk: Desk) -> None:
    desk.subscribe("v", LOG)
    desk.deliver("e1")
    desk.deliver("e2", mailbox="device:2")
    desk.claim()
    desk.sweep("v", dead={"w": "e1 bell"})

    condition = read_condition(desk.redis)
    assert condition.mailboxes_ready == 4
    assert condition.oldest_mail == at(desk.now)


def test_what_one_handler_did_does_not_hide_that_another_has_it_still_before_it(
    desk: Desk,
) -> None:
    desk.subscribe("v", LOG)
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(END, done("e1")))

    assert read_condition(desk.redis).oldest_mail == at(desk.now)
    desk.claim("v")
    desk.settle(box(END, done("e1"), handler="log"), worker="v")
    assert read_condition(desk.redis).oldest_mail is None


def test_a_parked_mailbox_is_a_retry(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.settle(box(PARK, parked("e1", 5_000)))

    condition = read_condition(desk.redis)
    assert (condition.mailboxes_ready, condition.retries) == (0, 1)
    assert condition.oldest_due == at(desk.now + 5_000)


def test_what_waits_for_the_first_worker_is_counted(bare: Desk) -> None:
    bare.deliver("e1", "e2")

    condition = read_condition(bare.redis)
    assert (condition.unrouted, condition.mailboxes_ready) == (2, 0)
    assert condition.oldest_mail == at(bare.now)


def test_the_oldest_mail_is_found_among_many_mailboxes(desk: Desk) -> None:
    for number in range(250):
        desk.deliver(f"e{number}", mailbox=f"device:{number}")
        desk.now += 10
    first = desk.now - 2_500

    condition = read_condition(desk.redis)
    assert condition.mailboxes_ready == 250
    assert condition.oldest_mail == at(first)
