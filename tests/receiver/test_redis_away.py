"""While Redis takes nothing, nothing is accepted; when it is back, all is as before."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from structlog.testing import capture_logs

from bellhop.connections import connect
from bellhop.embedded import EmbeddedRedis
from bellhop.ledger import Ledger, keys
from tests.receiver.conftest import Delivery, Receiver
from tests.receiver.problems import assert_problem


@pytest.fixture
def read_only(redis: Redis) -> Iterator[Redis]:
    """A Redis that takes no writes."""
    redis.config_set("min-replicas-to-write", 1)
    yield redis
    redis.config_set("min-replicas-to-write", 0)


def test_what_redis_does_not_take_is_not_accepted(receiver: Receiver, read_only: Redis) -> None:
    response = receiver.post(Delivery())
    assert_problem(response, 503)
    assert int(response.headers["retry-after"]) > 0
    assert read_only.dbsize() == 0


def test_it_is_not_ready_while_redis_takes_no_writes(receiver: Receiver, read_only: Redis) -> None:
    response = receiver.client.get("/health/ready")
    assert_problem(response, 503)
    assert int(response.headers["retry-after"]) > 0
    assert receiver.client.get("/health/live").status_code == 200


def test_a_damaged_ledger_is_no_reason_to_accept_or_to_fail(
    receiver: Receiver, redis: Redis
) -> None:
    # Behind it the log can take nothing more.
    redis.xadd(keys.LOG, {"the": "last"}, id=f"{2**64 - 1}-{2**64 - 1}")
    with capture_logs() as lines:
        assert_problem(receiver.post(Delivery()), 503)
    (line,) = lines
    assert line["event"] == "cannot accept events"
    assert "Invalid stream ID" in str(line["exc_info"])


def test_an_outage_is_one_line_in_the_log_and_its_end_another(
    redis_url: str, read_only: Redis
) -> None:
    receiver = Receiver(redis_url)  # one that has not told of an outage a moment ago
    read_only.config_set("min-replicas-to-write", 0)
    assert receiver.post(Delivery()).status_code == 202
    with capture_logs() as lines:
        for replicas in (1, 0):
            read_only.config_set("min-replicas-to-write", replicas)
            for _ in range(3):
                receiver.post(Delivery())
    receiver.stop()
    assert [
        (line["log_level"], line["event"]) for line in lines if line["log_level"] != "debug"
    ] == [
        ("error", "Redis cannot take events; answering 503"),
        ("warning", "Redis is back"),
    ]


def test_redis_may_go_and_come_back(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / ".bellhop")
    server.start()
    receiver = Receiver(server.url)
    try:
        before, meanwhile, after = Delivery(), Delivery(), Delivery()
        assert receiver.post(before).status_code == 202

        server.stop()
        response = receiver.post(meanwhile)
        assert_problem(response, 503)
        assert response.headers["retry-after"] == "5"
        assert_problem(receiver.client.get("/health/ready"), 503)
        assert receiver.client.get("/health/live").status_code == 200

        server.start()
        assert receiver.client.get("/health/ready").status_code == 200
        assert receiver.post(after).status_code == 202
        assert receiver.post(meanwhile).status_code == 202
        assert receiver.post(before).status_code == 200
        with connect(server.url) as redis:
            ledger = Ledger(redis, timedelta(days=14))
            assert all(ledger.event(one.event_id) for one in (before, meanwhile, after))
    finally:
        receiver.stop()
        server.stop()


def test_redis_restarted_between_two_deliveries_is_not_noticed(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / ".bellhop")
    server.start()
    receiver = Receiver(server.url)
    try:
        assert receiver.post(Delivery()).status_code == 202
        server.stop()
        server.start()
        assert receiver.post(Delivery()).status_code == 202
    finally:
        receiver.stop()
        server.stop()
