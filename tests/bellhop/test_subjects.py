"""What an event can be found by."""

import json

from bellhop.events import parse
from bellhop.events.subjects import subjects_of
from bellhop.testing import make_event


def test_an_event_is_about_its_type_and_every_resource_whose_id_it_carries() -> None:
    event = make_event("access_code.set_on_device")

    assert set(subjects_of(event)) == {
        "event_type access_code.set_on_device",
        f"device_id {event.device_id}",
        f"access_code_id {event.access_code_id}",
        f"connected_account_id {event.connected_account_id}",
    }


def test_one_of_a_type_that_nobody_knows_can_be_found_among_all_such() -> None:
    for event_type in ("lock.jammed", "moon.full"):
        sent = {"event_id": "e1", "event_type": event_type, "workspace_id": "w1", "device_id": "d1"}
        found = subjects_of(parse(json.dumps(sent).encode()).event)
        assert found == (f"event_type {event_type}", "event_type ?", "device_id d1")


def test_the_attempts_at_a_device_are_found_by_themselves() -> None:
    event = make_event("action_attempt.lock_door.succeeded", action_attempt_id="a1", device_id="d1")

    assert {"action_attempt_id a1", "attempts_of_device_id d1"} < set(subjects_of(event))
    crowded = {f"x{n}_id": str(n) for n in range(100)}
    assert {"action_attempt_id a1", "attempts_of_device_id d1"} < subjects_of_one_with(
        **crowded, action_attempt_id="a1", device_id="d1"
    )


def subjects_of_one_with(**fields: object) -> set[str]:
    sent = {"event_id": "e1", "event_type": "lock.jammed", "workspace_id": "w1", **fields}
    of_any = {"event_type lock.jammed", "event_type ?"}
    return set(subjects_of(parse(json.dumps(sent).encode()).event)) - of_any


def test_fields_that_nobody_knew_count_too_and_lists_in_the_singular() -> None:
    assert subjects_of_one_with(
        device_id="d1", bolt_id="b1", space_ids=["s1", "s2", "s1"], customer_key="c 1", name="n"
    ) == {"device_id d1", "bolt_id b1", "space_id s1", "space_id s2", "customer_key c 1"}


def test_what_is_no_id_is_passed_over() -> None:
    assert (
        subjects_of_one_with(
            a_id=1, b_id=None, c_id="", d_id={"x": "y"}, e_ids=[None, 1, ["z"]], f_id="x" * 201
        )
        == set()
    )


def test_a_body_full_of_ids_is_not_indexed_by_all_of_them() -> None:
    assert len(subjects_of_one_with(x_ids=[str(n) for n in range(10_000)])) <= 50
    assert len(subjects_of_one_with(**{f"x{n}_id": str(n) for n in range(1_000)})) <= 50
