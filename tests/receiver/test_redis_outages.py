"""The receiver while Redis is away, in each of the ways in which it can be."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bellhop.ledger import keys
from bellhop_receiver.intake import LONGEST_CALL
from tests.receiver.conftest import Delivery, Receiver, eventually
from tests.slack import slack
from tests.system.redis_outages import REFUSALS, Outage, frozen, full_disk
from tests.system.redis_server import Server, Wire

SENDER_GIVES_UP = 15.0
"""Seconds, says Svix."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "redis")
    server.start()
    yield server
    server.end()


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def receiver(server: Server, lines: list[Any]) -> Iterator[Receiver]:
    receiver = Receiver(server.url)
    assert receiver.post(Delivery()).status_code == 202
    yield receiver
    receiver.stop()


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    wire = Wire(server.port)
    yield wire
    wire.end()


@pytest.fixture
def distant(server: Server, wire: Wire, lines: list[Any]) -> Iterator[Receiver]:
    receiver = Receiver(f"redis://127.0.0.1:{wire.port}")
    assert receiver.post(Delivery()).status_code == 202
    yield receiver
    receiver.stop()


def told(lines: list[Any]) -> list[str]:
    """Return what was logged of outages. Other receivers of this process log, too."""
    return [line["event"] for line in lines if "Redis" in line["event"] or "shift" in line["event"]]


OUTAGE = ["Redis cannot take events; answering 503"]


@pytest.mark.parametrize("outage", REFUSALS, ids=lambda outage: outage.__name__)
def test_it_refuses_and_goes_on_by_itself(
    outage: Outage, server: Server, receiver: Receiver, lines: list[Any]
) -> None:
    refused = [Delivery() for _ in range(5)]

    with outage(server):
        answers = [receiver.post(delivery) for delivery in refused]
        assert receiver.client.get("/health/ready").status_code == 503
        assert receiver.client.get("/health/live").status_code == 200

    assert {answer.status_code for answer in answers} == {503}
    assert {answer.headers["retry-after"] for answer in answers} == {"5"}
    assert all(json.loads(answer.content)["status"] == 503 for answer in answers)
    assert told(lines) == OUTAGE
    eventually(lambda: receiver.post(refused[0]).status_code == 202)
    # They come again, and none of them was taken before.
    assert {receiver.post(delivery).status_code for delivery in refused[1:]} == {202}
    assert told(lines) == [*OUTAGE, "Redis is back"]


def test_the_log_says_what_redis_said(server: Server, receiver: Receiver, lines: list[Any]) -> None:
    with full_disk(server):
        receiver.post(Delivery(code="1234"))
    [line] = [line for line in lines if line["event"] in OUTAGE]
    assert line["error"].startswith("MISCONF Valkey is configured to save RDB snapshots")
    assert "1234" not in str(line)


def test_a_redis_that_hangs_is_refused_before_the_sender_gives_up(
    server: Server, receiver: Receiver, lines: list[Any]
) -> None:
    took: list[tuple[int, float]] = []

    def send() -> None:
        began = time.monotonic()
        status = receiver.post(Delivery()).status_code
        took.append((status, time.monotonic() - began))

    senders = [threading.Thread(target=send) for _ in range(8)]
    with frozen(server):
        for sender in senders:  # one by one, so that some wait for a call that is under way
            sender.start()
        for sender in senders:
            sender.join()

    assert {status for status, _ in took} == {503}
    within = 2 * LONGEST_CALL + 1
    assert max(seconds for _, seconds in took) < within + slack()
    assert within < SENDER_GIVES_UP
    assert told(lines) == OUTAGE
    eventually(lambda: receiver.post(Delivery()).status_code == 202)
    assert told(lines) == [*OUTAGE, "Redis is back"]


@pytest.mark.long
def test_a_peer_that_vanished_is_left_for_a_new_connection(
    distant: Receiver, wire: Wire, lines: list[Any]
) -> None:
    wire.hold()
    assert distant.post(Delivery()).status_code == 503
    wire.let_go()
    assert distant.post(Delivery()).status_code == 202
    assert told(lines) == [*OUTAGE, "Redis is back"]


def test_a_slow_redis_is_no_outage(distant: Receiver, wire: Wire, lines: list[Any]) -> None:
    wire.delay = 1.0
    began = time.monotonic()
    assert distant.post(Delivery()).status_code == 202
    assert time.monotonic() - began >= 1
    assert told(lines) == []


@pytest.mark.long
def test_answers_that_each_come_just_in_time_do_not_add_up(
    server: Server, wire: Wire, lines: list[Any]
) -> None:
    # A new connection needs answers to several commands, each slower than the one before it.
    receiver = Receiver(f"redis://127.0.0.1:{wire.port}/1")
    wire.delay = 4.0
    began = time.monotonic()
    status = receiver.post(Delivery()).status_code
    took = time.monotonic() - began
    wire.delay = 0.0
    wire.cut()
    receiver.stop()
    assert status == 503
    assert took < LONGEST_CALL + 3 + slack()  # they would take 12 s or more


def test_a_connection_that_is_cut_costs_nobody_an_answer(
    distant: Receiver, wire: Wire, lines: list[Any]
) -> None:
    for _ in range(10):
        wire.cut()
        assert distant.post(Delivery()).status_code == 202
    assert told(lines) == []


def test_a_refused_event_is_not_in_the_ledger(server: Server, receiver: Receiver) -> None:
    refused = Delivery()
    with full_disk(server):
        assert receiver.post(refused).status_code == 503
        assert not server.command("EXISTS", keys.event(refused.event_id))
