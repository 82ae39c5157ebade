"""Mail of workers that are gone is freed for who waits for it, if no foreman is there to do it."""

from datetime import timedelta

import pytest

from bellhop.durations import FOREMAN_GONE_AFTER, LEASE
from bellhop.ledger import Freed, keys
from tests.bellhop.ledger.conftest import END as GIVE_UP
from tests.bellhop.ledger.conftest import LEASE_MS, Desk, box, done, failed

GONE_MS = FOREMAN_GONE_AFTER // timedelta(milliseconds=1) + 1
NOTHING = Freed((), ())


def free(desk: Desk, waited: timedelta = LEASE) -> Freed:
    return desk.ledger.free(waited, now_ms=desk.now)


@pytest.fixture
def held(desk: Desk) -> Desk:
    """A worker `w` that holds mail, and a foreman that sweeps for the last time."""
    desk.deliver("e1", "e2")
    desk.claim()
    desk.sweep("w")
    return desk


def test_what_a_worker_held_is_free_when_its_lease_has_ended(held: Desk) -> None:
    held.now += LEASE_MS
    assert free(held) == Freed((held.sets["w"].fingerprint,), ("w",))

    assert held.ready() == ["device:1"]
    assert held.found["held"] == held.found["leases"] == {}
    assert held.event("e1")["interrupted"] == {"bell": 1}
    assert free(held) == NOTHING


def test_it_is_waited_for_a_foreman_that_comes_back(held: Desk) -> None:
    """As long as a lease is: then those of its workers would have been renewed."""
    held.now += LEASE_MS
    assert free(held, LEASE - timedelta(milliseconds=1)) == NOTHING
    assert list(held.found["held"]) == ["w"]


def test_while_a_foreman_is_there_it_is_left_to_that(held: Desk) -> None:
    held.redis.zadd(keys.LEASES, {"w": held.now - 1})
    held.now += GONE_MS - 1
    assert free(held) == NOTHING
    held.now += 1
    assert free(held).workers == ("w",)


def test_the_mail_of_a_worker_whose_lease_has_not_ended_is_its_own(held: Desk) -> None:
    held.now += LEASE_MS - 1
    assert free(held) == NOTHING
    assert held.settle(box(GIVE_UP, done("e1"), done("e2"))).ours


def test_a_lease_from_before_the_clock_was_set_back_has_ended(held: Desk) -> None:
    held.now -= GONE_MS
    assert free(held).workers == ("w",)


def test_nobody_takes_the_caller_for_a_foreman(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(GIVE_UP, failed("e1")))
    desk.sweep()
    desk.now += 90_000
    before = desk.found
    assert free(desk) == NOTHING
    assert desk.found == before
