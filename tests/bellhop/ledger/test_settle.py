from datetime import timedelta
from typing import Literal

import pytest
from redis import Redis

from bellhop.ledger import Ledger, Outcome, SettledEntry, SettledMail, keys
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


def test_a_finished_entry_leaves_its_mailbox_with_its_outcomes_written(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", done("e1", "bell", "log")))

    event = desk.event("e1")
    assert event["state"] == "done"
    assert event["records"] == {"bell": "ok", "log": "ok"}
    assert event["may be forgotten"]
    assert desk.found["mail"] == desk.found["held"] == desk.found["shifts"] == {}
    assert desk.found["ready"] == []


def test_an_event_that_no_handler_matched_is_unhandled(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", SettledEntry("e1", True, [], "unhandled")))

    assert desk.event("e1")["state"] == "unhandled"
    assert desk.event("e1")["may be forgotten"]


def test_an_event_with_a_retry_is_kept_until_nothing_of_it_is_open(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    retries = [Outcome(handler, "retry", 0, "oh no") for handler in ("bell", "log")]
    desk.settle(box("end", SettledEntry("e1", True, retries)))
    event = desk.event("e1")
    assert (event["state"], event["open"], event["may be forgotten"]) == ("retrying", 2, False)

    desk.sweep()
    desk.claim("w/2")
    desk.settle(box("keep", done("e1 bell", "bell")), shift="w/2")
    event = desk.event("e1")
    assert (event["state"], event["open"], event["may be forgotten"]) == ("retrying", 1, False)

    desk.settle(box("end", done("e1 log", "log")), shift="w/2")
    event = desk.event("e1")
    assert (event["state"], event["open"], event["may be forgotten"]) == ("done", 0, True)


def test_a_retry_that_fails_again_is_due_again(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", failed("e1", "bell")))
    desk.sweep()
    desk.claim("w/2")
    desk.settle(box("end", failed("e1 bell", "bell", 5_000)), shift="w/2")

    assert desk.found["due"] == {"e1 bell": desk.now + 5_000}
    assert desk.event("e1")["open"] == 1
    assert desk.found["mail"] == {}


def test_an_event_with_a_dead_letter_stays(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", dead("e1", "bell")))

    event = desk.event("e1")
    assert (event["state"], event["dead"], event["may be forgotten"]) == ("dead", 1, False)
    assert desk.found["dead"] == {"e1 bell": desk.now}


def test_a_retry_that_succeeds_does_not_hide_a_dead_letter(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    outcomes = [Outcome("bell", "dead", 0, "no use"), Outcome("log", "retry", 0, "oh no")]
    desk.settle(box("end", SettledEntry("e1", True, outcomes)))
    assert desk.event("e1")["state"] == "retrying"

    desk.sweep()
    desk.claim("w/2")
    desk.settle(box("end", done("e1 log", "log")), shift="w/2")
    event = desk.event("e1")
    assert (event["state"], event["open"], event["dead"]) == ("dead", 0, 1)
    assert not event["may be forgotten"]


def test_progress_is_written_and_the_entry_stays_in_its_place(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.settle(box("keep", progress("e1", "bell")))

    assert desk.event("e1")["records"] == {"bell": "ok"}
    assert desk.event("e1")["state"] == "accepted"
    assert desk.found["mail"] == {"device:1": ["e1", "e2"]}
    assert desk.found["held"] == {"w/1": {"device:1": 2}}


def test_entries_that_were_settled_are_no_longer_in_hand(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim()
    desk.settle(box("keep", done("e1"), done("e2")))

    assert desk.found["held"] == {"w/1": {"device:1": 1}}


def test_a_mailbox_given_back_at_the_end_waits_behind_the_others(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)
    desk.deliver("e3", mailbox="device:2")
    desk.settle(box("end", done("e1")))

    assert desk.found["ready"] == ["device:2", "device:1"]


def test_a_mailbox_given_back_in_front_is_the_next(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.deliver("e2", mailbox="device:2")
    desk.settle(box("front"))

    assert desk.found["ready"] == ["device:1", "device:2"]


def test_a_mailbox_that_is_left_empty_is_given_up_though_it_was_to_be_kept(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("keep", done("e1")))
    assert desk.found["held"] == {}

    assert desk.deliver("e2").wants_shift
    assert names(desk.claim("v/1").mail) == {"device:1": ["e2"]}


def test_giving_back_a_mailbox_that_somebody_else_holds_by_now_changes_nothing(desk: Desk) -> None:
    desk.deliver("e1")
    desk.deliver("e2", mailbox="device:2")
    desk.claim()
    desk.settle(box("keep", done("e1")))
    desk.deliver("e3")
    desk.claim("v/1")

    assert desk.settle(box("end")).ours
    assert desk.found["ready"] == []
    assert desk.found["held"] == {"w/1": {"device:2": 1}, "v/1": {"device:1": 1}}


def test_mail_that_came_meanwhile_is_not_forgotten(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.deliver("e2")

    settled = desk.settle(box("end", done("e1")))
    assert settled.wants_shift
    assert desk.found["ready"] == ["device:1"]


def test_the_next_mail_is_claimed_in_the_same_call(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)

    settled = desk.settle(box("end", done("e1")), mailboxes=1, entries=1)
    assert names(settled.mail) == {"device:1": ["e2"]}
    assert desk.found["held"] == {"w/1": {"device:1": 1}}


def test_a_settle_asks_for_a_shift_if_it_leaves_mail_ready(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)

    assert desk.settle(box("end", done("e1"))).wants_shift
    assert not desk.deliver("e3").wants_shift


def test_a_settle_extends_the_lease(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.now += 20_000
    desk.settle()
    desk.now += 20_000

    assert desk.sweep().ended == ()
    assert desk.found["shifts"] == {"w/1": desk.now - 20_000 + LEASE_MS}


def test_a_settle_after_the_lease_was_taken_away_writes_nothing(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.now += LEASE_MS
    desk.sweep()
    before = desk.found

    settled = desk.settle(
        box("end", failed("e1", "bell"), dead("e2", "bell")), mailboxes=9, entries=9
    )
    assert settled == (False, (), False)
    assert desk.found == before


def test_a_settle_after_the_lease_ended_counts_if_nobody_took_it_away(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.now += LEASE_MS * 2

    assert desk.settle(box("end", done("e1"))).ours
    assert desk.event("e1")["state"] == "done"


def test_a_settle_whose_answer_was_lost_changes_nothing_when_repeated(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.deliver("e4", mailbox="device:2")
    desk.claim(mailboxes=1)
    results = box("keep", failed("e1", "bell"), dead("e2", "bell"))
    desk.settle(results, mailboxes=1, entries=1)
    before = desk.found

    again = desk.settle_again(results, mailboxes=1, entries=1)
    assert again.ours
    assert names(again.mail) == {"device:1": ["e3"], "device:2": ["e4"]}
    assert desk.found == before


def test_a_repeated_settle_that_gave_everything_back_is_ours_and_has_no_mail(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", done("e1")))

    assert desk.settle_again(box("end", done("e1"))) == (True, (), False)


def test_a_repeated_settle_extends_the_lease(desk: Desk) -> None:
    """Its answer may have been lost for as long as Redis was away."""
    desk.deliver("e1")
    desk.claim()
    desk.settle()
    desk.now += LEASE_MS - 1
    desk.settle_again()
    desk.now += LEASE_MS - 1

    assert desk.sweep().ended == ()


def test_a_repeated_settle_after_the_lease_was_taken_away_is_refused(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.settle(box("keep", done("e1")))
    desk.die()

    assert desk.settle_again(box("keep", done("e1"))) == (False, (), False)


def test_the_last_settle_is_known_for_as_long_as_the_shift_holds_mail(redis: Redis) -> None:
    """Redis was away for longer than the lease, and the worker is faster than the foreman."""
    ledger = Ledger(redis, timedelta(days=14))
    instant = timedelta(milliseconds=1)
    ledger.accept([arrival("e1"), arrival("e2")])
    ledger.claim("w/1", lease=instant, mailboxes=1, entries=2)
    results = [box("keep", dead("e1", "bell"))]
    ledger.settle("w/1", 1, results, lease=instant)
    started = redis.time()
    while redis.time() < (started[0], started[1] + 5_000):
        pass  # until the lease has ended by the server's clock

    assert ledger.settle("w/1", 1, results, lease=instant).ours
    assert ledger.event("e1")["dead"] == b"1"


def test_the_last_settle_of_a_shift_is_forgotten_some_day(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", done("e1")))

    assert 0 < desk.redis.pttl(f"{keys.PREFIX}settled:w/1") <= LEASE_MS


def test_a_settle_of_another_number_is_written(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.settle(box("keep", done("e1")))
    desk.settle(box("end", done("e2")))

    assert desk.event("e2")["state"] == "done"


def test_another_shift_of_the_worker_counts_its_settles_anew(desk: Desk) -> None:
    for number in (1, 2):
        desk.deliver(f"e{number}")
        desk.claim(f"w/{number}")
        desk.settle(box("end", done(f"e{number}")), shift=f"w/{number}")

    assert desk.event("e2")["state"] == "done"


def test_progress_under_care_clears_the_count_of_deaths(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim("w/1")
    desk.die("w")
    desk.claim("v/1")
    assert desk.event("e1")["deaths"] == {None: 1}

    desk.settle(box("keep", progress("e1", "bell")), shift="v/1")
    assert desk.event("e1")["deaths"] == {}


@pytest.mark.parametrize("kind", ["done", "retry", "dead"])
def test_an_outcome_that_is_written_again_after_a_crash_is_counted_once(
    desk: Desk, kind: Literal["done", "retry", "dead"]
) -> None:
    """A careful worker wrote the outcome of a retry, and died before it could finish the entry."""
    desk.deliver("e1")
    desk.claim()
    retries = [Outcome("bell", "retry", 0, ""), Outcome("log", "retry", 60_000, "")]
    desk.settle(box("end", SettledEntry("e1", True, retries)))
    desk.sweep()
    outcomes = [Outcome("bell", kind, 60_000, kind)]
    desk.claim("w/2")
    desk.settle(box("keep", SettledEntry("e1 bell", False, outcomes)), shift="w/2")
    desk.die()
    desk.claim("v/1")
    desk.settle(box("end", SettledEntry("e1 bell", True, outcomes)), shift="v/1")

    event = desk.event("e1")
    assert (event["state"], event["may be forgotten"]) == ("retrying", False)
    assert event["open"] == len(desk.found["due"]) == (2 if kind == "retry" else 1)
    assert event["dead"] == len(desk.found["dead"]) == (1 if kind == "dead" else 0)


def test_a_mailbox_with_doubts_goes_back_to_the_careful_ones(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim("w/1", entries=2)
    desk.die("w")
    desk.claim("v/1")
    desk.settle(box("end", done("e1")), shift="v/1")
    assert (desk.found["careful"], desk.found["doubts"]) == (["device:1"], {"device:1": 1})

    desk.claim("v/2")
    desk.settle(box("end", done("e2")), shift="v/2")
    assert (desk.found["ready"], desk.found["doubts"]) == (["device:1"], {})


def test_an_empty_mailbox_is_not_doubted_any_more(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim("w/1")
    desk.settle(box("keep", done("e1"), done("e2")), shift="w/1")
    desk.die("w")
    desk.claim("v/1")
    desk.settle(box("end", done("e3")), shift="v/1")

    assert desk.found["doubts"] == desk.found["mail"] == {}


@pytest.mark.parametrize("give_back", ["keep", "end"])
def test_five_hundred_entries_with_several_handlers_are_settled_in_one_call(
    desk: Desk, give_back: str
) -> None:
    event_ids = [f"e{n}" for n in range(500)]
    desk.deliver(*event_ids)
    desk.claim(entries=500)
    handlers = [f"package.module.handler_{n}" for n in range(20)]
    result = SettledMail(
        "device:1",
        "keep" if give_back == "keep" else "end",
        [done(event_id, *handlers) for event_id in event_ids],
    )
    assert desk.settle(result).ours

    assert desk.found["mail"] == {}
    assert len(desk.event("e499")["records"]) == 20


def test_an_event_may_have_a_thousand_handlers(desk: Desk) -> None:
    handlers = [f"h{n}" for n in range(1_000)]
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", done("e1", *handlers)))

    assert len(desk.event("e1")["records"]) == 1_000


def test_a_retry_whose_record_is_gone_leaves_nothing_behind(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", failed("e1", "bell")))
    desk.sweep()
    desk.redis.delete(keys.event("e1"))

    (mail,) = desk.claim("w/2").mail
    assert mail.entries[0].body is None
    assert desk.settle(box("end", done("e1 bell")), shift="w/2").ours
    assert desk.found["events"] == desk.found["mail"] == {}


def test_records_and_handler_names_of_any_characters_come_out_as_they_went_in(desk: Desk) -> None:
    record = '{"error": "ü€😀 \\n\x00 %s"}'
    desk.deliver("e1")
    desk.claim()
    outcome = Outcome("mödul.händler:<locals>", "retry", 0, record)
    desk.settle(box("end", SettledEntry("e1", True, [outcome])))
    desk.sweep()

    (mail,) = desk.claim("w/2").mail
    assert mail.entries[0].handler == "mödul.händler:<locals>"
    assert mail.entries[0].records == {"mödul.händler:<locals>": record}
