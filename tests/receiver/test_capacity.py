"""When files run out, what is worth least is closed, webhooks are taken, and a line is logged."""

import json
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from bellhop.ledger import Ledger
from bellhop_receiver.capacity import Capacity, Worth
from bellhop_receiver.refusals import Refusals
from tests.receiver.conftest import (
    Delivery,
    Receiver,
    eventually,
    let_shifts_be_enqueued,
    read_answer,
)
from tests.receiver.receiver_process import Process

LIVE = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"
FILES = 400
HALF = Delivery().head(content_length="400") + b"{"


# Which


@dataclass(eq=False)
class Known:
    """A connection of which everything is known."""

    worth: Worth
    since: float = 0.0
    file: int = 3
    closed: bool = field(default=False, init=False)

    def abort(self) -> None:
        self.closed = True


class Told(Refusals):
    """What would be logged."""

    reasons = ""

    def add(self, reason: str) -> None:
        self.reasons += reason


def admit(monkeypatch: pytest.MonkeyPatch, *others: Known, file: int = 813) -> tuple[Known, str]:
    """Return a new connection among 1,000 files, and what was logged about it."""
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (1000, 1000))
    new = Known(Worth.IDLE, since=99, file=file)

    told = Told()
    Capacity(told).admit(new, [*others, new])
    return new, told.reasons


def test_while_there_are_files_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    idle = Known(Worth.IDLE)
    new, told = admit(monkeypatch, idle, file=812)
    assert (new.closed, idle.closed, told) == (False, False, "")


def test_what_idled_longest_is_closed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    connections = [Known(Worth.IDLE, since=10 - n) for n in range(10)]
    half = Known(Worth.HALF_SENT, since=-5)
    new, told = admit(monkeypatch, half, *connections)
    assert [one.since for one in connections if one.closed] == [1]
    assert not half.closed
    assert not new.closed
    assert "nearly all of the 1000 files that this process may open are in use" in told


def test_of_many_a_sixteenth_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    connections = [Known(Worth.IDLE, since=n) for n in range(320)]
    admit(monkeypatch, *connections)
    assert [one.since for one in connections if one.closed] == list(range(21))


def test_as_many_are_closed_as_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    idle = [Known(Worth.IDLE, since=n) for n in range(3)]
    half = [Known(Worth.HALF_SENT, since=n) for n in range(9)]
    admit(monkeypatch, *half, *idle, file=819)
    assert all(one.closed for one in idle)
    assert [one.since for one in half if one.closed] == [0, 1, 2, 3]


def test_what_is_about_to_be_closed_is_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (1000, 1000))
    idle = [Known(Worth.IDLE, since=n) for n in range(10)]
    capacity = Capacity(Told())
    for file in range(813, 816):
        capacity.admit(Known(Worth.IDLE, file=file), idle)
    assert [one.since for one in idle if one.closed] == [0, 1, 2]
    for one in idle[:3]:
        capacity.left(one)
    capacity.admit(Known(Worth.IDLE, file=813), idle[3:])
    assert [one.since for one in idle if one.closed] == [0, 1, 2, 3]


