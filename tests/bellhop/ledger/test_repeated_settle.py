"""A settle is written once, however often it comes, and never without a lease."""

from bellhop.ledger import Settled, keys
from tests.bellhop.ledger.conftest import (
    END,
    KEEP,
    LEASE_MS,
    Desk,
    box,
    dead,
    done,
    failed,
    names,
)

SETTLED_BY_W = f"{keys.PREFIX}settled:w"


def test_a_settle_extends_the_lease(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.now += 15_000
    desk.settle()

    assert desk.found["leases"] == {"w": desk.now + LEASE_MS}
    desk.now += 15_000
    assert desk.sweep().freed == ()


def test_a_settle_after_the_lease_was_taken_away_writes_nothing(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.now += LEASE_MS
    assert desk.sweep().freed == ("w",)
    before = desk.found

    settled = desk.settle(box(END, failed("e1"), dead("e2")), entries=9)
    assert settled == Settled(False, (), ())
    assert desk.found == before


def test_a_settle_after_the_lease_ended_counts_if_nobody_took_it_away(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.now += LEASE_MS * 2

    assert desk.settle(box(END, done("e1"))).ours
    assert desk.event("e1")["state"] == "done"


def test_a_settle_that_was_held_up_until_a_later_one_was_written_writes_nothing(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)
    first = box(KEEP, failed("e1"))
    desk.settle(first, mailboxes=1, entries=1)
    desk.settle(box(END, done("e2")))
    before = desk.found

    late = desk.ledger.settle("w", desk.sets["w"], 1, [first], now_ms=desk.now)
    assert not late.ours
    assert desk.found == before


def test_a_settle_whose_answer_was_lost_changes_nothing_when_repeated(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.deliver("e4", mailbox="device:2")
    desk.claim(mailboxes=1)
    results = box(KEEP, failed("e1"), dead("e2"))
    desk.settle(results, mailboxes=1, entries=1)
    before = desk.found

    again = desk.settle_again(results, mailboxes=1, entries=1)
    assert again.ours
    assert names(again.mail) == {"bell device:1": ["e3"], "bell device:2": ["e4"]}
    assert desk.found == before


def test_a_repeated_settle_that_gave_everything_back_is_ours_and_has_no_mail(desk: Desk) -> None:
    desk.handle("e1")

    assert desk.settle_again(box(END, done("e1"))) == Settled(True, (), ())


def test_a_repeated_settle_extends_the_lease(desk: Desk) -> None:
    """Its answer may have been lost for as long as Redis was away."""
    desk.deliver("e1")
    desk.claim()
    desk.settle()
    desk.now += LEASE_MS - 1
    desk.settle_again()
    desk.now += LEASE_MS - 1

    assert desk.sweep().freed == ()


def test_a_repeated_settle_after_the_lease_was_taken_away_is_refused(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.settle(box(KEEP, done("e1")))
    desk.die()

    assert desk.settle_again(box(KEEP, done("e1"))) == Settled(False, (), ())


def test_the_last_settle_is_known_for_as_long_as_the_worker_holds_mail(desk: Desk) -> None:
    """Redis was away for longer than the lease, and the worker is faster than the foreman."""
    desk.deliver("e1", "e2")
    desk.claim()
    desk.settle(box(KEEP, dead("e1")))
    assert desk.redis.pttl(SETTLED_BY_W) == -1  # it does not expire
    desk.now += LEASE_MS + 5_000

    assert desk.settle_again(box(KEEP, dead("e1"))).ours
    assert desk.ledger.event("e1")["dead"] == b"1"


def test_the_last_settle_of_a_worker_is_forgotten_some_day(desk: Desk) -> None:
    desk.handle("e1")

    assert 0 < desk.redis.pttl(SETTLED_BY_W) <= LEASE_MS


def test_it_is_forgotten_even_if_a_claim_lets_go_of_all_that_the_worker_kept(desk: Desk) -> None:
    """A mailbox of which a worker has nothing in hand is free when it asks again."""
    desk.deliver("e1", "e2")
    desk.claim(entries=1)
    desk.settle(box(KEEP, done("e1")))
    desk.claim(entries=0)

    assert desk.ready() == ["device:1"]
    assert 0 < desk.redis.pttl(SETTLED_BY_W) <= LEASE_MS


def test_a_settle_of_another_number_is_written(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.settle(box(KEEP, done("e1")))
    desk.settle(box(END, done("e2")))

    assert desk.event("e2")["state"] == "done"


def test_a_settle_that_is_not_the_next_writes_nothing(desk: Desk) -> None:
    """One was sent ahead, and the one before it failed: both will come again, in order."""
    desk.deliver("e1", "e2")
    desk.claim()
    before = desk.found
    ahead = [box(END, done("e1"), done("e2"))]

    assert not desk.ledger.settle("w", desk.sets["w"], 2, ahead, now_ms=desk.now).ours
    assert desk.found == before
    assert desk.settle(box(KEEP, done("e1"))).ours
    assert desk.settle(box(END, done("e2"))).ours


def test_a_worker_that_held_nothing_for_long_goes_on_counting(desk: Desk) -> None:
    desk.handle("e1")
    desk.redis.delete(SETTLED_BY_W)  # as it is forgotten with the lease
    desk.deliver("e2")
    desk.claim(was_idle=True, settles=1)

    assert desk.settle(box(END, done("e2"))).ours
    assert desk.event("e2")["state"] == "done"


def test_a_claim_that_was_held_up_does_not_put_the_number_back(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim(entries=1)
    desk.settle(box(END, done("e1")), mailboxes=1, entries=1)
    desk.settle(box(END, done("e2")), mailboxes=1, entries=1)
    assert names(desk.claim(was_idle=True, settles=1).mail) == {"bell device:1": ["e3"]}

    assert desk.found["last settle"] == {"w": (2, False)}
