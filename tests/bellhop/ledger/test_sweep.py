"""A sweep brings retries back when they are due, and asks for a shift that is late."""

from datetime import timedelta

from redis import Redis

from bellhop.ledger import Ledger, Swept, keys
from bellhop.ledger.calls import RETRIES_A_SWEEP
from tests.bellhop.ledger.conftest import (
    END,
    KEEP,
    LOG,
    QUEUES,
    Desk,
    arrival,
    box,
    done,
    failed,
    names,
)


def nothing(desk: Desk) -> Swept:
    """What a sweep answers that finds nothing to do."""
    return Swept((), 0, (), (), (), False, desk.now, 0)


def test_a_retry_waits_until_it_is_due(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(END, failed("e1", 5_000)))

    desk.now += 4_999
    assert desk.sweep("w") == nothing(desk)
    assert desk.found["mail"] == {}

    desk.now += 1
    assert desk.sweep("w") == nothing(desk)._replace(wake=(desk.sets["w"].fingerprint,), retries=1)
    assert desk.found["mail"] == {"bell device:1": ["e1"]}
    assert desk.found["due"] == {}


def test_a_retry_goes_behind_the_mail_that_waits(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)
    desk.settle(box(END, failed("e1")))
    desk.sweep("w")

    assert names(desk.claim(settles=1).mail) == {"bell device:1": ["e2", "e1"]}


def test_a_retry_into_a_mailbox_that_is_held_waits_for_its_holder(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.settle(box(KEEP, failed("e1")))

    assert desk.sweep("w") == nothing(desk)._replace(retries=1)
    assert desk.ready() == []
    assert desk.settle(box(END, done("e2"))).wake
    assert desk.ready() == ["device:1"]


def test_retries_come_back_in_the_order_in_which_they_are_due(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim()
    desk.settle(box(END, failed("e1", 30), failed("e2", 10), failed("e3", 20)))
    desk.now += 60
    desk.sweep("w")

    assert desk.found["mail"] == {"bell device:1": ["e2", "e3", "e1"]}


def test_a_sweep_brings_five_hundred_retries_and_the_next_one_the_rest(desk: Desk) -> None:
    count = RETRIES_A_SWEEP + 1
    event_ids = [f"e{n}" for n in range(count)]
    desk.deliver(*event_ids)
    desk.claim(entries=count)
    desk.settle(box(END, *map(failed, event_ids)))

    sweeps = [desk.sweep("w") for _ in range(3)]
    assert [swept.retries for swept in sweeps] == [RETRIES_A_SWEEP, 1, 0]
    assert [swept.more for swept in sweeps] == [True, False, False]
    assert len(desk.found["mail"]["bell device:1"]) == count


def test_what_nobody_of_us_put_among_the_retries_is_taken_out(desk: Desk) -> None:
    desk.redis.zadd(keys.DUE, {"whatever": 1, " bell device:9": 1})

    assert desk.sweep("w").retries == 2
    assert desk.found["due"] == desk.found["ready"] == desk.found["mail"] == {}
    assert desk.found["repairs"] == ["due whatever"]


def test_a_retry_of_a_handler_that_no_worker_has_waits_for_one(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(END, failed("e1")))

    assert not desk.sweep(dead={"w": ""}).wake
    assert desk.found["mail"] == {"bell device:1": ["e1"]}
    assert desk.subscribe("v") == (desk.sets["v"].fingerprint,)


def test_a_shift_that_was_never_enqueued_is_asked_for_again_within_seconds(desk: Desk) -> None:
    assert desk.deliver("e1").wake
    desk.now += 1_999
    assert not desk.sweep("w").wake

    desk.now += 1
    assert desk.sweep("w").wake
    desk.now += 1_999
    assert not desk.sweep("w").wake


def test_a_shift_that_waits_in_the_queue_is_not_asked_for_again(desk: Desk) -> None:
    desk.deliver("e1")
    for _ in range(100):
        desk.now += 4_000
        assert not desk.sweep("w", queued=["w"]).wake

    assert not desk.deliver("e2", mailbox="device:2").wake


def test_a_shift_in_the_queue_of_another_set_does_not_count(desk: Desk) -> None:
    desk.subscribe("v", LOG)
    desk.deliver("e1")
    desk.now += 2_000

    assert desk.sweep("w", "v", queued=["v"]).wake == (desk.sets["w"].fingerprint,)


def test_a_shift_that_began_while_the_foreman_looked_delays_none(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.sweep("w", queued=["w"])  # as it was before the claim

    assert desk.deliver("e2", mailbox="device:2").wake


def test_no_shift_is_asked_for_when_nothing_is_ready(desk: Desk) -> None:
    assert desk.sweep("w") == nothing(desk)
    desk.deliver("e1")
    desk.claim()
    desk.now += 10_000

    assert desk.sweep("w") == nothing(desk)


def test_a_clock_that_was_set_back_delays_no_shift(desk: Desk) -> None:
    desk.deliver("e1")
    desk.now -= 3_600_000

    assert desk.sweep("w").wake


def test_a_sweep_says_that_a_foreman_is_at_work(desk: Desk) -> None:
    desk.sweep()

    assert desk.found["swept"] == desk.now


def test_the_log_and_all_that_goes_by_time_are_cut_to_the_retention(redis: Redis) -> None:
    desk = Desk(Ledger(redis, timedelta(hours=1)))
    desk.subscribe("w")
    about = ("action_attempt_id a1",)
    desk.accept(*(arrival(f"e{n}")._replace(subjects=about) for n in range(1_000)))
    desk.sweep()
    assert redis.xlen(keys.LOG) == redis.xlen(keys.ATTEMPTS) == 1_000

    desk.now += 3_700_000
    desk.sweep()
    assert redis.exists(keys.DELIVERIES) == redis.xlen(keys.LOG) == 0
    assert redis.xlen(keys.ATTEMPTS) == 0
    assert redis.exists(keys.event("e1"))  # it is still to be handled
    desk.deliver("new")
    assert redis.xlen(keys.LOG) == 1


def test_what_is_too_old_is_cut_a_thousand_at_a_time(redis: Redis) -> None:
    desk = Desk(Ledger(redis, timedelta(hours=1)))
    desk.subscribe("w")
    desk.deliver(*(f"e{n}" for n in range(1_002)))

    desk.now += 3_700_000
    assert desk.sweep().more
    assert (redis.zcard(keys.DELIVERIES), redis.xlen(keys.LOG)) == (2, 1)
    assert not desk.sweep().more
    assert redis.exists(keys.DELIVERIES) == redis.xlen(keys.LOG) == 0


def test_a_retention_that_reaches_back_beyond_1970_is_as_good_as_any(redis: Redis) -> None:
    desk = Desk(Ledger(redis, timedelta(days=36_500)))
    desk.deliver("e1")
    desk.claim()

    assert desk.sweep(dead={"w": ""}).freed == ("w",)
    assert redis.xlen(keys.LOG) == 1


def test_without_a_time_the_servers_clock_counts(ledger: Ledger) -> None:
    before, _ = ledger.redis.time()
    swept = ledger.sweep(queues=QUEUES)
    after, _ = ledger.redis.time()

    assert before * 1000 <= swept.now_ms < (after + 1) * 1000