@pytest.mark.parametrize("worth", [Worth.HALF_SENT, Worth.ANSWERED_SOON])
def test_what_is_at_work_is_closed_if_nothing_idles(
    worth: Worth, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook, least = Known(Worth.WEBHOOK, since=-9), Known(worth)
    new, _ = admit(monkeypatch, webhook, least, Known(Worth.ANSWERED_SOON, since=5))
    assert least.closed
    assert not webhook.closed
    assert not new.closed


def test_a_webhook_is_never_closed_for_a_new_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    webhooks = [Known(Worth.WEBHOOK) for _ in range(50)]
    new, told = admit(monkeypatch, *webhooks)
    assert new.closed
    assert not any(one.closed for one in webhooks)
    assert "all others bring webhooks" in told


# What a connection is worth


@pytest.fixture
def door(receivers: Callable[..., Receiver], redis: Redis) -> Iterator[tuple[socket.socket, Any]]:
    """A connection, and the receiver's end of it."""
    receiver = receivers(max_body=1024**2)  # one that no other test has connections to
    with receiver.connect() as connection:
        eventually(lambda: receiver.connections == 1)
        [door] = receiver.doors
        yield connection, door
    eventually(lambda: receiver.connections == 0)
    let_shifts_be_enqueued(redis)


def test_what_says_nothing_or_was_answered_idles(door: tuple[socket.socket, Any]) -> None:
    connection, end = door
    assert (end.worth, end.file > 2) == (Worth.IDLE, True)
    connected = end.since
    connection.sendall(LIVE)
    assert read_answer(connection)[0].status == 200
    assert end.worth is Worth.IDLE
    assert end.since >= connected > 0


@pytest.mark.parametrize("sent", [b"G", HALF[:60], HALF, b"\r\n"])
def test_a_request_that_has_not_come_to_its_end_is_half_sent(
    sent: bytes, door: tuple[socket.socket, Any]
) -> None:
    connection, end = door
    connection.sendall(sent)
    eventually(lambda: end.worth is Worth.HALF_SENT)


@pytest.mark.parametrize("path", [b"/webhooks/seam", b"//webhooks/seam/"])
def test_a_webhook_that_waits_for_redis_is_known_for_one(
    path: bytes, door: tuple[socket.socket, Any], redis: Redis
) -> None:
    connection, end = door
    delivery = Delivery()
    request = delivery.head(content_length=str(len(delivery.body))) + delivery.body
    redis.client_pause(60_000, all=False)  # nobody may write
    try:
        connection.sendall(request.replace(b"/webhooks/seam", path, 1))
        eventually(lambda: end.worth is Worth.WEBHOOK)
    finally:
        redis.client_unpause()
    assert read_answer(connection)[0].status == 202


def test_what_asks_for_anything_else_goes_before_a_webhook(
    door: tuple[socket.socket, Any], redis: Redis
) -> None:
    connection, end = door
    redis.client_pause(60_000, all=False)
    try:
        connection.sendall(LIVE.replace(b"live", b"ready"))
        eventually(lambda: end.worth is Worth.ANSWERED_SOON)
    finally:
        redis.client_unpause()
    assert read_answer(connection)[0].status == 200


# For real


def deliver(process: Process) -> Delivery:
    """Deliver it, and again where the connection was closed before its request was there."""
    delivery = Delivery()
    request = delivery.head(content_length=str(len(delivery.body))) + delivery.body
    for _ in range(20):
        with process.connect() as connection, suppress(ConnectionError):
            connection.sendall(request)
            response, _body = read_answer(connection)
            assert response.status in (200, 202)
            return delivery
    raise AssertionError("no connection is left open")


def test_when_files_run_out_webhooks_are_taken_and_a_line_is_logged(
    redis_url: str, redis: Redis, ledger: Ledger
) -> None:
    process = Process(redis_url, files=FILES)
    kinds = [b"", HALF[:60], HALF, LIVE]
    delivered = []
    try:
        with ExitStack() as hanging:
            for number in range(3 * FILES):
                connection = hanging.enter_context(process.connect())
                connection.sendall(kinds[number % len(kinds)])
                if number % 10 == 0:
                    delivered.append(deliver(process))
        process.popen.send_signal(signal.SIGTERM)
        assert process.popen.stderr
        lines = [json.loads(line) for line in process.popen.stderr]
    finally:
        process.end()
        let_shifts_be_enqueued(redis)
    assert all(ledger.event(delivery.event_id) for delivery in delivered)
    told = [line for line in lines if line["message"] == "refused a connection"]
    assert 1 <= len(told) <= 2  # one for each kind
    assert told[0]["reason"].startswith(f"it idled, and nearly all of the {FILES} files")
    assert any(line["message"] == "refused more connections" for line in lines)


def test_files_that_somebody_else_took_are_seen_though_no_connection_is_made() -> None:
    idle = [Known(Worth.IDLE, since=n) for n in range(3)]
    told = Told()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    try:
        resource.setrlimit(
            resource.RLIMIT_NOFILE,
            (max(int(file.name) for file in Path("/dev/fd").iterdir()) + 20, limits[1]),
        )
        with suppress(OSError):
            while True:
                taken.append(os.dup(1))
        Capacity(told).check(idle)
    finally:
        for file in taken:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert all(one.closed for one in idle)
    assert told.reasons.startswith("it idled")
