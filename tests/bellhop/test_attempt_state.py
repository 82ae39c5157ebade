"""What is known of an action attempt does not depend on how its events came."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellhop import ActionAttempt
from bellhop.attempt_state import state_of
from bellhop.events import SeamEvent, parse

UNLOCK, LOCK = "action_attempt.unlock_door", "action_attempt.lock_door"


def told(event_type: str, event_id: str = "e1", at: int | None = 0, **fields: object) -> SeamEvent:
    """Make an event about attempt `a1`, created `at` seconds past noon."""
    created = None if at is None else f"2026-01-31T12:00:{at:02}Z"
    sent = {"event_id": event_id, "event_type": event_type, "action_attempt_id": "a1", **fields}
    sent |= {"created_at": created} if created else {}
    return parse(json.dumps({"device_id": "d1", "workspace_id": "w1", **sent}).encode()).event


def state(*events: SeamEvent, fetched: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the fields that are known."""
    said = ActionAttempt.model_validate({"action_attempt_id": "a1", **fetched}) if fetched else None
    known = state_of("a1", events, said)
    assert known.action_attempt_id == "a1"
    fields = known.model_dump(exclude_unset=True)
    del fields["action_attempt_id"]
    return fields


EVENTS = st.builds(
    told,
    st.sampled_from(
        [
            f"{UNLOCK}.succeeded",
            f"{UNLOCK}.failed",
            f"{LOCK}.failed",
            f"{UNLOCK}.cancelled",
            "action_attempt.sing.started",
            "lock.unlocked",
            "lock.jammed",
        ]
    ),
    event_id=st.sampled_from("abcdefg"),
    at=st.none() | st.integers(0, 9),
    status=st.sampled_from(["pending", "success", "error", "cancelled"]),
    action_type=st.sampled_from(["UNLOCK_DOOR", "LOCK_DOOR", "SING"]),
)
FETCHED = st.none() | st.builds(
    lambda status, result: {"status": status, "result": result},
    st.sampled_from(["pending", "success", "error"]),
    st.none() | st.just({"was_confirmed_by_device": True}),
)


@given(
    events=st.lists(EVENTS, min_size=1, max_size=6, unique_by=lambda event: event.event_id),
    fetched=FETCHED,
    data=st.data(),
)
def test_late_doubled_and_reordered_events_end_in_the_same_state(
    events: list[SeamEvent], fetched: dict[str, Any] | None, data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(events)))
    came = data.draw(st.permutations(events + again))
    assert state(*came, fetched=fetched) == state(*events, fetched=fetched)


@given(events=st.lists(EVENTS, max_size=6, unique_by=lambda event: event.event_id))
def test_one_that_has_ended_is_never_pending_again(events: list[SeamEvent]) -> None:
    ended = False
    for count in range(len(events) + 1):
        is_pending = state(*events[:count])["status"] == "pending"
        assert not (ended and is_pending)
        ended = not is_pending


def test_the_type_says_how_it_ended_whatever_else_is_there() -> None:
    assert state(told(f"{UNLOCK}.failed")) == {"action_type": "UNLOCK_DOOR", "status": "error"}
    strange = told(f"{UNLOCK}.succeeded", status="pending", action_type="UNLOCK_GATE")
    assert state(strange) == {"action_type": "UNLOCK_GATE", "status": "success"}


def test_a_type_that_nobody_knows_yet_says_it_by_its_status() -> None:
    assert state(told("action_attempt.sing.cancelled", status="cancelled"))["status"] == "cancelled"
    assert state(told("action_attempt.sing.started")) == {
        "action_type": "SING",
        "status": "pending",
    }


def test_the_end_counts_that_was_created_last_and_without_times_the_greater_id() -> None:
    early, late = told(f"{UNLOCK}.succeeded", "z", 1), told(f"{UNLOCK}.failed", "a", 2)
    assert state(early, late)["status"] == "error"
    early, late = told(f"{UNLOCK}.succeeded", "b", None), told(f"{UNLOCK}.failed", "a", None)
    assert state(early, late)["status"] == "success"


def test_an_end_outweighs_a_later_start() -> None:
    started = told("action_attempt.sing.started", "e2", 9, action_type="SING")
    assert state(told("action_attempt.sing.succeeded", at=1), started)["status"] == "success"


def test_what_was_fetched_counts_most_once_it_says_how_it_ended() -> None:
    failed = {"status": "error", "error": {"type": "encoder_not_online", "message": "It is off."}}
    event = told(f"{UNLOCK}.succeeded")
    assert state(event, fetched=failed) == {"action_type": "UNLOCK_DOOR", **failed}


@pytest.mark.parametrize("status", ["pending", None])
def test_what_was_fetched_before_the_end_only_adds(status: str | None) -> None:
    fetched = {"status": status, "action_type": "OTHER", "new_field": 1}
    assert state(told(f"{UNLOCK}.succeeded"), fetched=fetched) == {
        "action_type": "UNLOCK_DOOR",
        "status": "success",
        "new_field": 1,
    }


def test_nothing_is_known_of_an_attempt_without_events() -> None:
    assert state() == {"status": "pending"}
