"""Who may call, and what is said of a call that cannot be answered."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from tests.receiver.api.conftest import KEY, Api, ago
from tests.receiver.conftest import Receiver

PATHS = ["/events/list", "/events/get", "/action_attempts/list", "/action_attempts/get"]
EACH = pytest.mark.parametrize("path", PATHS)


def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    """Return the error in an answer, which has Seam's shape."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert set(answer) == {"error", "ok"}
    assert answer["ok"] is False
    error: dict[str, Any] = answer["error"]
    assert error["request_id"] == response.headers["seam-request-id"]
    uuid.UUID(error["request_id"])
    return error


@EACH
@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        f"Bearer {KEY}x",
        f"Bearer {KEY[:-1]}",
        f"Bearer {KEY.upper()}",
        f"Basic {KEY}",
        KEY,
        "Bearer é",
    ],
)
def test_who_has_not_the_key_is_told_nothing(api: Api, path: str, authorization: str) -> None:
    delivery = api.deliver()
    raw = {b"authorization": authorization.encode("latin-1")}
    for response in (
        api.receiver.client.get(path, params={"event_id": delivery.event_id}, headers=raw),
        api.receiver.client.post(path, json={"event_id": delivery.event_id}, headers=raw),
        api.receiver.client.put(path, headers=raw),
    ):
        assert error_of(response, 401)["type"] == "unauthorized"
        assert response.headers["www-authenticate"] == "Bearer"
        assert KEY not in response.text + str(response.headers)
        assert delivery.event_id not in response.text


def test_the_scheme_may_be_written_in_any_case(api: Api) -> None:
    for scheme in ("bearer", "BEARER"):
        assert api.get("/events/get", authorization=f"{scheme} {KEY}").status_code == 400


def test_the_first_wrong_key_is_logged_and_the_rest_are_counted(redis_url: str) -> None:
    with capture_logs() as lines:
        receiver = Receiver(redis_url, api_key=KEY)
        for key in ("seam_somebody-elses-key", "seam_yet-another-key"):
            headers = {"authorization": f"Bearer {key}"}
            receiver.client.get("/events/list", headers=headers)
        receiver.stop()
    reason = "The API key is not the right one"
    assert [line for line in lines if line["log_level"] == "warning"] == [
        {"event": "refused a call", "log_level": "warning", "reason": reason},
        {
            "event": "refused more calls",
            "log_level": "warning",
            "refused": 1,
            "reasons": {reason: 1},
        },
    ]


def test_without_a_key_there_is_no_api(receiver: Receiver) -> None:
    for path in (*PATHS, "/openapi.json"):
        response = receiver.client.get(path, headers={"authorization": f"Bearer {KEY}"})
        assert response.status_code == 404


def test_the_key_is_for_reading_and_webhooks_need_none(api: Api) -> None:
    assert api.receiver.client.get("/health/ready").status_code == 200
    assert api.deliver().event_id


