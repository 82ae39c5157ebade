"""What a settle writes down of an event: its outcome, its state, what is open of it."""

import pytest

from bellhop.ledger import Outcome, Result, SettledEntry, keys
from tests.bellhop.ledger.conftest import (
    BELL,
    DEAD,
    DONE,
    END,
    KEEP,
    LOG,
    RETRYING,
    Desk,
    box,
    dead,
    done,
    failed,
    record,
)


@pytest.fixture
def two(bare: Desk) -> Desk:
    """A worker with two handlers that holds an event for each of them."""
    bare.subscribe("w", BELL, LOG)
    bare.deliver("e1")
    bare.claim()
    return bare


def test_a_finished_entry_leaves_its_mailbox_with_its_outcome_written(desk: Desk) -> None:
    desk.handle("e1")

    event = desk.event("e1")
    assert (event["state"], event["open"]) == ("done", 0)
    assert event["records"] == {"bell": DONE}
    assert event["may be forgotten"]
    for name in ("mail", "held", "leases", "ready"):
        assert desk.found[name] == {}, name


def test_an_event_is_over_when_all_its_handlers_are_through(two: Desk) -> None:
    two.settle(box(END, done("e1")))
    event = two.event("e1")
    assert (event["state"], event["open"], event["may be forgotten"]) == ("accepted", 1, False)
    assert event["records"] == {"bell": DONE, "log": ""}

    two.settle(box(END, done("e1"), handler="log"))
    event = two.event("e1")
    assert (event["state"], event["open"], event["may be forgotten"]) == ("done", 0, True)
    assert event["records"] == {"bell": DONE, "log": DONE}


def test_an_event_that_was_twice_in_a_mailbox_is_over_for_its_handler_once(two: Desk) -> None:
    two.redis.rpush(f"{keys.PREFIX}mail:bell device:1", "e1")
    two.settle(box(KEEP, done("e1")), entries=9)
    two.settle(box(END, dead("e1")), entries=9)

    event = two.event("e1")
    assert (event["state"], event["open"], event["dead"]) == ("accepted", 1, 0)
    assert event["records"] == {"bell": DONE, "log": ""}
    assert two.found["dead"] == {}


def test_an_event_with_a_retry_is_kept_until_nothing_of_it_is_open(two: Desk) -> None:
    two.settle(box(END, failed("e1")), box(END, failed("e1"), handler="log"))
    event = two.event("e1")
    assert (event["state"], event["open"], event["may be forgotten"]) == ("retrying", 2, False)

    two.sweep("w")
    two.claim(settles=1)
    two.settle(box(END, done("e1")))
    event = two.event("e1")
    assert (event["state"], event["open"], event["may be forgotten"]) == ("retrying", 1, False)
    two.settle(box(END, done("e1"), handler="log"))
    event = two.event("e1")
    assert (event["state"], event["open"], event["may be forgotten"]) == ("done", 0, True)


def test_a_retry_that_fails_again_is_due_again(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(END, failed("e1")))
    desk.sweep("w")
    desk.claim(settles=1)
    desk.settle(box(END, failed("e1", 5_000)))

    assert desk.found["due"] == {"e1 bell device:1": desk.now + 5_000}
    assert desk.event("e1")["open"] == 1
    assert desk.found["mail"] == {}


def test_an_event_with_a_dead_letter_stays(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(END, dead("e1")))

    event = desk.event("e1")
    assert (event["state"], event["dead"], event["may be forgotten"]) == ("dead", 1, False)
    assert event["records"] == {"bell": DEAD}
    assert desk.found["dead"] == {"e1 bell": desk.now}


def test_a_handler_that_succeeds_does_not_hide_anothers_dead_letter(two: Desk) -> None:
    two.settle(box(END, dead("e1")))
    assert two.event("e1")["state"] == "accepted"

    two.settle(box(END, done("e1"), handler="log"))
    event = two.event("e1")
    assert (event["state"], event["open"], event["dead"]) == ("dead", 0, 1)
    assert not event["may be forgotten"]


