"""Seam's own SDK for Node, pointed at Bellhop, unchanged."""

import json
import subprocess
from typing import Any

import pytest

from tests.node.installed import HERE, node
from tests.receiver.api.conftest import KEY, Api, ago
from tests.receiver.api.test_seam_sdk import attempted

pytestmark = pytest.mark.timeout(400)  # npm may have to install it

Call = tuple[str, str, dict[str, Any]] | tuple[str, str, dict[str, Any], dict[str, Any]]


def outcomes(api: Api, *calls: Call, key: str = KEY) -> list[dict[str, Any]]:
    """Return what came of each call."""
    given = {"endpoint": api.url, "apiKey": key, "calls": calls}
    done = subprocess.run(
        [node(), str(HERE / "call.mjs")],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    outcomes: list[dict[str, Any]] = json.loads(done.stdout)
    return outcomes


def test_events_are_listed_and_got(api: Api) -> None:
    newest_first = api.deliver_some(4, device_id="a")
    locked = api.deliver(device_id="b", event_type="lock.locked", code="1234")
    since = ago(hours=1)
    found = outcomes(
        api,
        ("events", "list", {"since": since, "device_id": "a"}),
        ("events", "list", {"since": since, "device_ids": ["a", "c"], "limit": 2}),
        ("events", "list", {"since": since, "event_types": ["lock.locked", "lock.unlocked"]}),
        ("events", "list", {"since": since, "event_ids": newest_first[2:]}),
        ("events", "list", {"since": since, "device_ids": []}),
        ("events", "list", {"between": [ago(days=2), ago(days=1)]}),
        ("events", "get", {"event_id": locked.event_id}),
        ("events", "get", {"device_id": "b", "event_type": "lock.locked"}),
    )
    *lists, got, newest = [outcome["returned"] for outcome in found]
    assert [[event["event_id"] for event in events] for events in lists] == [
        newest_first,
        newest_first[:2],
        [locked.event_id, *newest_first],
        newest_first[2:],
        [],
        [],
    ]
    assert got == newest == json.loads(locked.body)


def test_action_attempts_are_listed_and_got_and_waited_for(api: Api) -> None:
    made = [attempted(api, f"a{number}", "lock_door.succeeded") for number in range(5)]
    failed = attempted(api, "b", "unlock_door.failed", device_id="d")
    got, of_device, of_ids, pages, waited, raised = outcomes(
        api,
        ("actionAttempts", "get", {"action_attempt_id": made[0]}),
        ("actionAttempts", "list", {"device_id": "d"}),
        ("actionAttempts", "list", {"action_attempt_ids": made[:2]}),
        ("actionAttempts", "paginate", {"limit": 4}),
        ("actionAttempts", "get", {"action_attempt_id": made[0]}, {"waitForActionAttempt": True}),
        ("actionAttempts", "get", {"action_attempt_id": failed}, {"waitForActionAttempt": True}),
    )
    attempt: dict[str, Any] = {
        "action_attempt_id": "a0",
        "action_type": "LOCK_DOOR",
        "status": "success",
        "result": {},
        "error": None,
    }
    assert got["returned"] == waited["returned"] == attempt
    assert [one["action_attempt_id"] for one in of_device["returned"]] == [failed]
    assert [one["action_attempt_id"] for one in of_ids["returned"]] == made[1::-1]
    assert [[one["action_attempt_id"] for one in page] for page in pages["returned"]] == [
        [failed, *made[:1:-1]],
        made[1::-1],
    ]
    assert raised["raised"]["name"] == "SeamActionAttemptFailedError"
    assert raised["raised"]["code"] == "unknown_error"


def test_what_is_not_there_or_wrong_raises(api: Api) -> None:
    found = outcomes(
        api,
        ("events", "get", {"event_id": "unknown"}),
        ("actionAttempts", "get", {"action_attempt_id": "unknown"}),
        ("events", "list", {"device_id": "a"}),
        ("events", "list", {"since": ago(days=1), "between": [ago(days=2), ago(days=1)]}),
        ("events", "list", {"since": "soon", "sinse": "now"}),
        ("actionAttempts", "list", {"page_cursor": "made up"}),
    )
    raised = [outcome["raised"] for outcome in found]
    assert [(one["name"], one["code"], one["statusCode"]) for one in raised] == [
        ("SeamHttpApiError", "event_not_found", 404),
        ("SeamHttpApiError", "action_attempt_not_found", 404),
        *[("SeamHttpInvalidInputError", "invalid_input", 400)] * 4,
    ]
    assert all(one["requestId"] for one in raised)
    assert "either since or between" in raised[2]["message"]
    assert {one["parameterName"] for one in raised[4]["validationErrors"]} == {"since", "sinse"}


def test_a_wrong_key_raises(api: Api) -> None:
    calls: list[Call] = [
        ("events", "list", {"since": ago(days=1)}),
        ("events", "get", {"event_id": "a"}),
        ("actionAttempts", "list", {}),
        ("actionAttempts", "get", {"action_attempt_id": "a"}),
    ]
    for outcome in outcomes(api, *calls, key=f"{KEY}x"):
        assert outcome["raised"]["name"] == "SeamHttpUnauthorizedError"
        assert outcome["raised"]["statusCode"] == 401
        assert outcome["raised"]["requestId"]
