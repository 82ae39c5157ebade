from datetime import timedelta
from typing import Any

from redis import Redis

from bellhop.events import Drift
from bellhop.ledger import Ledger, Outcome, Quarantined, SettledEntry, keys
from bellhop.ledger.calls import RETRIES_A_SWEEP
from tests.bellhop.ledger.conftest import (
    LEASE,
    Desk,
    arrival,
    box,
    dead,
    done,
    failed,
    names,
    progress,
)

LEASE_MS = LEASE // timedelta(milliseconds=1)


def test_a_retry_waits_until_it_is_due(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", failed("e1", "bell", 5_000)))

    desk.now += 4_999
    assert desk.sweep() == (False, 0, ())
    assert desk.found["mail"] == {}

    desk.now += 1
    assert desk.sweep() == (True, 1, ())
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

    assert desk.sweep() == (False, 1, ())
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

    assert [desk.sweep().retries for _ in range(3)] == [RETRIES_A_SWEEP, 1, 0]
    assert len(desk.found["mail"]["device:1"]) == count


def test_a_retry_whose_event_is_gone_is_dropped(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", failed("e1", "bell")))
    desk.redis.delete(keys.event("e1"))

    assert desk.sweep().retries == 1
    assert desk.found["due"] == desk.found["mail"] == {}


def test_what_a_shift_held_is_free_when_its_lease_ends(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim("w/1")
    desk.now += LEASE_MS - 1
    assert desk.sweep().ended == ()

    desk.now += 1
    assert desk.sweep() == (True, 0, ("w/1",))
    assert names(desk.claim("v/1").mail) == {"device:1": ["e1"]}


def test_what_a_dead_worker_held_is_free_at_once(desk: Desk) -> None:
    for n in range(3):
        desk.deliver(f"e{n}", mailbox=f"device:{n}")
    desk.claim("host/a w/1", mailboxes=1)
    desk.claim("host/a w/2", mailboxes=1)
    desk.claim("host/a w2/1", mailboxes=1)

    assert desk.sweep("host/a w", "a stranger").ended == ("host/a w/1", "host/a w/2")
    assert list(desk.found["held"]) == ["host/a w2/1"]


def test_what_is_freed_comes_before_other_mail(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim("w/1")
    desk.deliver("e2", mailbox="device:2")
    desk.die("w")

    assert desk.found["careful"] == ["device:1"]
    assert desk.found["ready"] == ["device:2"]


def test_an_entry_under_which_a_worker_died_alone_is_counted(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    for deaths in (1, 2, 3):
        desk.claim(f"w/{deaths}", entries=1)
        desk.die()
        assert desk.event("e1")["deaths"] == {None: deaths}

    (mail,) = desk.claim("v/1").mail
    assert mail.entries[0].deaths == 3
    assert desk.event("e2")["deaths"] == {}


def test_a_death_under_the_last_of_several_entries_is_counted(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim()
    desk.settle(box("keep", done("e1"), done("e2")))
    desk.die()

    assert desk.event("e3")["deaths"] == {None: 1}
    assert desk.found["doubts"] == {"device:1": 1}


def test_after_a_death_half_as_many_mailboxes_are_taken_together(desk: Desk) -> None:
    """So the one that kills is found in a few deaths, and the others are handled meanwhile."""
    for number in range(8):
        desk.deliver(f"e{number}", mailbox=f"device:{number}")
    deaths = 0
    taken = desk.claim("w0/1").mail
    assert len(taken) == 8
    for number in range(1, 20):
        desk.die(f"w{number - 1}")
        deaths += 1
        taken = desk.claim(f"w{number}/1").mail
        while taken and "device:5" not in names(taken):
            shift = f"w{number}/1"
            for mail in taken:
                (entry,) = mail.entries
                assert mail.careful
                desk.settle(box("end", done(entry.name), mailbox=mail.mailbox), shift=shift)
            taken = desk.claim(shift).mail
        if taken[0].entries[0].deaths == 3:
            break
    assert names(taken) == {"device:5": ["e5"]}
    assert deaths == 6  # with 8, 4, 2, and three times alone
    finished = [name for name, event in desk.found["events"].items() if event["state"] == "done"]
    assert len(finished) >= 4


def test_a_death_with_several_entries_in_hand_is_nobodys(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.die()

    assert desk.event("e1")["deaths"] == desk.event("e2")["deaths"] == {}
    assert desk.found["doubts"] == {"device:1": 2}


def test_a_death_with_several_mailboxes_in_hand_is_nobodys(desk: Desk) -> None:
    desk.deliver("e1")
    desk.deliver("e2", mailbox="device:2")
    desk.claim()
    desk.die()

    assert desk.event("e1")["deaths"] == desk.event("e2")["deaths"] == {}
    assert desk.found["doubts"] == {"device:1": 1, "device:2": 1}


def test_a_death_under_a_retry_is_counted_for_its_handler(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", failed("e1", "bell")))
    desk.sweep()
    desk.claim("w/2")
    desk.die()

    assert desk.event("e1")["deaths"] == {"bell": 1}
    (mail,) = desk.claim("v/1").mail
    assert mail.entries[0].deaths == 1


def test_a_handler_that_kills_its_worker_is_found_out_though_there_is_other_mail(
    desk: Desk,
) -> None:
    """The shift of a worker with async handlers asks for more mail while one is under way."""
    desk.deliver("poison")
    desk.claim("w/0")
    for number in range(1, 4):
        desk.die()
        desk.deliver(f"e{number}", mailbox=f"device:{number + 1}")
        assert list(names(desk.claim(f"w/{number}").mail)) == ["device:1"]
        desk.settle(shift=f"w/{number}", mailboxes=9, entries=9)

    assert desk.event("poison")["deaths"] == {None: 3}


def test_mail_for_a_mailbox_that_is_freed_stays_behind_what_was_there(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)
    desk.deliver("e3")
    desk.die()

    assert desk.found["mail"] == {"device:1": ["e1", "e2", "e3"]}
    assert not desk.deliver("e4").wants_shift
    assert desk.found["careful"] == ["device:1"]
    assert desk.found["ready"] == []


def test_a_mailbox_of_which_nothing_was_in_hand_is_not_doubted(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)
    desk.settle(box("keep", done("e1")))
    desk.die()

    assert desk.found["ready"] == ["device:1"]
    assert desk.found["doubts"] == {}


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
    assert desk.sweep() == (False, 0, ())
    desk.deliver("e1")
    desk.claim()
    desk.now += 10_000

    assert desk.sweep() == (False, 0, ())


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


def test_the_log_is_cut_to_the_retention(redis: Redis) -> None:
    ledger = Ledger(redis, timedelta(hours=1))
    ledger.accept([arrival(f"e{n}", body=b"{}") for n in range(1_000)])
    ledger.sweep(queued=0)
    assert redis.xlen(keys.LOG) == 1_000

    seconds, _ = redis.time()
    ledger.sweep(queued=0, now_ms=(seconds + 3_700) * 1000)
    assert redis.xlen(keys.LOG) < 200


def test_a_retention_that_reaches_back_beyond_1970_is_as_good_as_any(redis: Redis) -> None:
    ledger = Ledger(redis, timedelta(days=36_500))
    ledger.accept([arrival("e1")])
    ledger.claim("w/1", lease=LEASE, mailboxes=1, entries=1)

    assert ledger.sweep(queued=0, dead_workers=["w"]).ended == ("w/1",)
    assert redis.xlen(keys.LOG) == 1


def test_no_script_touches_a_key_without_the_hash_tag(desk: Desk) -> None:
    run_everything(desk)

    assert desk.redis.dbsize() > 10
    assert all(name.startswith("{bellhop}:") for name in all_keys(desk))


def test_all_keys_of_the_scripts_are_in_keys_py(desk: Desk) -> None:
    run_everything(desk)

    kinds = {name.removeprefix(keys.PREFIX).partition(":")[0] for name in all_keys(desk)}
    table = [row for row in (keys.__doc__ or "").splitlines() if row.startswith("| `")]
    documented = {row.split("`")[1].partition(":")[0] for row in table}
    assert kinds == documented - {"probe", "sealed"}


def all_keys(desk: Desk) -> list[str]:
    found: Any = desk.redis.keys("*")
    return [name.decode() for name in found]


def run_everything(desk: Desk) -> None:
    """Leave every kind of key behind."""
    desk.accept(Quarantined("q1", b"{", ("no event_id",)))
    drift = Drift("lock.unlocked", "method", "unknown_value", '"palm_vein"')
    desk.accept(arrival("e1")._replace(drift=[drift]))
    desk.deliver("e2", "e3", "e4")
    desk.deliver("e5", mailbox="device:2")
    desk.deliver("e6", mailbox="device:3")
    desk.claim("w/1", mailboxes=1)
    desk.settle(
        box("keep", progress("e1", "log"), failed("e1", "bell", 60_000), dead("e2", "bell"))
    )
    waits = Outcome("bell", "behind", 0, "waits", desk.now)
    desk.settle(box("keep", SettledEntry("e3", False, [waits])))
    desk.settle(box("keep", done("e3")))
    desk.claim("v/1", mailboxes=1)
    desk.die("w")
    desk.settle(shift="v/1")
