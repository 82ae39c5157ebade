"""Seam's own SDK for Python, pointed at Bellhop, unchanged."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from seam import AsyncSeam, Seam
from seam.exceptions import (
    SeamActionAttemptFailedError,
    SeamActionAttemptTimeoutError,
    SeamHttpApiError,
    SeamHttpInvalidInputError,
    SeamHttpUnauthorizedError,
)

from tests.receiver.api.conftest import KEY, Api, ago


@pytest.fixture
def seam(api: Api) -> Iterator[Seam]:
    """The SDK."""
    with Seam(api_key=KEY, endpoint=api.url) as client:
        yield client


def attempted(api: Api, attempt: str, event_type: str, **fields: Any) -> str:
    """Deliver an event about an action attempt; return the attempt's id."""
    api.deliver(
        event_type=f"action_attempt.{event_type}",
        action_attempt_id=attempt,
        action_type=event_type.partition(".")[0].upper(),
        status="success" if event_type.endswith("succeeded") else "error",
        **fields,
    )
    return attempt


def ids(events: Any) -> list[str]:
    return [event.event_id for event in events]


def test_events_are_listed(api: Api, seam: Seam) -> None:
    newest_first = api.deliver_some(3, device_id="a")
    api.deliver(device_id="b", event_type="lock.locked")
    since = ago(hours=1)
    assert ids(seam.events.list(since=since, device_id="a")) == newest_first
    assert ids(seam.events.list(since=since, limit=2, device_ids=["a", "c"])) == newest_first[:2]
    assert ids(seam.events.list(since=since, unstable_offset=1, device_id="a")) == newest_first[1:]
    types = seam.events.list(since=since, event_types=["lock.locked", "lock.access_denied"])
    assert [event.event_type for event in types] == ["lock.locked"]
    assert ids(seam.events.list(since=since, event_ids=newest_first[1:])) == newest_first[1:]
    assert seam.events.list(since=since, device_ids=[]) == []
    assert seam.events.list(between=[ago(days=2), ago(days=1)]) == []
    now = datetime.now(UTC)
    within: Any = [now - timedelta(hours=1), now + timedelta(hours=1)]
    assert len(seam.events.list(between=within)) == 4


def test_an_event_has_what_was_delivered(api: Api, seam: Seam) -> None:
    delivery = api.deliver(event_type="access_code.set_on_device", access_code_id="c", code="1234")
    event: Any = seam.events.get(event_id=delivery.event_id)
    assert type(event).__name__ == "AccessCodeSetOnDeviceEvent"
    assert (event.code, event.access_code_id, event.device_id) == ("1234", "c", "front-door")
    assert seam.events.get(device_id="front-door") == event
    assert seam.events.get(event_type="access_code.set_on_device") == event


def test_an_event_of_a_type_that_the_sdk_does_not_know_is_readable(api: Api, seam: Seam) -> None:
    delivery = api.deliver(event_type="lock.jammed", torque=5)
    event: Any = seam.events.get(event_id=delivery.event_id)
    assert (event.event_type, event.torque) == ("lock.jammed", 5)


def test_what_is_not_there_raises(seam: Seam) -> None:
    with pytest.raises(SeamHttpApiError) as event:
        seam.events.get(event_id="unknown")
    assert (event.value.code, event.value.status_code) == ("event_not_found", 404)
    assert event.value.request_id
    with pytest.raises(SeamHttpApiError) as attempt:
        seam.action_attempts.get(action_attempt_id="unknown")
    assert (attempt.value.code, attempt.value.status_code) == ("action_attempt_not_found", 404)


def test_bad_parameters_raise_with_what_is_wrong(seam: Seam) -> None:
    with pytest.raises(SeamHttpInvalidInputError) as bad:
        seam.events.list(since="soon", limit=5000)
    assert bad.value.status_code == 400
    assert [one.parameter_name for one in bad.value.validation_errors] == ["since", "limit"]
    assert "Must be a time" in bad.value.get_validation_error_messages("since")[0]
    with pytest.raises(SeamHttpInvalidInputError, match="either since or between"):
        seam.events.list(device_id="a")
    with pytest.raises(SeamHttpInvalidInputError, match="not both"):
        seam.events.list(since=ago(days=1), between=[ago(days=2), ago(days=1)])
    with pytest.raises(SeamHttpInvalidInputError, match="page_cursor"):
        seam.action_attempts.list(page_cursor="made up")
    with pytest.raises(SeamHttpInvalidInputError, match="sinse"):
        seam.client.get("/events/list", params={"sinse": "2026-01-01"})


