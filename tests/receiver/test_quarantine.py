"""What is signed but no event, or an event with drift: quarantined or rejected, and told."""

from datetime import timedelta
from typing import Any

import pytest
from redis import Redis
from structlog.testing import capture_logs

from bellhop import QuarantinedBody
from bellhop.ledger import DriftReport, Ledger, Quarantine, keys
from tests.receiver.conftest import Delivery, Receiver
from tests.receiver.problems import assert_problem
from tests.workers.conftest import Workplace

NO_EVENTS = [
    b"",
    b"null",
    b"42",
    b'"lock.unlocked"',
    b"[]",
    b"{}",
    b"not json",
    b'{"event_type": "ping", "data": {}}',
    b'{"event_id": "e1"}',
    b'{"event_id": 5, "event_type": "lock.unlocked"}',
    b'{"event_id": "e 1", "event_type": "lock.unlocked"}',
    b'{"event_id": "e1", "event_type": "lock.locked"}',
    b'{"event_id": "e1", "event_type": "lock.unlocked", "device_id": []}',
    b'{"event_id": "e1", "event_type": "lock.unlocked", "event_id": "e2"}',
    b'{"event_id": "e1", "event_type": "x", "n": NaN}',
    b'{"event_id": "e1", "event_type": "x", "n": ' + b"9" * 5000 + b"}",
    b'{"event_id": "\\ud800", "event_type": "x"}',
    b'{"event_id": "e1", "event_type": "x", "name": "\\ud800"}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"\x00",
    b"\xef\xbb\xbf{}",
]


@pytest.mark.parametrize("body", NO_EVENTS, ids=lambda body: ascii(body[:50]).replace("::", ": :"))
def test_a_signed_body_that_is_no_event_is_kept_in_quarantine(
    body: bytes, receiver: Receiver, redis: Redis
) -> None:
    delivery = Delivery(body)
    response = receiver.post(delivery)
    assert (response.status_code, response.json()) == (202, {"outcome": "quarantined"})
    assert redis.zrange(keys.QUARANTINE, 0, -1) == [delivery.delivery_id.encode()]
    kept: dict[Any, Any] = redis.hgetall(keys.quarantined(delivery.delivery_id))
    assert kept[b"body"] == body
    assert kept[b"problems"]


def test_the_log_says_what_is_wrong_with_a_body_but_no_door_code(receiver: Receiver) -> None:
    body = b'{"event_id": "e1", "event_type": "lock.unlocked", "code": 4711, "device_id": 5}'
    with capture_logs() as lines:
        receiver.post(Delivery(body))
    (line,) = lines
    assert line["event"] == "a signed body is no Seam event"
    assert "device_id: expected a string, got a number" in line["problems"]
    assert "4711" not in str(line)


def test_a_body_that_comes_again_until_it_is_kept_is_told_once(
    receiver: Receiver, redis: Redis
) -> None:
    delivery = Delivery(b"{}")
    redis.config_set("min-replicas-to-write", 1)
    with capture_logs() as lines:
        try:
            assert receiver.post(delivery).status_code == 503
        finally:
            redis.config_set("min-replicas-to-write", 0)
        assert receiver.post(delivery).status_code == 202
        assert receiver.post(delivery).status_code == 200
    told = [line for line in lines if line["event"] == "a signed body is no Seam event"]
    assert [line["delivery_id"] for line in told] == [delivery.delivery_id]


def test_what_is_quarantined_keeps_the_headers_that_matter(
    receiver: Receiver, redis: Redis
) -> None:
    delivery = Delivery(b"{}")
    delivery.headers |= {"user-agent": f"Svix-Webhooks/{'1' * 500}", "authorization": "Bearer x"}
    receiver.post(delivery)
    kept = Quarantine(redis).get(delivery.delivery_id)
    assert kept
    assert kept.headers == {
        "svix-id": delivery.delivery_id,
        "svix-timestamp": delivery.headers["svix-timestamp"],
        "content-type": "application/json",
        "user-agent": f"Svix-Webhooks/{'1' * 186}",
    }


def test_each_kind_of_drift_is_logged_once_and_counted(receiver: Receiver, redis: Redis) -> None:
    with capture_logs() as lines:
        for _ in range(3):
            assert receiver.post(Delivery(method="palm_vein")).status_code == 202
        assert receiver.post(Delivery(method=None)).status_code == 202
    told = [line for line in lines if line["log_level"] == "warning"]
    assert [
        (line["event_type"], line["field"], line["kind"], line["example"]) for line in told
    ] == [
        ("lock.unlocked", "method", "unknown_value", '"palm_vein"'),
        ("lock.unlocked", "method", "unexpected_null", "null"),
    ]
    counts = {seen.drift.kind: seen.count for seen in DriftReport(redis).read()}
    assert counts == {"unknown_value": 3, "unexpected_null": 1}


def test_the_drift_of_a_duplicate_counts_once(receiver: Receiver, redis: Redis) -> None:
    delivery = Delivery(method="palm_vein")
    receiver.post(delivery)
    assert receiver.post(delivery).json() == {"outcome": "duplicate"}
    assert [seen.count for seen in DriftReport(redis).read()] == [1]


def test_what_is_in_quarantine_already_is_a_duplicate(receiver: Receiver, redis: Redis) -> None:
    delivery = Delivery(b"{}")
    receiver.post(delivery)
    response = receiver.post(delivery)
    assert (response.status_code, response.json()) == (200, {"outcome": "duplicate"})
    assert redis.zcard(keys.QUARANTINE) == 1


def test_what_is_no_event_is_rejected_for_good_if_so_configured(
    strict_receiver: Receiver, redis: Redis
) -> None:
    response = strict_receiver.post(Delivery(b'{"event_type": "ping"}'))
    assert_problem(response, 422)
    assert response.headers["webhook-delivery"] == "abort-message"
    assert redis.dbsize() == 0


def test_an_event_is_accepted_where_other_things_are_rejected(strict_receiver: Receiver) -> None:
    assert strict_receiver.post(Delivery()).json() == {"outcome": "accepted"}


def test_a_hook_is_called_about_a_body_that_the_receiver_put_into_quarantine(
    receiver: Receiver, redis: Redis
) -> None:
    place = Workplace(Ledger(redis, timedelta(days=1)))
    told: list[QuarantinedBody] = []
    place.registry.on_quarantined(name="bodies")(told.append)
    place.runtime.subscribe()
    delivery = Delivery(b'{"event_id": "e1", "code": 4711}')
    for _ in range(2):  # the second is a duplicate
        receiver.post(delivery)
    place.work()
    [body] = told
    assert (body.delivery_id, body.size) == (delivery.delivery_id, len(delivery.body))
    assert "event_type: is missing" in body.problems
    assert "4711" not in repr(body)
