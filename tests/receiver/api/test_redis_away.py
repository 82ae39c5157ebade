"""While Redis is away, the API says so within seconds, and in Seam's words."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from httpx_retries import Retry
from seam import Seam
from seam.exceptions import SeamHttpApiError
from structlog.testing import capture_logs

from bellhop.connections import connect
from bellhop.embedded import EmbeddedRedis
from bellhop_receiver.api.endpoint import LONGEST_CALL
from tests.receiver.api.conftest import KEY, Api, ago
from tests.receiver.api.test_refusals import PATHS, error_of
from tests.receiver.conftest import Receiver
from tests.slack import slack

ASKED = {
    "/events/list": {"since": "2020-01-01"},
    "/events/get": {"event_id": "a"},
    "/action_attempts/list": {},
    "/action_attempts/get": {"action_attempt_id": "a"},
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A Redis of its own."""
    server = EmbeddedRedis(tmp_path / ".bellhop")
    server.start()
    yield server
    server.stop()


def test_redis_may_go_and_come_back(server: EmbeddedRedis) -> None:
    with capture_logs() as lines:
        receiver = Receiver(server.url, api_key=KEY)
        api = Api(receiver)
        api.deliver()
        assert api.get("/events/list", {"since": ago(hours=1)}).status_code == 200
        server.stop()
        for path in PATHS:
            response = api.get(path, ASKED[path])
            assert error_of(response, 503)["type"] == "service_unavailable"
            assert int(response.headers["retry-after"]) > 0
        assert api.get("/events/list").status_code == 400
        with (
            Seam(api_key=KEY, endpoint=api.url, retries=Retry(total=0)) as seam,
            pytest.raises(SeamHttpApiError) as raised,
        ):
            seam.events.list(since=ago(hours=1))
        assert (raised.value.code, raised.value.status_code) == ("service_unavailable", 503)
        server.start()
        assert len(api.get("/events/list", {"since": ago(hours=1)}).json()["events"]) == 1
        receiver.stop()
    told = [line["event"] for line in lines if line["log_level"] in ("error", "warning")]
    assert told == ["Redis cannot be read; answering calls of the API with 503", "Redis is back"]


def test_redis_restarted_between_two_calls_is_not_noticed(server: EmbeddedRedis) -> None:
    receiver = Receiver(server.url, api_key=KEY)
    try:
        api = Api(receiver)
        assert api.get("/events/list", ASKED["/events/list"]).status_code == 200
        server.stop()
        server.start()
        assert api.get("/events/list", ASKED["/events/list"]).status_code == 200
    finally:
        receiver.stop()


def test_who_waits_for_redis_is_answered_within_seconds(server: EmbeddedRedis) -> None:
    receiver = Receiver(server.url, api_key=KEY)
    with connect(server.url) as redis:
        pid = redis.info("server")["process_id"]
    try:
        api = Api(receiver)
        assert api.get("/events/list", ASKED["/events/list"]).status_code == 200
        os.kill(pid, signal.SIGSTOP)
        begun = time.monotonic()
        response = api.get("/events/list", ASKED["/events/list"])
        assert error_of(response, 503)["type"] == "service_unavailable"
        assert time.monotonic() - begun < LONGEST_CALL + 2 + slack()
    finally:
        os.kill(pid, signal.SIGCONT)
        receiver.stop()


def test_what_is_encrypted_is_answered_in_the_clear_to_who_has_the_key(redis_url: str) -> None:
    receiver = Receiver(redis_url, api_key=KEY, encryption_keys=(Fernet.generate_key().decode(),))
    keyless = Receiver(redis_url, api_key=KEY)
    try:
        delivery = Api(receiver).deliver(code="7351")
        asked = {"event_id": delivery.event_id}
        assert delivery.body in Api(receiver).get("/events/get", asked).content
        with capture_logs() as lines:
            response = Api(keyless).get("/events/get", asked)
        assert error_of(response, 500)["type"] == "internal_server_error"
        assert "7351" not in f"{response.text} {lines}"
        assert lines[0]["event"] == "a call of the API failed"
    finally:
        receiver.stop()
        keyless.stop()
