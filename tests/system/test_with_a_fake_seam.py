"""With a real peer: what Seam's own fake of its API says is what Bellhop's API says.

The fake sends no webhooks: the events that it stored are relayed as Svix would deliver them. It
tells of action attempts in its API alone, so an event of each is made from what that says.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from seam import Seam

from bellhop.signature import sign
from tests.conftest import SECRET
from tests.node.installed import HERE, node
from tests.system.conftest import House, eventually

KEY = "seam_apikey1_token"
"""The fake's; and Bellhop's, so that nothing but the endpoint is another."""

LONG_AGO = "2020-01-01T00:00:00Z"

pytestmark = pytest.mark.timeout(400)  # npm may have to install it


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[str]:
    """The URL of a Seam in memory, with some locks."""
    said = tmp_path / "fake-seam"
    with said.open("w") as output:
        process = subprocess.Popen([node(), str(HERE / "fake-seam.mjs")], stdout=output)
    try:
        eventually(lambda: "listening on" in said.read_text(), "the fake is there")
        port = re.findall(r"listening on (\d+)", said.read_text())[0]
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def bellhop(house: House) -> str:
    """The URL of a receiver whose API is on."""
    house.environment["BELLHOP_API_KEY"] = KEY
    house.start("receiver")
    house.await_ready()
    return f"http://127.0.0.1:{house.port}"


def raw(endpoint: str, path: str, **asked: Any) -> httpx.Response:
    """Call an API without the SDK."""
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.get(f"{endpoint}{path}", params=asked, headers=headers, timeout=30)


def relay(event: dict[str, Any], house: House) -> None:
    """Deliver an event as Svix does."""
    body = json.dumps(event).encode()
    headers = sign(f"msg_{event['event_id']}", datetime.now(UTC), body, SECRET)
    assert httpx.post(house.webhook, content=body, headers=headers).status_code == 202


def test_what_the_fake_says_bellhop_says(fake: str, bellhop: str, house: House) -> None:
    with Seam(api_key=KEY, endpoint=fake) as seam:
        first, second = [lock.device_id for lock in seam.locks.list()][:2]
        done: list[Any] = [
            seam.locks.lock_door(device_id=first),
            seam.locks.unlock_door(device_id=second),
            seam.locks.lock_door(device_id=second),
        ]
        code = seam.access_codes.create(device_id=first, name="Room 12", code="1234")
    stored = raw(fake, "/events/list", since=LONG_AGO).json()["events"]
    types = [event["event_type"] for event in stored]
    assert types[-4:] == ["lock.locked", "lock.unlocked", "lock.locked", "access_code.created"]
    for event in stored:
        relay(event, house)

    # Events, field by field; the fake lists the oldest first.
    assert raw(bellhop, "/events/list", since=LONG_AGO).json()["events"] == stored[::-1]
    for event in stored:
        asked = {"event_id": event["event_id"]}
        assert (
            raw(bellhop, "/events/get", **asked).json() == raw(fake, "/events/get", **asked).json()
        )
    for asked in (
        {"since": LONG_AGO, "device_id": first},
        {"since": LONG_AGO, "device_ids": [first, second]},
        {"since": LONG_AGO, "event_type": "lock.locked", "device_id": second},
        {"since": LONG_AGO, "event_types": ["lock.unlocked", "access_code.created"]},
        {"between": [LONG_AGO, stored[-1]["created_at"]]},
        {"since": stored[-1]["created_at"]},
    ):
        ours, theirs = (
            raw(endpoint, "/events/list", **asked).json()["events"] for endpoint in (bellhop, fake)
        )
        assert ours == theirs[::-1], asked
    # Of what else may be asked, the fake overlooks all.
    for name, value in (
        ("access_code_id", code.access_code_id),
        ("connected_account_id", stored[-1]["connected_account_id"]),
    ):
        found = raw(bellhop, "/events/list", **{"since": LONG_AGO, name: value}).json()["events"]
        assert found == [event for event in stored[::-1] if event.get(name) == value]

    # The same through the SDK.
    with (
        Seam(api_key=KEY, endpoint=fake) as theirs,
        Seam(api_key=KEY, endpoint=bellhop) as ours,
    ):
        assert ours.events.list(since=LONG_AGO) == theirs.events.list(since=LONG_AGO)[::-1]
        for attempt in done:
            succeeded = f"action_attempt.{attempt.action_type.lower()}.succeeded"
            about = {
                "event_id": f"of-{attempt.action_attempt_id}",
                "event_type": succeeded,
                "action_attempt_id": attempt.action_attempt_id,
                "action_type": attempt.action_type,
                "status": attempt.status,
                "device_id": first,
                "workspace_id": stored[0]["workspace_id"],
                "created_at": datetime.now(UTC).isoformat(),
                "occurred_at": datetime.now(UTC).isoformat(),
            }
            relay(about, house)
            one = attempt.action_attempt_id
            assert ours.action_attempts.get(action_attempt_id=one) == attempt
            assert theirs.action_attempts.get(action_attempt_id=one) == attempt
            told, expected = (
                raw(endpoint, "/action_attempts/get", action_attempt_id=one).json()
                for endpoint in (bellhop, fake)
            )
            # Seam's types promise an object where the fake says null.
            expected["action_attempt"]["result"] = expected["action_attempt"]["result"] or {}
            assert told == expected
        assert ours.action_attempts.list() == done[::-1]


def test_what_the_fake_refuses_bellhop_refuses_alike(fake: str, bellhop: str) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("/events/list", {}),
        ("/events/list", {"since": "soon"}),
        ("/events/get", {}),
        ("/events/get", {"event_id": "unknown"}),
        ("/action_attempts/get", {}),
        ("/action_attempts/get", {"action_attempt_id": "unknown"}),
    ]
    for path, asked in wrong:
        ours, theirs = (raw(endpoint, path, **asked) for endpoint in (bellhop, fake))
        assert ours.status_code == theirs.status_code, path
        assert ours.headers["seam-request-id"]
        assert theirs.headers["seam-request-id"]
        error, expected = ours.json()["error"], theirs.json()["error"]
        assert error["type"] == expected["type"], path
        problems, known = (one.get("validation_errors", {}) for one in (error, expected))
        assert {name for name in known if name != "_errors"} <= set(problems), path
    ours, theirs = (
        httpx.get(f"{endpoint}/events/list", headers={"authorization": "Bearer seam_nobody"})
        for endpoint in (bellhop, fake)
    )
    assert ours.status_code == theirs.status_code == 401
    assert ours.json()["error"]["type"] == theirs.json()["error"]["type"]
