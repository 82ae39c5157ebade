"""Strangers and senders share a proxy's connection to the receiver: no stranger takes a webhook."""

import http.client
import itertools
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest
from redis import Redis

from bellhop.ledger import Ledger
from tests.receiver.conftest import Delivery, Receiver, let_shifts_be_enqueued
from tests.receiver.hostile_requests import chunked
from tests.receiver.proxies import PROXIES, Proxy

OFFERS = (
    b"",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\n",
    b"Connection: keep-alive, upgrade\r\nUpgrade: TLS/1.2\r\nUpgrade: websocket, h2c\r\n",
    b"Expect: 100-continue\r\n",
)

HIDDEN = (
    # Each is a body. As a request, it would take the next one on the connection for its own
    # header or body, and be answered 200.
    b"GET /health/live HTTP/1.1\r\nHost: x\r\nX: ",
    b"POST /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: 600\r\n\r\n",
    b"HEAD /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
)

METHODS = (b"POST /webhooks/seam", b"GET /health/live", b"PUT /nowhere")

FRAMINGS = ("length", "chunks", "both")


@pytest.fixture(params=PROXIES)
def proxy(
    request: pytest.FixtureRequest,
    receivers: Callable[..., Receiver],
    redis: Redis,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxy]:
    proxy = Proxy(request.param, receivers().port, tmp_path_factory.mktemp(request.param))
    yield proxy
    proxy.end()
    let_shifts_be_enqueued(redis)


def attack(line: bytes, offer: bytes, hidden: bytes, framing: str) -> tuple[bytes, bytes]:
    """Return head and body of a request that hides another."""
    length = b"Content-Length: %d\r\n" % len(hidden)
    te = b"Transfer-Encoding: chunked\r\n"
    lines, body = {
        "length": (length, hidden),
        "chunks": (te, chunked(hidden)),
        "both": (length + te, chunked(hidden)),
    }[framing]
    return line + b" HTTP/1.1\r\nHost: x\r\n" + offer + lines + b"\r\n", body


def deliver(connection: http.client.HTTPConnection) -> Delivery:
    """Deliver one event through the proxy. It comes again when the connection behind it broke."""
    delivery = Delivery()
    for _ in range(5):
        connection.request("POST", "/webhooks/seam", delivery.body, delivery.headers)
        response = connection.getresponse()
        response.read()
        if response.status != 502:
            break
    assert response.status == 202
    return delivery


def answered(connection: socket.socket) -> None:
    """Wait for any answer, or the end."""
    with suppress(ConnectionResetError):
        connection.recv(65536)


def test_no_request_behind_a_proxy_takes_a_webhook_of_somebody_else(
    proxy: Proxy, ledger: Ledger
) -> None:
    delivered = []
    sender = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
    with closing(sender):
        for at, parts in enumerate(itertools.product(METHODS, OFFERS, HIDDEN, FRAMINGS)):
            head, body = attack(*parts)
            with proxy.connect() as stranger:
                if at % 2:
                    stranger.sendall(head + body)
                else:
                    stranger.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    stranger.sendall(head)
                    stranger.sendall(body)
                answered(stranger)
                delivered += [deliver(sender), deliver(sender)]
    assert [one for one in delivered if not ledger.event(one.event_id)] == []


@pytest.mark.parametrize("offer", OFFERS, ids=["none", "websocket", "h2c", "several", "expect"])
def test_a_sender_that_offers_another_protocol_is_served_through_a_proxy(
    offer: bytes, proxy: Proxy, ledger: Ledger
) -> None:
    delivery = Delivery()
    head = delivery.head(content_length=str(len(delivery.body)))
    with proxy.connect() as sender:
        sender.sendall(head[:-2] + offer + b"\r\n")
        sender.sendall(delivery.body)
        response = http.client.HTTPResponse(sender)
        response.begin()
        assert response.status == 202
    assert ledger.event(delivery.event_id)
