"""The receiver as a process, under siege: others are served at once, and it does not grow."""

import json
import resource
import signal
import socket
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta

import psutil
import pytest
from redis import Redis
from structlog.testing import capture_logs

from bellhop.connections import connect
from bellhop.embedded import EmbeddedRedis
from bellhop.ledger import Quarantine
from bellhop.settings import WEBHOOK_PATH
from bellhop_receiver.door import MOST_AHEAD
from bellhop_receiver.refusals import PAUSE
from tests.receiver.conftest import (
    Delivery,
    Receiver,
    let_shifts_be_enqueued,
    read_answer,
)
from tests.receiver.receiver_process import Process

MIB = 1024**2


@contextmanager
def files(limit: int) -> Iterator[None]:
    """Let this process, and those that it starts, open so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def besieged(_server: EmbeddedRedis) -> Iterator[Process]:
    """A receiver that has been at work, so that whatever is loaded lazily is loaded."""
    with connect(_server.url) as redis:
        redis.flushall()  # a note of another test that a shift waits would keep the bell silent
        with files(1024):  # as from a shell
            process = Process(_server.url)
        for _ in range(10):
            deliver(process)
        let_shifts_be_enqueued(redis)
    yield process
    process.end()


@pytest.fixture
def process(besieged: Process, redis: Redis) -> Iterator[Process]:
    """The receiver, on an empty Redis."""
    yield besieged
    let_shifts_be_enqueued(redis)


@pytest.fixture(autouse=True)
def _many_files() -> Iterator[None]:
    """Let the tests open as many connections as they need."""
    with files(4096):
        yield


def deliver(process: Process) -> float:
    """Send a good delivery on a connection of its own; return the seconds until its answer."""
    delivery = Delivery()
    request = delivery.head(content_length=str(len(delivery.body))) + delivery.body
    begun = time.perf_counter()
    with process.connect() as connection:
        connection.sendall(request)
        assert read_answer(connection)[0].status == 202
    return time.perf_counter() - begun


def memory(process: Process) -> int:
    """Return the bytes that the process holds."""
    return int(psutil.Process(process.popen.pid).memory_info().rss)


def log_lines(process: Process) -> list[bytes]:
    """Let the process end, and return what it logged since it was ready."""
    process.popen.send_signal(signal.SIGTERM)
    assert process.popen.stderr
    return process.popen.stderr.readlines()


def assert_at_once(times: list[float], process: Process) -> None:
    """See that answers came within 0.1 s; or hardly later than now, if the machine is so busy."""
    usual = statistics.median(deliver(process) for _ in range(20))
    assert statistics.median(times) < max(0.1, 3 * usual)


def test_others_are_answered_at_once_while_a_thousand_hang(process: Process) -> None:
    before = memory(process)
    unsigned = Delivery().head(content_length="400000")
    with ExitStack() as hanging:
        for count in range(1200):
            connection = hanging.enter_context(process.connect())
            if count >= 1000:
                connection.sendall((unsigned[:100], unsigned + b" ")[count % 2])
        times = [deliver(process) for _ in range(20)]
        grown = memory(process) - before
    assert_at_once(times, process)
    assert grown < 40 * MIB  # about 20 KiB each


def test_others_are_answered_at_once_while_many_send_nonsense(process: Process) -> None:
    nonsense = b"GET /" + b"x" * 60_000
    with ExitStack() as sending:
        connections = [sending.enter_context(process.connect()) for _ in range(50)]
        times = []
        for _ in range(20):
            for connection in connections:
                connection.close()
            connections = [sending.enter_context(process.connect()) for _ in range(50)]
            for connection in connections:
                connection.sendall(nonsense)
            times.append(deliver(process))
    assert_at_once(times, process)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of others are read on Linux alone")
def test_it_takes_as_many_connections_as_the_system_lets_it(process: Process) -> None:
    limits = psutil.Process(process.popen.pid).rlimit(psutil.RLIMIT_NOFILE)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert limits == (min(hard, 65_536), hard)


def refused() -> list[bytes]:
    """Return requests that are refused, each for another reason."""
    size = len(Delivery().body)
    forged = Delivery(secret="whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
    old = Delivery(age=timedelta(hours=1))
    zipped = Delivery()
    return [
        f"POST {WEBHOOK_PATH} HTTP/1.1\r\ncontent-length: 0\r\n\r\n".encode(),
        forged.head(content_length=str(len(forged.body))) + forged.body,
        old.head(content_length=str(len(old.body))) + old.body,
        zipped.head(content_length=str(size), content_encoding="gzip") + b"\x1f" * size,
        b"GET /.env HTTP/1.1\r\n\r\n",
    ]


def calls(redis: Redis) -> dict[str, int]:
    """Return how often each command was called, but for the one that asks."""
    asked = {"cmdstat_info", "cmdstat_client|setinfo", "cmdstat_hello"}
    numbers = redis.info("commandstats")
    return {name: numbers[name]["calls"] for name in numbers if name not in asked}


def test_ten_thousand_refused_requests_leave_no_trace_but_a_counter(
    redis_url: str, redis: Redis
) -> None:
    process = Process(redis_url)
    try:
        deliver(process)
        kinds = refused()
        began = time.monotonic()
        with process.connect() as connection:
            statuses = converse(connection, kinds, 1000)
            before, commands = memory(process), calls(redis)
            statuses += converse(connection, kinds, 9000)
        assert calls(redis) == commands
        assert memory(process) - before < 8 * MIB
        lines = log_lines(process)
        took = time.monotonic() - began
    finally:
        process.end()
    assert statuses.keys() == {400, 404, 415}
    reasons = 4  # a 404 is no news
    told, counted = lines[:reasons], [json.loads(line) for line in lines[reasons:]]
    assert all(b"refused a webhook" in line for line in told)
    assert {line["message"] for line in counted} == {"refused more webhooks"}
    assert len(counted) <= 1 + took / PAUSE
    more = sum(line["refused"] for line in counted)
    assert more == statuses[400] + statuses[415] - reasons >= 7996


def converse(connection: socket.socket, kinds: list[bytes], least: int) -> Counter[int]:
    """Send so many requests or a few more, on one connection; count the answers by status."""
    statuses: Counter[int] = Counter()
    answers = connection.makefile("rb")
    rounds = MOST_AHEAD // len(kinds)
    while statuses.total() < least:
        connection.sendall(b"".join(kinds) * rounds)
        for _ in range(len(kinds) * rounds):
            statuses[int(answers.readline().split()[1])] += 1
            size = 0
            while (line := answers.readline()) != b"\r\n":
                if line.startswith(b"content-length:"):
                    size = int(line.split()[1])
            answers.read(size)
    return statuses


@pytest.mark.parametrize(
    ("begun", "piece"),
    [
        (b"GET /", b"x"),
        (b"GET / HTTP/1.1\r\na: ", b"x"),
        (b"GET / HTTP/1.1\r\n", b"a:b\r\n"),
        (b"GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"a:b\r\n"),
    ],
    ids=["a path", "a header", "headers", "trailers"],
)
def test_what_never_ends_takes_no_memory(begun: bytes, piece: bytes, process: Process) -> None:
    before = memory(process)
    for _ in range(10):
        with process.connect() as connection, suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(begun + piece * (4 * MIB // len(piece)))
            while connection.recv(65536):
                pass
    assert memory(process) - before < 8 * MIB


def test_half_of_many_bodies_takes_little_memory(process: Process) -> None:
    before = memory(process)
    half = Delivery().head(content_length="500001") + b" " * 500_000
    with ExitStack() as sending:
        for _ in range(400):  # 200 MB
            sending.enter_context(process.connect()).sendall(half)
        assert deliver(process) < 30
        assert memory(process) - before < 100 * MIB


def test_who_forwarded_it_is_believed_of_nobody(receiver: Receiver, redis: Redis) -> None:
    delivery = Delivery(b"{}")
    delivery.headers |= {
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "elsewhere.example",
        "x-real-ip": "203.0.113.9",
        "forwarded": "for=203.0.113.9",
    }
    with capture_logs() as lines:
        assert receiver.post(delivery).json() == {"outcome": "quarantined"}
    assert "203.0.113.9" not in str(lines)
    kept = Quarantine(redis).get(delivery.delivery_id)
    assert kept
    assert not any("forwarded" in name or "real" in name for name in kept.headers)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate, gzip", "unheard-of"])
def test_a_compressed_body_is_refused_whoever_signed_it(
    encoding: str, receiver: Receiver, redis: Redis
) -> None:
    delivery = Delivery()
    delivery.headers["content-encoding"] = encoding
    response = receiver.post(delivery)
    assert response.status_code == 415
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["accept-encoding"] == "identity"
    assert "Compressed bodies are not taken" in response.json()["detail"]
    assert redis.dbsize() == 0


@pytest.mark.parametrize("encoding", ["", "identity", "Identity"])
def test_a_body_that_is_said_not_to_be_compressed_is_accepted(
    encoding: str, receiver: Receiver
) -> None:
    delivery = Delivery()
    delivery.headers["content-encoding"] = encoding
    assert receiver.post(delivery).status_code == 202
