"""When the server's clock jumps, or Redis was away, nothing is lost, and nothing comes late."""

from datetime import UTC, datetime

import pytest

from bellhop.durations import LEASE
from bellhop.ledger import FIRST_SWEEP, FetchTask, keys, read_condition
from tests.bellhop.ledger.conftest import (
    END,
    KEEP,
    LEASE_MS,
    PARK,
    Desk,
    arrival,
    box,
    done,
    failed,
    parked,
)

HOUR = 3_600_000
jumps = pytest.mark.parametrize("jump", [HOUR, -HOUR])


def set_clock(desk: Desk, jump: int) -> None:
    """Set the clock, and let a foreman sweep that was at work before."""
    desk.sweep("w")
    desk.now += jump
    assert desk.sweep("w", jumped_ms=jump).jumps == 1


@jumps
def test_retries_and_parked_mailboxes_come_back_when_they_would_have(desk: Desk, jump: int) -> None:
    desk.deliver("e1")
    desk.deliver("e2", mailbox="device:2")
    desk.claim()
    desk.settle(box(END, failed("e1", 2_000)), box(PARK, parked("e2", 2_000), mailbox="device:2"))
    set_clock(desk, jump)
    assert set(desk.found["due"].values()) == {desk.now + 2_000}

    assert [swept.retries for swept in desk.sweep_again_and_again(2, "w")] == [0, 2]
    assert set(desk.ready()) == {"device:1", "device:2"}


@jumps
def test_what_is_written_between_a_jump_and_the_next_sweep_is_not_put_off_by_it(
    desk: Desk, jump: int
) -> None:
    desk.deliver("e1", "e2")
    desk.deliver("e3", mailbox="device:3")
    desk.claim()
    desk.settle(box(KEEP, failed("e1", 2_000)))
    desk.sweep("w")
    desk.now += jump
    desk.settle(box(END, failed("e2", 3_000)), box(PARK, parked("e3", 4_000), mailbox="device:3"))
    assert desk.sweep("w", jumped_ms=jump).jumps == 1

    assert sorted(desk.found["due"].values()) == [desk.now + wait for wait in (2_000, 3_000, 4_000)]
    assert desk.found["due since"] == set()