BAD: list[tuple[str, dict[str, Any], list[str]]] = [
    ("/events/list", {}, []),
    ("/events/list", {"limit": 5}, []),
    ("/events/list", {"since": "2026-01-01", "between": ["2026-01-01", "2026-01-02"]}, []),
    ("/events/list", {"since": "2026-01-01", "sinse": "2026-01-01"}, ["sinse"]),
    ("/events/list", {"since": "2026-01-01", "deviceId": "a"}, ["deviceId"]),
    ("/events/list", {"since": "2026-01-01", "action_attempt_id": "a"}, ["action_attempt_id"]),
    ("/events/list", {"since": "soon"}, ["since"]),
    ("/events/list", {"since": "1h"}, ["since"]),
    ("/events/list", {"since": "1614265330"}, ["since"]),
    ("/events/list", {"since": "2026-13-01T00:00:00Z"}, ["since"]),
    ("/events/list", {"since": "2026-02-30"}, ["since"]),
    ("/events/list", {"since": ""}, ["since"]),
    ("/events/list", {"between": ["2026-01-01"]}, ["between"]),
    ("/events/list", {"between": ["2026-01-01"] * 3}, ["between"]),
    ("/events/list", {"between": ["2026-01-01", "later"]}, ["between"]),
    ("/events/list", {"since": "2026-01-01", "limit": 0}, ["limit"]),
    ("/events/list", {"since": "2026-01-01", "limit": -1}, ["limit"]),
    ("/events/list", {"since": "2026-01-01", "limit": 1001}, ["limit"]),
    ("/events/list", {"since": "2026-01-01", "limit": 1.5}, ["limit"]),
    ("/events/list", {"since": "2026-01-01", "limit": "many"}, ["limit"]),
    ("/events/list", {"since": "2026-01-01", "unstable_offset": -1}, ["unstable_offset"]),
    ("/events/list", {"since": "2026-01-01", "unstable_offset": 10001}, ["unstable_offset"]),
    ("/events/list", {"since": "2026-01-01", "device_id": ""}, ["device_id"]),
    ("/events/list", {"since": "2026-01-01", "device_id": "x" * 201}, ["device_id"]),
    ("/events/list", {"since": "2026-01-01", "device_ids": ["a"] * 501}, ["device_ids"]),
    ("/events/list", {"since": "2026-01-01", "event_type": "lock.*"}, ["event_type"]),
    ("/events/list", {"since": "2026-01-01", "event_types": ["*", "a.b"]}, ["event_types"]),
    ("/events/list", {"limit": "x", "since": "y", "foo": "z"}, ["since", "limit", "foo"]),
    ("/events/get", {}, []),
    ("/events/get", {"event_id": "a", "limit": 1}, ["limit"]),
    ("/action_attempts/get", {}, ["action_attempt_id"]),
    ("/action_attempts/get", {"action_attempt_id": ""}, ["action_attempt_id"]),
    ("/action_attempts/list", {"limit": 0}, ["limit"]),
    ("/action_attempts/list", {"action_attempt_id": "a"}, ["action_attempt_id"]),
    ("/action_attempts/list", {"page_cursor": "AAAA"}, ["page_cursor"]),
]


@pytest.mark.parametrize(("path", "asked", "named"), BAD)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_bad_parameter_is_named(
    api: Api, method: str, path: str, asked: dict[str, Any], named: list[str]
) -> None:
    response = api.get(path, asked) if method == "GET" else api.post(path, asked)
    error = error_of(response, 400)
    assert error["type"] == "invalid_input"
    problems = error["validation_errors"]
    assert set(problems) == {"_errors", *named}
    assert problems["_errors"] or named
    for name in named:
        assert problems[name]["_errors"]
        assert f'"{name}"' in error["message"]


def test_what_is_said_of_the_bounds_is_what_seam_says(api: Api) -> None:
    error = error_of(api.get("/events/list"), 400)
    assert error["message"] == "Must specify either since or between"
    asked = {"since": "2026-01-01", "between": ["2026-01-01", "2026-01-02"]}
    error = error_of(api.get("/events/list", asked), 400)
    assert error["message"] == "Must specify either since or between, not both"
    error = error_of(api.get("/events/get"), 400)
    assert error["message"] == "An argument for event_id, event_type, or device_id is required"


def test_a_cursor_and_an_offset_do_not_go_together(api: Api) -> None:
    api.deliver_some(2)
    first = api.get("/events/list", {"since": ago(hours=1), "limit": 1}).json()
    cursor = first["pagination"]["next_page_cursor"]
    asked = {"since": ago(hours=1), "page_cursor": cursor, "unstable_offset": 1}
    error_of(api.get("/events/list", asked), 400)


def test_values_are_not_repeated_to_the_caller(api: Api) -> None:
    for asked in (
        {"since": "hunter2"},
        {"since": "2026-01-01", "code": "hunter2"},
        {"since": "2026-01-01", "limit": "hunter2"},
        {"since": "2026-01-01", "device_id": "hunter2" * 50},
        {"since": "2026-01-01", "page_cursor": "hunter2"},
    ):
        assert "hunter2" not in api.get("/events/list", asked).text
        assert "hunter2" not in api.post("/events/list", asked).text


