"""The receiver over real HTTP: uvicorn in a thread, on a port of its own, with the real Redis."""

import http.client
import itertools
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from redis import Redis

from bellhop.embedded import EmbeddedRedis
from bellhop.ledger import Ledger, keys
from bellhop.settings import WEBHOOK_PATH, Settings
from bellhop.signature import sign
from bellhop_receiver.door import PATIENCE
from bellhop_receiver.serve import bind, make_server
from tests.conftest import SECRET
from tests.one_worker import OneWorker, queued_shifts

_numbers = itertools.count(1)


def eventually(condition: Callable[[], object]) -> None:
    """Return when the condition holds, and fail if it does not within half a minute."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.005)


class Delivery:
    """A signed request: a lock was unlocked, unless `fields` or `body` say otherwise."""

    def __init__(
        self,
        body: bytes | None = None,
        *,
        delivery_id: str | None = None,
        secret: str = SECRET,
        age: timedelta = timedelta(),
        **fields: Any,
    ) -> None:
        unique = f"{os.getpid()}-{next(_numbers):06}"  # as long as all others, for hypothesis
        event = {
            "event_id": f"event-{unique}",
            "event_type": "lock.unlocked",
            "device_id": "front-door",
            "connected_account_id": "account",
            "workspace_id": "workspace",
            "created_at": "2026-01-31T12:00:00Z",
            "occurred_at": "2026-01-31T12:00:00Z",
            "method": "keycode",
            **fields,
        }
        self.event_id = str(event["event_id"])
        self.delivery_id = delivery_id or f"msg_{unique}"
        self.body = json.dumps(event).encode() if body is None else body
        moment = datetime.now(UTC) - age
        self.headers = {
            "content-type": "application/json",
            **sign(self.delivery_id, moment, self.body, secret),
        }

    def head(self, **more: str) -> bytes:
        """Return the request up to its body."""
        lines = [f"POST {WEBHOOK_PATH} HTTP/1.1", "host: x"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def padded(size: int) -> Delivery:
    """Return a delivery whose body has exactly that many bytes."""
    short = Delivery()
    body = short.body + b" " * (size - len(short.body))
    return Delivery(body, event_id=short.event_id)


class Receiver:
    """The real app in the real server, with the settings of production but for what is given.

    `pause`: seconds until it logs how many more were refused. A receiver is shared by tests: that
    line would be in the output of whichever runs by then, so an hour.
    """

    def __init__(
        self, redis_url: str, *, patience: float = PATIENCE, pause: float = 3600.0, **settings: Any
    ) -> None:
        self._socket = bind("127.0.0.1", 0)
        self._socket.listen(128)
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = make_server(
            Settings(webhook_secrets=(SECRET,), **settings),
            redis_url,
            patience=patience,
            pause=pause,
        )
        run = self._server.run
        # As a daemon, lest a test that fails before it stops this keeps all from ending.
        self._thread = threading.Thread(target=run, args=([self._socket],), daemon=True)
        self._thread.start()
        self.client = httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    def post(self, delivery: Delivery) -> httpx.Response:
        """Deliver it."""
        return self.client.post(WEBHOOK_PATH, content=delivery.body, headers=delivery.headers)

    def connect(self) -> socket.socket:
        """Return a connection for requests that no client would send."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def buffer_little(self) -> None:
        """Make the system keep few of the answers that a client does not read."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._server.server_state.connections)

    @property
    def doors(self) -> list[Any]:
        """The server's ends of them."""
        return list(self._server.server_state.connections)

    @property
    def answered(self) -> int:
        """How many requests were answered, whether or not their clients have read it."""
        return self._server.server_state.total_requests

    def ask_to_stop(self) -> None:
        """Let it finish."""
        self.client.close()
        self._server.should_exit = True

    def stop(self) -> None:
        """Let it finish, and return when it has."""
        self.ask_to_stop()
        self._thread.join()


def read_answer(connection: socket.socket) -> tuple[http.client.HTTPResponse, bytes]:
    """Read one response."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response, response.read()


@pytest.fixture(scope="session")
def receivers(_server: EmbeddedRedis) -> Iterator[Callable[..., Receiver]]:
    """Receivers by their settings; one that is asked for again is the same."""
    running: dict[tuple[tuple[str, Any], ...], Receiver] = {}

    def get(**settings: Any) -> Receiver:
        key = tuple(sorted(settings.items()))
        if key not in running:
            running[key] = Receiver(_server.url, **settings)
        return running[key]

    yield get
    for receiver in running.values():
        receiver.ask_to_stop()
    for receiver in running.values():
        receiver.stop()


@pytest.fixture
def receiver(receivers: Callable[..., Receiver], redis: Redis) -> Iterator[Receiver]:
    """A receiver on an empty Redis."""
    yield receivers()
    let_shifts_be_enqueued(redis)


@pytest.fixture
def strict_receiver(receivers: Callable[..., Receiver], redis: Redis) -> Iterator[Receiver]:
    """A receiver that rejects what is no event, and takes bodies of 4 KiB."""
    yield receivers(on_invalid="reject", max_body=4096)
    let_shifts_be_enqueued(redis)


@pytest.fixture
def worker(ledger: Ledger) -> OneWorker:
    """A worker whose handler `bell` gets all events."""
    return OneWorker(ledger, "bell")


def let_shifts_be_enqueued(redis: Redis) -> None:
    """Wait for the shift that is enqueued after an answer: the next test must not see it."""
    eventually(lambda: not redis.keys(f"{keys.PREFIX}waiting:*") or queued_shifts(redis))
