"""The load generator: a program that posts signed events over keep-alive connections.

All requests are made and signed before the clock starts, each with its own svix-id and event_id.
What is left to do is one `send` and one `recv` a request, so that the generator takes a small part
of a core even when the server answers as fast as it can; how much it took is in what it prints.

Closed loop (no `rate`): each connection sends its next request when it has the answer. Open loop:
requests leave at their time whatever the answers do; one that finds no free connection waits, and
its wait counts.

`python -m bench.generator '{…}'` takes an `Order` as JSON and prints a `Load` as JSON.
"""

import base64
import gc
import hmac
import json
import re
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from bench.events import Maker
from bench.figures import percentile
from bench.processes import cpu_of

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")
_PATIENCE = 10.0
"""Seconds without any answer after which a server is given up."""


@dataclass
class Order:
    """What to send. `ready`: how many requests to make beforehand; the loop ends with the last.

    `warm`: seconds before the clock starts. `watch`: processes, by name, whose processor time is to
    be taken while the clock runs.
    """

    port: int
    path: str
    secret: str
    run: str
    connections: int
    seconds: float
    ready: int
    devices: int = 500
    busy_percent: int = 0
    first: int = 0
    warm: float = 0.0
    rate: float = 0.0
    watch: dict[str, int] = field(default_factory=dict)


@dataclass
class Load:
    """What came of it. Times in seconds; `sent`: when each request left (ns), in open loop."""

    answered: int
    seconds: float
    statuses: dict[str, int]
    p50: float
    p99: float
    cpu: float
    watched: dict[str, float]
    sent: list[int]


class NoAnswer(Exception):
    """The server closed a connection, or did not answer."""


def make_requests(order: Order) -> list[bytes]:
    """Return signed requests, as they go over the wire."""
    maker = Maker(order.run, order.devices, order.busy_percent)
    key = base64.b64decode(order.secret.removeprefix("whsec_"))
    now = int(time.time())
    head = (
        f"POST {order.path} HTTP/1.1\r\nHost: 127.0.0.1:{order.port}\r\n"
        f"Content-Type: application/json\r\nUser-Agent: Svix-Webhooks/1.62\r\n"
    )
    requests = []
    for number in range(order.first, order.first + order.ready):
        body = maker.body(number)
        name = f"msg_{maker.event_id(number)}"
        digest = hmac.digest(key, f"{name}.{now}.".encode() + body, "sha256")
        requests.append(
            f"{head}Content-Length: {len(body)}\r\nSvix-Id: {name}\r\nSvix-Timestamp: {now}\r\n"
            f"Svix-Signature: v1,{base64.b64encode(digest).decode()}\r\n\r\n".encode()
            + body
        )
    return requests


class Generator:
    """Sends the requests of an order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._requests = make_requests(order)
        self._poll = select.poll()
        self._sockets: dict[int, socket.socket] = {}
        self._partial: dict[int, bytes] = {}
        self._began: dict[int, float] = {}
        self._latencies: list[float] = []
        self._statuses: Counter[bytes] = Counter()
        self._sent: list[int] = []
        for _ in range(order.connections):
            sock = socket.create_connection(("127.0.0.1", order.port), timeout=_PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[sock.fileno()] = sock
            self._poll.register(sock, select.POLLIN)

    def __enter__(self) -> "Generator":
        return self

    def __exit__(self, *_error: object) -> None:
        for sock in self._sockets.values():
            sock.close()

    def run(self) -> Load:
        """Send, and return what came of it."""
        return self._open_loop() if self._order.rate else self._closed_loop()

    def _closed_loop(self) -> Load:
        waiting = iter(self._requests)
        begins = time.perf_counter() + self._order.warm
        self._ask_all(waiting)
        while self._began and time.perf_counter() < begins:
            for number in self._answered(_PATIENCE):
                self._ask(number, next(waiting, b""))
        self._latencies.clear()
        self._statuses.clear()
        return self._timed(lambda ends: self._keep_asking(waiting, ends))

    def _keep_asking(self, waiting: Iterator[bytes], ends: float) -> None:
        # Until one connection has nothing left to send: fewer of them would be another measurement.
        while len(self._began) == len(self._sockets) and time.perf_counter() < ends:
            for number in self._answered(_PATIENCE):
                self._ask(number, next(waiting, b""))

    def _open_loop(self) -> Load:
        return self._timed(self._ask_on_time)

    def _ask_on_time(self, ends: float) -> None:
        free = deque(self._sockets)
        began = time.perf_counter()
        for index, request in enumerate(self._requests):
            due = began + index / self._order.rate
            if due > ends:
                break
            while (left := due - time.perf_counter()) > 0 or not free:
                free.extend(self._answered(max(left, 0.0) if free else _PATIENCE))
            self._sent.append(time.monotonic_ns())
            late = time.perf_counter() - due
            if late > 0.005:  # it had to wait for a connection
                self._sent[-1] -= int(late * 1e9)
            self._ask(free.popleft(), request)
        while self._began:
            self._answered(_PATIENCE)

    def _timed(self, send: object) -> Load:
        watch = self._order.watch
        before = {name: cpu_of(pid) for name, pid in watch.items()}
        cpu, began = time.process_time(), time.perf_counter()
        send(began + self._order.seconds)  # type: ignore[operator]
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        watched = {name: cpu_of(pid) - before[name] for name, pid in watch.items()}
        return Load(
            len(self._latencies),
            seconds,
            {name.decode(): count for name, count in self._statuses.items()},
            percentile(self._latencies, 50),
            percentile(self._latencies, 99),
            cpu,
            watched,
            self._sent,
        )

    def _ask_all(self, waiting: Iterator[bytes]) -> None:
        for number in self._sockets:
            self._ask(number, next(waiting, b""))

    def _ask(self, number: int, request: bytes) -> None:
        if request:
            self._began[number] = time.perf_counter()
            self._sockets[number].sendall(request)

    def _answered(self, patience: float) -> list[int]:
        """Wait for answers, and return the connections that are free again."""
        if patience < 0.001 and patience != 0.0:  # poll knows only milliseconds
            time.sleep(patience)
            patience = 0.0
        free = []
        ready = self._poll.poll(patience * 1000)
        if not ready and patience == _PATIENCE:
            raise NoAnswer(f"no answer within {_PATIENCE:g} s")
        for number, _ in ready:
            data = self._sockets[number].recv(65536)
            if not data:
                raise NoAnswer("the server closed a connection")
            if self._partial:
                data = self._partial.pop(number, b"") + data
            if not _is_whole(data):
                self._partial[number] = data
                continue
            self._latencies.append(time.perf_counter() - self._began.pop(number))
            self._statuses[data[9:12]] += 1
            free.append(number)
        return free


def _is_whole(answer: bytes) -> bool:
    head = answer.find(b"\r\n\r\n")
    if head < 0:
        return False
    length = _LENGTH.search(answer)
    if not length:
        raise NoAnswer("an answer without a length")
    return len(answer) >= head + 4 + int(length[1])


def main() -> None:
    """Read an order, send, and print what came of it."""
    with Generator(Order(**json.loads(sys.argv[1]))) as generator:
        gc.collect()
        gc.disable()
        json.dump(asdict(generator.run()), sys.stdout)


if __name__ == "__main__":
    main()
