"""The load generator: what it sends, and what it says came of it."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from bellhop.events import parse
from bellhop.signature import verify
from bench.events import SIZE
from bench.generator import Generator, NoAnswer, Order, make_requests
from tests.conftest import SECRET
from tests.slack import slack


class Answerer:
    """A server that answers each request after `delay` seconds, in pieces."""

    def __init__(self, status: bytes = b"202", delay: float = 0.0) -> None:
        self.status = status
        self.delay = delay
        self.seen: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(sock,)))
                self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, sock.makefile("rb") as file:
            while line := file.readline():
                head = line
                while (line := file.readline()) != b"\r\n":
                    head += line
                length = int(re.findall(rb"Content-Length: (\d+)", head)[0])
                self.seen.append(head + b"\r\n" + file.read(length))
                time.sleep(self.delay)
                sock.sendall(b"HTTP/1.1 " + self.status + b" x\r\nContent-Length: 4\r\n")
                sock.sendall(b"\r\nfi")
                sock.sendall(b"ne")

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)


@contextlib.contextmanager
def answerer(status: bytes = b"202", delay: float = 0.0) -> Iterator[Answerer]:
    one = Answerer(status, delay)
    try:
        yield one
    finally:
        one.close()


def _order(port: int, **more: object) -> Order:
    known: dict[str, object] = {
        "port": port,
        "path": "/webhooks/seam",
        "secret": SECRET,
        "run": "0a0a0a0a",
        "connections": 2,
        "seconds": 5.0,
        "ready": 20,
        **more,
    }
    return Order(**known)  # type: ignore[arg-type]


def test_requests_are_signed_and_each_is_of_another_event_of_1_kb() -> None:
    ids = set()
    for request in make_requests(_order(1, ready=30, devices=7)):
        head, body = request.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")[1:]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        delivery = verify(headers, body, [SECRET], datetime.now(UTC))
        parsed = parse(body)
        assert not parsed.drift
        assert len(body) == SIZE == int(headers["content-length"])
        ids.add((delivery.delivery_id, parsed.event.event_id))
    assert len({one for one, _ in ids}) == len({one for _, one in ids}) == 30


def test_the_busy_device_has_its_share() -> None:
    requests = make_requests(_order(1, ready=200, devices=7, busy_percent=90))
    busy = [one for one in requests if b'"00000000-0000-4000-8000-000000000000"' in one]
    assert len(busy) == 180


def test_in_closed_loop_each_request_is_sent_once_and_answers_are_counted() -> None:
    with answerer() as server, Generator(_order(server.port)) as generator:
        load = generator.run()
    assert len(server.seen) == len(set(server.seen)) == 20
    assert load.statuses == {"202": load.answered}
    # The last ones are not waited for, when a connection has nothing left to send.
    assert 18 <= load.answered <= 20


def test_answers_by_status_are_told() -> None:
    with answerer(b"503") as server, Generator(_order(server.port)) as generator:
        assert set(generator.run().statuses) == {"503"}


def test_in_open_loop_requests_leave_on_time_and_wait_for_no_answer() -> None:
    with answerer(delay=0.1) as server:
        order = _order(server.port, connections=10, rate=100.0)
        with Generator(order) as generator:
            load = generator.run()
    assert load.answered == len(load.sent) == 20
    took = (load.sent[-1] - load.sent[0]) / 1e9
    assert 0.17 < took < 1.0 + slack()  # one after the other on one connection, it would be 2 s
    assert load.p50 >= 0.1


def test_a_request_that_finds_no_free_connection_has_its_wait_counted() -> None:
    with answerer(delay=0.1) as server:
        order = _order(server.port, connections=1, rate=1000.0, ready=4)
        with Generator(order) as generator:
            load = generator.run()
    assert (load.sent[-1] - load.sent[0]) / 1e9 < 0.05


def test_a_server_that_closes_the_connection_is_an_error() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, Generator(_order(listener.getsockname()[1], connections=1)) as generator:
        sock, _ = listener.accept()
        sock.close()
        with pytest.raises((NoAnswer, ConnectionError)):
            generator.run()
