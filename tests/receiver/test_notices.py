"""What Svix itself has to say, signed: an alarm in the log and for the doctor, not a bad body."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis
from structlog.testing import capture_logs

from bellhop.finding import Level
from bellhop.ledger import Alarm, Quarantine, keys, read_alarms
from bellhop.ledger.alarms import MOST_ALARMS
from bellhop.ledger_checks import judge_alarms
from bellhop.notices import read_notice
from tests.receiver.conftest import Delivery, Receiver

DATA = {"appId": "app_1", "appUid": None, "endpointId": "ep_1"}
ATTEMPT = {
    **DATA,
    "msgId": "msg_1",
    "lastAttempt": {
        "id": "atmpt_1",
        "responseStatusCode": 500,
        "timestamp": "2026-01-31T12:00:00Z",
    },
}


def notice(kind: str, data: Any = DATA) -> Delivery:
    return Delivery(json.dumps({"type": kind, "data": data}).encode())


@pytest.fixture(params=["quarantine", "reject"])
def either(
    request: pytest.FixtureRequest, receivers: Callable[..., Receiver], redis: Redis
) -> Receiver:
    """A receiver, whatever it does with a body that is no event."""
    return receivers(on_invalid=request.param)


def told(receiver: Receiver, delivery: Delivery) -> dict[str, Any]:
    """Deliver it, and return the line that is logged."""
    with capture_logs() as lines:
        response = receiver.post(delivery)
    assert (response.status_code, response.json()) == (202, {"outcome": "noted"})
    [line] = lines
    return dict(line)


def alarms(redis: Redis) -> list[str]:
    return [f"{alarm.type} {alarm.endpoint}" for alarm in read_alarms(redis)]


def test_an_endpoint_that_was_switched_off_is_an_error_with_what_to_do(
    either: Receiver, redis: Redis
) -> None:
    data = {**DATA, "failSince": "2026-01-31T12:00:00Z", "trigger": "automatic"}
    line = told(either, notice("endpoint.disabled", data))
    assert line["log_level"] == "error"
    assert line["event"] == "Svix switched an endpoint off: no more webhooks come to it"
    assert "enable the endpoint in Seam's console" in line["advice"]
    assert (line["endpoint_id"], line["trigger"]) == ("ep_1", "automatic")
    assert line["failing_since"] == "2026-01-31T12:00:00Z"
    assert alarms(redis) == ["endpoint.disabled ep_1"]
    assert len(Quarantine(redis)) == 0


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        ("message.attempt.exhausted", "error"),
        ("message.attempt.failing", "warning"),
        ("ingest.message.attempt.exhausted", "error"),
    ],
)
def test_a_webhook_that_could_not_be_delivered_is_told(
    kind: str, level: str, receiver: Receiver, redis: Redis
) -> None:
    line = told(receiver, notice(kind, ATTEMPT))
    assert (line["log_level"], line["message_id"], line["answered"]) == (level, "msg_1", 500)
    assert "what this receiver refused" in line["advice"]
    assert alarms(redis) == [f"{kind} ep_1"]


@pytest.mark.parametrize(
    "kind",
    [
        *("endpoint.created", "endpoint.updated", "endpoint.enabled", "message.attempt.recovered"),
        *("message.attempt.log", "background_task.finished"),
    ],
)
def test_what_needs_nobody_is_no_alarm(kind: str, receiver: Receiver, redis: Redis) -> None:
    assert told(receiver, notice(kind))["log_level"] == "info"
    assert alarms(redis) == []


def test_an_alarm_ends_when_its_endpoint_works_again(receiver: Receiver, redis: Redis) -> None:
    other = {**DATA, "endpointId": "ep_2"}
    for data in (DATA, other):
        told(receiver, notice("endpoint.disabled", data))
    told(receiver, notice("message.attempt.failing", ATTEMPT))
    told(receiver, notice("endpoint.enabled"))
    assert sorted(alarms(redis)) == ["endpoint.disabled ep_2", "message.attempt.failing ep_1"]
    told(receiver, notice("message.attempt.recovered", ATTEMPT))
    assert alarms(redis) == ["endpoint.disabled ep_2"]


def test_an_alarm_of_svix_ingest_ends_likewise(receiver: Receiver, redis: Redis) -> None:
    told(receiver, notice("ingest.message.attempt.failing", ATTEMPT))
    told(receiver, notice("message.attempt.recovered", ATTEMPT))
    assert alarms(redis) == ["ingest.message.attempt.failing ep_1"]
    told(receiver, notice("ingest.message.attempt.recovered", ATTEMPT))
    assert alarms(redis) == []


def test_one_that_comes_again_is_the_same_alarm(receiver: Receiver, redis: Redis) -> None:
    delivery = notice("endpoint.disabled")
    for _ in range(2):
        told(receiver, delivery)
    assert alarms(redis) == ["endpoint.disabled ep_1"]


def test_so_many_alarms_are_kept_and_no_more(receiver: Receiver, redis: Redis) -> None:
    redis.zadd(keys.ALARMS, {f"endpoint.disabled ep_{n}": n for n in range(MOST_ALARMS)})
    told(receiver, notice("endpoint.disabled", {**DATA, "endpointId": "ep_new"}))
    found = alarms(redis)
    assert (len(found), found[0]) == (MOST_ALARMS, "endpoint.disabled ep_new")


def test_an_alarm_that_cannot_be_kept_comes_again_and_is_told_when_it_is(
    receiver: Receiver, redis: Redis
) -> None:
    delivery = notice("endpoint.disabled")
    redis.config_set("min-replicas-to-write", 1)
    try:
        with capture_logs() as lines:
            assert receiver.post(delivery).status_code == 503
    finally:
        redis.config_set("min-replicas-to-write", 0)
    assert lines == []
    assert told(receiver, delivery)["log_level"] == "error"
    assert alarms(redis) == ["endpoint.disabled ep_1"]


@pytest.mark.parametrize(
    "body",
    [
        {"type": "endpoint.disabled"},
        {"type": "endpoint.disabled", "data": "ep_1"},
        {"type": "endpoint.melted", "data": DATA},
        {"type": ["endpoint.disabled"], "data": DATA},
        {"type": "endpoint.disabled", "data": DATA, "event_type": 5},
        {"type": "endpoint.disabled", "data": DATA, "event_id": "e1"},
        ["endpoint.disabled"],
        "endpoint.disabled",
    ],
    ids=str,
)
def test_what_is_none_of_them_is_kept_in_quarantine(
    body: Any, receiver: Receiver, redis: Redis
) -> None:
    delivery = Delivery(json.dumps(body).encode())
    assert receiver.post(delivery).json() == {"outcome": "quarantined"}
    assert alarms(redis) == []


@pytest.mark.parametrize("junk", [5, None, [], {"a": 1}, "a\nb", "1234 5678", "x" * 500, "\u202e"])
def test_nothing_strange_of_one_is_shown(junk: Any) -> None:
    names = ("endpointId", "appId", "msgId", "failSince", "trigger", "lastAttempt")
    body = json.dumps({"type": "endpoint.disabled", "data": dict.fromkeys(names, junk)})
    found = read_notice(body.encode())
    assert found
    assert (found.about, found.endpoint) == ({}, "")


def test_without_alarms_the_doctor_is_content() -> None:
    assert judge_alarms([], datetime.now(UTC)).level is Level.OK


def test_the_doctor_names_the_latest_and_forgets_old_ones() -> None:
    now = datetime.now(UTC)
    old = Alarm("endpoint.disabled", "ep_9", now - timedelta(days=8))
    found = judge_alarms([Alarm("endpoint.disabled", "ep_1", now - timedelta(hours=2)), old], now)
    assert found.level is Level.PROBLEM
    assert found.text == "complaints of Svix: 1 (endpoint.disabled ep_1 2 h ago)"
    assert "Seam's console" in found.remedy
    assert (found.check, found.count) == ("svix", 1)
    assert judge_alarms([old], now).level is Level.OK
