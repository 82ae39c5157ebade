import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from rich.pretty import pretty_repr

import bellhop
from bellhop import ActionAttempt
from bellhop.events import masked
from bellhop.events.description import Property, described

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "facts" / "action-attempts.json").read_text()
)
DOTS = "••••"
PENDING = {
    "action_attempt_id": "attempt1",
    "action_type": "UNLOCK_DOOR",
    "status": "pending",
    "result": None,
    "error": None,
}


def attempt(**fields: Any) -> ActionAttempt:
    """Read an attempt; a field that is `...` is left out."""
    sent = {name: value for name, value in {**PENDING, **fields}.items() if value is not ...}
    return ActionAttempt.model_validate_json(json.dumps(sent))


# The model and the facts


def test_the_model_says_exactly_what_the_facts_say() -> None:
    types = {name for action in FACTS["action_types"].values() for name in action["error_types"]}
    error = {
        # "string" stands for error types that Seam does not list.
        "type": Property("string", required=True, enum=frozenset(types - {"string"})),
        "message": Property("string", required=True),
    }
    assert described(ActionAttempt) == {
        "action_attempt_id": Property("string", required=True),
        "action_type": Property("string", required=True, enum=frozenset(FACTS["action_types"])),
        "status": Property("string", required=True, enum=frozenset(FACTS["status"])),
        "result": Property("object", required=True, nullable=True),
        "error": Property("object", required=True, nullable=True, properties=error),
    }


def test_the_results_of_both_actions_at_a_door_tell_whether_the_device_confirmed() -> None:
    confirming = {
        name
        for name, action in FACTS["action_types"].items()
        if "was_confirmed_by_device" in action["result"]
    }
    assert confirming == {"LOCK_DOOR", "UNLOCK_DOOR"}
    for name in confirming:
        assert FACTS["action_types"][name]["result"] == {"was_confirmed_by_device": "boolean"}


def test_the_package_exports_it() -> None:
    assert "ActionAttempt" in bellhop.__all__


# What it tells


def test_a_pending_attempt_has_neither_result_nor_error() -> None:
    pending = attempt()
    assert pending.is_pending
    assert not pending.succeeded
    assert not pending.failed
    assert pending.result is None
    assert pending.error is None
    assert pending.was_confirmed_by_device is None


@pytest.mark.parametrize("action_type", ["LOCK_DOOR", "UNLOCK_DOOR"])
@pytest.mark.parametrize("confirmed", [True, False])
def test_a_succeeded_attempt_tells_whether_the_device_confirmed(
    action_type: str, confirmed: bool
) -> None:
    done = attempt(
        action_type=action_type, status="success", result={"was_confirmed_by_device": confirmed}
    )
    assert done.succeeded
    assert not done.is_pending
    assert not done.failed
    assert done.was_confirmed_by_device is confirmed


@pytest.mark.parametrize("result", [{}, {"was_confirmed_by_device": None}, {"acs_user_id": "u"}])
def test_a_result_that_says_nothing_of_the_device_is_no_confirmation(
    result: dict[str, Any],
) -> None:
    assert attempt(status="success", result=result).was_confirmed_by_device is None


def test_a_failed_attempt_tells_why() -> None:
    failed = attempt(status="error", error={"type": "encoder_not_online", "message": "It is off."})
    assert failed.failed
    assert not failed.succeeded
    assert not failed.is_pending
    assert failed.error is not None
    assert failed.error.type == "encoder_not_online"
    assert failed.error.message == "It is off."


# Tolerance


def test_unknown_actions_statuses_and_errors_are_kept() -> None:
    strange = attempt(
        action_type="ENCODE_ACCESS_METHOD",
        status="cancelled",
        error={"type": "bored", "message": "no", "since": 1},
    )
    assert (strange.action_type, strange.status) == ("ENCODE_ACCESS_METHOD", "cancelled")
    assert strange.error is not None
    assert strange.error.type == "bored"
    assert strange.error.model_extra == {"since": 1}
    assert (strange.is_pending, strange.succeeded, strange.failed) == (False, False, False)


def test_unknown_fields_are_kept() -> None:
    assert attempt(device_id="d1").model_extra == {"device_id": "d1"}


def test_an_attempt_needs_nothing_but_its_id() -> None:
    bare = attempt(action_type=..., status=..., result=..., error=...)
    assert bare.action_attempt_id == "attempt1"
    assert bare.action_type is None
    assert not bare.is_pending


@pytest.mark.parametrize(
    "fields",
    [
        {"action_attempt_id": ...},
        {"action_attempt_id": None},
        {"action_attempt_id": ""},
        {"action_attempt_id": 1},
        {"action_type": 1},
        {"status": True},
        {"result": []},
        {"result": "done"},
        {"error": "no"},
        {"error": {"message": 1}},
    ],
)
def test_what_has_the_wrong_type_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        attempt(**fields)


def test_it_is_read_from_a_dict_as_from_json() -> None:
    sent = {**PENDING, "status": "error", "error": {"type": "uncategorized_error", "message": "?"}}
    assert ActionAttempt.model_validate(sent) == attempt(**sent)


# Secrets


@pytest.mark.parametrize("action_type", ["SCAN_TO_ASSIGN_CREDENTIAL", "ASSIGN_CREDENTIAL"])
def test_a_code_in_the_result_is_shown_nowhere_and_still_there(action_type: str) -> None:
    assert "code" in FACTS["action_types"][action_type]["result"]
    done = attempt(
        action_type=action_type, status="success", result={"code": "9876", "is_issued": True}
    )
    for text in (repr(done), str(done), pretty_repr(done), str(masked(done))):
        assert "9876" not in text
        assert DOTS in text
    assert done.result == {"code": "9876", "is_issued": True}
