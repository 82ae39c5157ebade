"""What a settle writes down of an event: its outcomes, its state, what is open of it."""

from typing import Literal

import pytest

from bellhop.ledger import Outcome, SettledEntry, SettledMail, keys
from tests.bellhop.ledger.conftest import Desk, box, dead, done, failed, progress


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
