"""A sweep brings retries back when they are due, and asks for a shift that is late."""

from datetime import timedelta

from redis import Redis

from bellhop.ledger import Ledger, SettledEntry, Swept, keys
from bellhop.ledger.calls import RETRIES_A_SWEEP
from tests.bellhop.ledger.conftest import LEASE, Desk, arrival, box, done, failed, names


def test_a_retry_waits_until_it_is_due(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", failed("e1", "bell", 5_000)))

    desk.now += 4_999
    assert desk.sweep() == Swept(False, 0, ())
    assert desk.found["mail"] == {}

    desk.now += 1
    assert desk.sweep() == Swept(True, 1, ())
    assert desk.found["mail"] == {"device:1": ["e1 bell"]}
    assert desk.found["due"] == {}


def test_a_retry_goes_behind_the_mail_that_waits(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)
    desk.settle(box("end", failed("e1", "bell")))
    desk.sweep()

    assert names(desk.claim().mail) == {"device:1": ["e2", "e1 bell"]}


def test_a_retry_into_a_mailbox_that_is_held_waits_for_its_holder(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.settle(box("keep", failed("e1", "bell")))

    assert desk.sweep() == Swept(False, 1, ())
    assert desk.found["ready"] == []
    assert desk.settle(box("end", done("e2"))).wants_shift
    assert desk.found["ready"] == ["device:1"]


def test_retries_come_back_in_the_order_in_which_they_are_due(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim()
    retries = (failed("e1", "bell", 30), failed("e2", "bell", 10), failed("e3", "bell", 20))
    desk.settle(box("end", *retries))
    desk.now += 60
    desk.sweep()

    assert desk.found["mail"] == {"device:1": ["e2 bell", "e3 bell", "e1 bell"]}


def test_a_sweep_brings_five_hundred_retries_and_the_next_one_the_rest(desk: Desk) -> None:
    count = RETRIES_A_SWEEP + 1
    event_ids = [f"e{n}" for n in range(count)]
    desk.deliver(*event_ids)
    desk.claim(entries=count)
    desk.settle(box("end", *(failed(event_id, "bell") for event_id in event_ids)))

    sweeps = [desk.sweep() for _ in range(3)]
    assert [swept.retries for swept in sweeps] == [RETRIES_A_SWEEP, 1, 0]
    assert [swept.more for swept in sweeps] == [True, False, False]
    assert len(desk.found["mail"]["device:1"]) == count


def test_a_retry_whose_event_is_gone_still_comes_so_that_others_need_not_wait_behind_it(
    desk: Desk,
) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", failed("e1", "bell")))
    desk.redis.delete(keys.event("e1"))

    assert desk.sweep().retries == 1
    (mail,) = desk.claim("w/2").mail
    assert mail.entries[0].body is None
    desk.settle(box("end", SettledEntry("e1 bell", True, [])), shift="w/2")
    for what in ("due", "mail", "unfinished", "events"):
        assert desk.found[what] == {}, what


def test_a_shift_that_was_never_enqueued_is_asked_for_again_within_seconds(desk: Desk) -> None:
    assert desk.deliver("e1").wants_shift
    desk.now += 1_999
    assert not desk.sweep(queued=0).wants_shift

    desk.now += 1
    assert desk.sweep(queued=0).wants_shift
    assert not desk.sweep(queued=0).wants_shift


def test_a_shift_that_waits_in_the_queue_is_not_asked_for_again(desk: Desk) -> None:
    desk.deliver("e1")
    for _ in range(100):
        desk.now += 60_000
        assert not desk.sweep(queued=1).wants_shift

    assert not desk.deliver("e2", mailbox="device:2").wants_shift


def test_a_shift_that_began_while_the_foreman_looked_delays_none(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.sweep(queued=1)  # as it was before the claim

    assert desk.deliver("e2", mailbox="device:2").wants_shift


def test_no_shift_is_asked_for_when_nothing_is_ready(desk: Desk) -> None:
    assert desk.sweep() == Swept(False, 0, ())
    desk.deliver("e1")
    desk.claim()
    desk.now += 10_000

    assert desk.sweep() == Swept(False, 0, ())


def test_a_clock_that_was_set_back_delays_no_shift(desk: Desk) -> None:
    desk.deliver("e1")
    desk.now -= 3_600_000

    assert desk.sweep(queued=0).wants_shift


def test_a_clock_that_was_set_back_loses_nothing(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.settle(box("keep", failed("e1", "bell", 1_000)))
    desk.now -= 3_600_000

    assert desk.settle(box("end", done("e2"))).ours
    assert desk.sweep().retries == 0
    desk.now += 3_601_000
    assert desk.sweep().retries == 1


def test_the_log_and_all_that_goes_by_time_are_cut_to_the_retention(redis: Redis) -> None:
    ledger = Ledger(redis, timedelta(hours=1))
    about = ("action_attempt_id a1",)
    ledger.accept([arrival(f"e{n}")._replace(subjects=about) for n in range(1_000)])
    ledger.sweep(queued=0)
    assert redis.xlen(keys.LOG) == redis.xlen(keys.ATTEMPTS) == 1_000

    seconds, _ = redis.time()
    ledger.sweep(queued=0, now_ms=(seconds + 3_700) * 1000)
    assert redis.exists(keys.DELIVERIES) == redis.xlen(keys.LOG) == 0
    assert redis.xlen(keys.ATTEMPTS) == 0
    assert redis.exists(keys.event("e1"))  # it is still to be handled
    ledger.accept([arrival("new")])
    assert redis.xlen(keys.LOG) == 1


def test_what_is_too_old_is_cut_a_thousand_at_a_time(redis: Redis) -> None:
    ledger = Ledger(redis, timedelta(hours=1))
    ledger.accept([arrival(f"e{n}") for n in range(1_002)])

    seconds, _ = redis.time()
    later = (seconds + 3_700) * 1000
    assert ledger.sweep(queued=0, now_ms=later).more
    assert (redis.zcard(keys.DELIVERIES), redis.xlen(keys.LOG)) == (2, 1)
    assert not ledger.sweep(queued=0, now_ms=later).more
    assert redis.exists(keys.DELIVERIES) == redis.xlen(keys.LOG) == 0


def test_a_retention_that_reaches_back_beyond_1970_is_as_good_as_any(redis: Redis) -> None:
    ledger = Ledger(redis, timedelta(days=36_500))
    ledger.accept([arrival("e1")])
    ledger.claim("w/1", lease=LEASE, mailboxes=1, entries=1)

    assert ledger.sweep(queued=0, dead_workers=["w"]).ended == ("w/1",)
    assert redis.xlen(keys.LOG) == 1