def test_what_is_written_while_no_foreman_is_there_is_put_off_by_a_later_jump(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.sweep("w")
    desk.now += 60_000
    desk.settle(box(END, failed("e1", 2_000)))
    desk.sweep("w")
    desk.now += HOUR
    desk.sweep("w", jumped_ms=HOUR)
    assert list(desk.found["due"].values()) == [desk.now + 2_000]


def test_if_the_clock_was_set_back_while_no_foreman_was_there_the_first_one_sees_it(
    desk: Desk,
) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.sweep("w")
    desk.settle(box(END, failed("e1", 2_000)))
    desk.now -= HOUR

    swept = desk.sweep("w", jumps=FIRST_SWEEP)
    assert swept.jumps == 1
    assert list(desk.found["due"].values()) == [desk.now + 2_000]
    assert desk.sweep("w", jumps=FIRST_SWEEP).jumps == 1
    assert desk.sweep("w", jumped_ms=-HOUR, jumps=0).jumps == 1, "another one saw it, too"


@jumps
def test_each_worker_has_a_whole_lease_again(desk: Desk, jump: int) -> None:
    desk.deliver("e1")
    desk.claim("v")
    desk.now += 1_000
    set_clock(desk, jump)

    assert desk.found["leases"] == {"v": desk.now + LEASE_MS}
    assert desk.sweep_again_and_again(LEASE_MS // 1_000 - 1, "w")[-1].freed == ()
    assert desk.sweep_again_and_again(1, "w")[0].freed == ("v",)


@jumps
def test_workers_and_handlers_were_seen_when_they_were(desk: Desk, jump: int) -> None:
    desk.subscribe("v")
    set_clock(desk, jump)

    assert set(desk.found["alive"].values()) == {desk.now}
    assert desk.found["seen"] == {"bell": desk.now}


@jumps
def test_action_attempts_are_asked_for_when_they_would_have_been(desk: Desk, jump: int) -> None:
    desk.accept(arrival("e1")._replace(subjects=("action_attempt_id a1",)))
    assert desk.ledger.fetch(LEASE, now_ms=desk.now) == FetchTask("a1", 1)
    set_clock(desk, jump)

    assert desk.ledger.fetch(LEASE, now_ms=desk.now) == LEASE.total_seconds()


@jumps
def test_however_much_is_due_a_jump_is_made_up_for_with_one_write(desk: Desk, jump: int) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.settle(box(END, failed("e1", 2_000)))
    stored = desk.redis.zrange(keys.DUE, 0, -1, withscores=True)
    set_clock(desk, jump)
    assert desk.redis.zrange(keys.DUE, 0, -1, withscores=True) == stored

    desk.claim()
    desk.settle(box(END, failed("e2", 3_000)))
    assert sorted(desk.found["due"].values()) == [desk.now + 2_000, desk.now + 3_000]
    assert read_condition(desk.redis).oldest_due == datetime.fromtimestamp(
        (desk.now + 2_000) / 1000, UTC
    )


def test_each_jump_is_made_up_for_once_however_many_foremen_there_are(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(END, failed("e1", 2_000)))
    set_clock(desk, HOUR)

    assert desk.sweep("w", jumped_ms=HOUR, jumps=0).jumps == 1
    assert desk.found["due"] == {"e1 bell device:1": desk.now + 2_000}


def test_a_foreman_that_has_just_come_knows_of_no_jump(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(END, failed("e1", 2_000)))
    desk.now += HOUR

    swept = desk.sweep("w")
    assert (swept.jumps, swept.retries) == (0, 1)


def test_a_clock_that_was_set_back_while_no_foreman_was_there_keeps_no_mail_for_an_hour(
    desk: Desk,
) -> None:
    desk.deliver("e1")
    desk.claim("v")
    desk.now -= HOUR
    desk.sweep("w")

    assert desk.found["leases"] == {"v": desk.now + LEASE_MS}
    assert set(desk.found["alive"].values()) == {desk.now}


def test_a_clock_that_was_set_back_loses_nothing(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.settle(box(KEEP, failed("e1", 1_000)))
    desk.now -= HOUR

    assert desk.settle(box(END, done("e2"))).ours
    assert desk.sweep("w").retries == 0
    desk.now += HOUR + 1_000
    assert desk.sweep("w").retries == 1


# Redis was away


def test_an_outage_longer_than_the_lease_frees_nothing_of_a_worker_that_comes_back(
    desk: Desk,
) -> None:
    desk.deliver("e1")
    desk.claim(entries=1)
    desk.sweep()
    desk.now += 2 * LEASE_MS

    swept = desk.sweep()
    assert (swept.freed, swept.dropped) == ((), ())
    assert desk.settle(box(END, done("e1"))).ours
    assert desk.event("e1")["deaths"] == desk.event("e1")["interrupted"] == {}


def test_a_worker_that_does_not_come_back_after_an_outage_loses_its_mail(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim(entries=1)
    desk.sweep()
    desk.now += 2 * LEASE_MS
    assert desk.sweep().freed == ()

    *before, last = desk.sweep_again_and_again(20)
    assert not any(swept.freed for swept in before)
    assert last.freed == ("w",)


def test_five_seconds_without_a_sweep_are_no_outage(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.sweep()
    desk.now += 16_000
    desk.sweep()
    leases = desk.found["leases"]
    desk.now += 5_000
    desk.sweep()
    assert desk.found["leases"] == leases

    desk.now += 5_001
    desk.sweep()
    assert desk.found["leases"] == {"w": desk.now + LEASE_MS}