def test_a_null_is_refused(api: Api) -> None:
    for name in ("device_id", "device_ids", "event_type", "limit", "between"):
        response = api.post("/events/list", {"since": "2026-01-01", name: None})
        assert name in error_of(response, 400)["validation_errors"]


def test_a_number_in_json_is_a_number(api: Api) -> None:
    for limit, status in ((5, 200), (5.0, 200), ("5", 400), (True, 400), (5.5, 400)):
        response = api.post("/events/list", {"since": ago(hours=1), "limit": limit})
        assert response.status_code == status, limit


@pytest.mark.parametrize(
    "query",
    [
        "since=2020-01-01&device_ids=a&device_ids=b&_strict=true",
        "since=2020-01-01&device_ids[]=a&device_ids[]=b",
        "since=2020-01-01&device_ids[0]=a&device_ids[1]=b&_strict=false",
        "since=2020-01-01&device_ids%5B%5D=a&device_ids%5B%5D=b",
        "between=2020-01-01&between=2099-01-01&device_ids=a&device_ids=b",
        "between[]=2020-01-01&between[]=2099-01-01&device_ids=a&device_ids=b&limit=7.0",
    ],
)
def test_lists_are_read_as_every_sdk_writes_them(api: Api, query: str) -> None:
    api.deliver(device_id="a")
    api.deliver(device_id="b")
    api.deliver(device_id="c")
    assert len(api.get(f"/events/list?{query}").json()["events"]) == 2


@pytest.mark.parametrize(
    "query", ["since=2026-01-01&since=2026-01-02", "since=2026-01-01&limit=1&limit=2"]
)
def test_what_is_one_value_is_given_once(api: Api, query: str) -> None:
    error = error_of(api.get(f"/events/list?{query}"), 400)
    assert "Must be given once" in error["message"]


def test_a_query_that_is_no_text_is_refused(api: Api) -> None:
    error_of(api.get("/events/list?since=%ff"), 400)
    assert "limit" in error_of(api.post("/events/list?limit=1", {}), 400)["validation_errors"]
    for query in ("?_strict=true", ""):
        asked = {"since": ago(hours=1)}
        assert api.post(f"/events/list{query}", asked).status_code == 200


def test_a_body_that_is_no_json_object_is_refused(api: Api) -> None:
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    for body in (b"{", b"[]", b'"x"', b"null", b"\xff", b"[" * 100_000):
        response = api.receiver.client.post("/events/list", content=body, headers=headers)
        assert error_of(response, 400)["type"] == "invalid_input"
    kind = {**headers, "content-type": "text/plain"}
    response = api.receiver.client.post("/events/list", content=b"{}", headers=kind)
    assert error_of(response, 400)["type"] == "invalid_content_type"
    empty = api.receiver.client.post("/events/list", headers=kind)
    assert error_of(empty, 400)["message"] == "Must specify either since or between"


def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    body = json.dumps({"since": "2026-01-01", "device_id": "x" * 200_000}).encode()
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    response = api.receiver.client.post("/events/list", content=body, headers=headers)
    assert error_of(response, 413)["type"] == "payload_too_large"


@EACH
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_refused(api: Api, path: str, method: str) -> None:
    headers = {"authorization": f"Bearer {KEY}"}
    response = api.receiver.client.request(method, path, headers=headers)
    assert error_of(response, 405)["type"] == "method_not_allowed"
    assert response.headers["allow"] == "GET, POST"


def test_two_receivers_with_other_keys_do_not_know_each_others_callers(
    api: Api, receivers: Callable[..., Receiver]
) -> None:
    other = receivers(api_key="another-key-that-is-long")
    headers = {"authorization": f"Bearer {KEY}"}
    assert other.client.get("/events/list", headers=headers).status_code == 401