def test_a_wrong_key_raises(api: Api) -> None:
    with Seam(api_key=f"{KEY}x", endpoint=api.url) as stranger:
        calls: list[Any] = [
            lambda: stranger.events.list(since=ago(hours=1)),
            lambda: stranger.events.get(event_id="a"),
            lambda: stranger.action_attempts.list(),
            lambda: stranger.action_attempts.get(action_attempt_id="a"),
        ]
        for call in calls:
            with pytest.raises(SeamHttpUnauthorizedError) as refused:
                call()
            assert refused.value.request_id


def test_action_attempts_are_got_and_listed(api: Api, seam: Seam) -> None:
    locked = attempted(api, "a1", "lock_door.succeeded", device_id="d1")
    unlocked = attempted(api, "a2", "unlock_door.succeeded", device_id="d2")
    attempt: Any = seam.action_attempts.get(action_attempt_id=locked)
    assert type(attempt).__name__ == "LockDoorSuccessActionAttempt"
    assert (attempt.status, attempt.action_type, attempt.error) == ("success", "LOCK_DOOR", None)

    def listed(**asked: Any) -> list[str]:
        found: list[Any] = seam.action_attempts.list(**asked)
        return [one.action_attempt_id for one in found]

    assert listed() == [unlocked, locked]
    assert listed(device_id="d1") == [locked]
    assert listed(action_attempt_ids=[locked, "unknown"]) == [locked]
    assert listed(action_attempt_ids=[]) == []
    assert listed(action_attempt_ids=[locked], device_id="d2") == []


def test_action_attempts_are_paged(api: Api, seam: Seam) -> None:
    made = [attempted(api, f"a{number}", "lock_door.succeeded") for number in range(7)]
    paginator = seam.create_paginator(seam.action_attempts.list, {"limit": 3})
    first, pagination = paginator.first_page()
    assert [one.action_attempt_id for one in first] == made[:-4:-1]
    assert pagination
    assert pagination.has_next_page
    assert [one.action_attempt_id for one in paginator.flatten()] == made[::-1]
    of_device = seam.create_paginator(seam.action_attempts.list, {"device_id": "x", "limit": 3})
    assert of_device.flatten_to_list() == []


def test_the_sdk_waits_for_an_attempt_that_was_done(api: Api, seam: Seam) -> None:
    attempted(api, "a1", "lock_door.succeeded")
    done: Any = seam.action_attempts.get(action_attempt_id="a1", wait_for_action_attempt=True)
    assert done.status == "success"
    attempted(api, "a2", "lock_door.failed")
    with pytest.raises(SeamActionAttemptFailedError) as failed:
        seam.action_attempts.get(action_attempt_id="a2", wait_for_action_attempt=True)
    assert failed.value.code == "unknown_error"
    assert "Seam's events do not say why" in str(failed.value)


def test_the_sdk_waits_until_the_event_comes(api: Api) -> None:
    api.deliver(event_type="lock.locked", action_attempt_id="a1")  # it tells of it, and no more
    wait = {"timeout": 10.0, "polling_interval": 0.05}

    async def wait_for_it() -> Any:
        async with AsyncSeam(api_key=KEY, endpoint=api.url) as seam:
            pending: Any = await seam.action_attempts.get(
                action_attempt_id="a1", wait_for_action_attempt=False
            )
            assert pending.status == "pending"
            waiting = asyncio.create_task(
                seam.action_attempts.get(action_attempt_id="a1", wait_for_action_attempt=wait)
            )
            with pytest.raises(SeamActionAttemptTimeoutError):
                await seam.action_attempts.get(
                    action_attempt_id="a1",
                    wait_for_action_attempt={"timeout": 0.2, "polling_interval": 0.05},
                )
            assert not waiting.done()
            await asyncio.to_thread(attempted, api, "a1", "lock_door.succeeded")
            return await waiting

    assert asyncio.run(wait_for_it()).status == "success"


def test_the_cursor_that_seam_lacks_is_there_for_the_sdks_client(api: Api, seam: Seam) -> None:
    newest_first = api.deliver_some(3)
    asked = {"since": ago(hours=1), "limit": 2}
    first = seam.client.get("/events/list", params=asked)
    cursor = first["pagination"]["next_page_cursor"]
    rest = seam.client.post("/events/list", json={**asked, "page_cursor": cursor})
    listed = [*first["events"], *rest["events"]]
    assert [event["event_id"] for event in listed] == newest_first
    assert rest["pagination"]["has_next_page"] is False