def test_one_handlers_retry_changes_nothing_for_another(two: Desk) -> None:
    two.deliver("e2")
    two.settle(box(END, failed("e1", 5_000)), box(END, done("e1"), handler="log"))

    assert two.found["mail"] == {"bell device:1": ["e2"], "log device:1": ["e2"]}
    assert two.event("e1")["records"] == {"bell": RETRYING, "log": DONE}


def test_a_handler_that_wants_to_know_is_told_of_what_it_is_to_try_again(desk: Desk) -> None:
    limit = desk.limits("w")[0]._replace(past=True)
    desk.deliver("e1", "e2", "e3")
    desk.claim()
    desk.settle(
        box(END, failed("e2", 5_000, wants_retries=True), failed("e1", 5_000, wants_retries=True))
    )

    (mail,) = desk.claim("w", limit, settles=1).mail
    assert mail.retrying == [1, 2]
    desk.settle(box(END, failed("e3", wants_retries=True)))
    desk.now += 5_000
    desk.sweep("w")
    (mail,) = desk.claim("w", limit, settles=2).mail
    assert mail.retrying == [1, 2, 3]
    desk.settle(box(END, *(done(f"e{n}", again=True) for n in (3, 1, 2))))
    assert desk.found["retrying"] == {}


def test_only_the_oldest_hundred_are_told(desk: Desk) -> None:
    desk.deliver(*(f"e{n}" for n in range(1, 102)), "new")
    desk.claim(entries=101)
    desk.settle(box(END, *(failed(f"e{n}", 5_000, wants_retries=True) for n in range(1, 102))))

    (mail,) = desk.claim("w", desk.limits("w")[0]._replace(past=True), settles=1).mail
    assert mail.retrying == list(range(1, 101))


def test_the_newest_event_that_a_handler_saw_is_told_to_one_that_wants_to_know(
    desk: Desk,
) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim()
    entries = [
        done(f"e{n}")._replace(occurred_ms=occurred) for n, occurred in ((1, 2_000), (2, 1_000))
    ]
    desk.settle(box(END, *entries))

    limit = desk.limits("w")[0]
    assert desk.claim("w", limit._replace(past=True), settles=1).mail[0].newest_ms == 2_000
    assert desk.claim("w", limit, settles=1).mail[0].newest_ms is None


def test_five_hundred_entries_are_settled_in_one_call(desk: Desk) -> None:
    event_ids = [f"e{n}" for n in range(500)]
    desk.deliver(*event_ids)
    desk.claim(entries=500)
    assert desk.settle(box(KEEP, *map(done, event_ids))).ours

    assert desk.found["mail"] == desk.found["held"] == {}
    assert desk.event("e499")["records"] == {"bell": DONE}


def test_entries_that_are_not_the_first_ones_leave_their_mailbox_too(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim()
    desk.settle(box(KEEP, done("e3"), done("e2")))

    assert desk.found["mail"] == {"bell device:1": ["e1"]}
    assert desk.found["held"] == {"w": {"bell device:1": 1}}


def test_a_retry_whose_record_is_gone_leaves_nothing_behind(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(END, failed("e1")))
    desk.sweep("w")
    desk.redis.delete(keys.event("e1"))

    (mail,) = desk.claim(settles=1).mail
    assert mail.entries[0].event.body is None
    assert desk.settle(box(END, done("e1", again=True))).ours
    assert desk.found["events"] == desk.found["mail"] == desk.found["due"] == {}


def test_a_record_of_any_characters_comes_out_as_it_went_in(desk: Desk) -> None:
    said = record("retrying", "ü€😀 \n\x00 %s")
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(END, SettledEntry("e1", Outcome(Result.RETRY, said))))
    desk.sweep("w")

    assert desk.claim(settles=1).mail[0].entries[0].record == said
