"""The HTTP door under fire: whatever comes, it is answered or closed, and the next is served."""

import http.client
import json
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from redis import Redis
from structlog.testing import capture_logs

from bellhop.settings import WEBHOOK_PATH
from tests.examples import examples
from tests.receiver.conftest import Delivery, Receiver, let_shifts_be_enqueued
from tests.receiver.hostile_requests import (
    OFFERS,
    chunked,
    hostile_requests,
    requests_that_hide_another,
)

PATIENCE = 0.4

fuzzed = settings(
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def _no_error_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with capture_logs() as lines:
        yield
    assert [line for line in lines if line["log_level"] in ("error", "critical")] == []
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.fixture
def impatient(receivers: Callable[..., Receiver], redis: Redis) -> Iterator[Receiver]:
    """A receiver that soon gives up on a request that is not complete."""
    yield receivers(patience=PATIENCE)
    let_shifts_be_enqueued(redis)


def exchange(receiver: Receiver, request: bytes, *, piece: int | None = None) -> tuple[int, bytes]:
    """Send bytes, and return status and body of the first answer; 0 if it just closed.

    A connection that is neither answered nor closed fails, after 30 s.
    """
    with receiver.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        size = piece or len(request)
        try:
            for at in range(0, len(request), size):
                connection.sendall(request[at : at + size])
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has had enough, and has said so before
        method = "HEAD" if request.startswith(b"HEAD ") else None  # is answered without a body
        response = http.client.HTTPResponse(connection, method=method)
        try:
            response.begin()
            body = response.read()
        except (http.client.RemoteDisconnected, ConnectionResetError):
            return 0, b""
    assert response.status < 500
    if response.status >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        assert body == b"" or json.loads(body)["status"] == response.status
    for internal in (b"Traceback", b"File ", b"uvicorn", b"xception"):
        assert internal not in body
    return response.status, body


def assert_serves(receiver: Receiver) -> None:
    delivery = Delivery()
    request = delivery.head(content_length=str(len(delivery.body))) + delivery.body
    assert exchange(receiver, request)[0] == 202


def test_there_are_enough_hostile_requests() -> None:
    assert len(hostile_requests()) >= 60


@pytest.mark.parametrize("name", hostile_requests())
def test_a_hostile_request_is_refused_and_the_next_is_accepted(
    name: str, receiver: Receiver, impatient: Receiver
) -> None:
    status, request = hostile_requests()[name]
    its_receiver = impatient if status == 408 else receiver
    assert exchange(its_receiver, request)[0] == status
    assert_serves(its_receiver)


@pytest.mark.parametrize("piece", [1, 7])
def test_it_makes_no_difference_in_what_pieces_they_come(piece: int, receiver: Receiver) -> None:
    for name, (status, request) in hostile_requests().items():
        if len(request) < 1500 and status != 408:
            assert (name, exchange(receiver, request, piece=piece)[0]) == (name, status)
    assert_serves(receiver)


@pytest.mark.parametrize("apart", [False, True], ids=["in one piece", "the hidden one apart"])
def test_no_request_is_read_out_of_another(apart: bool, receiver: Receiver) -> None:
    last = b"GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    for name, request in requests_that_hide_another().items():
        at = request.index(b"GET /health/live HTTP") if apart else len(request)
        with receiver.connect() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers = converse(connection, request[:at], request[at:] + last)
        assert (name, b'"live"' in answers) == (name, False)
    assert_serves(receiver)


def converse(connection: socket.socket, *pieces: bytes) -> bytes:
    """Send pieces, and return all that is answered until the connection is closed."""
    answers = bytearray()
    try:
        for piece in pieces:
            connection.sendall(piece)
        while received := connection.recv(65536):
            answers += received
    except (BrokenPipeError, ConnectionResetError):
        pass
    return bytes(answers)


@pytest.mark.parametrize("name", OFFERS)
@pytest.mark.parametrize("in_chunks", [False, True], ids=["a length", "chunks"])
@pytest.mark.parametrize("piece", [1, 100, None])
def test_a_signed_request_with_an_offer_is_accepted_without_it(
    name: str, in_chunks: bool, piece: int | None, receiver: Receiver
) -> None:
    delivery, after = Delivery(), Delivery()
    if in_chunks:
        head, body = delivery.head(transfer_encoding="chunked"), chunked(delivery.body)
    else:
        head, body = delivery.head(content_length=str(len(delivery.body))), delivery.body
    request = head[:-2] + OFFERS[name] + b"\r\n" + body
    request += after.head(content_length=str(len(after.body)), connection="close") + after.body
    size = piece or len(request)
    pieces = (request[at : at + size] for at in range(0, len(request), size))
    with receiver.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = converse(connection, *pieces)
    assert answers.count(b"HTTP/1.1 202 Accepted") == 2


TOKEN = st.text("!#$%&'*+-.^_`|~abcXYZ019", min_size=1, max_size=20).map(str.encode)
VALUE = st.binary(max_size=60).map(
    lambda raw: bytes(byte for byte in raw if byte == 9 or 32 <= byte != 127).strip()
)
NAME = TOKEN | st.sampled_from(
    b"svix-id svix-timestamp svix-signature webhook-signature content-type content-encoding "
    b"accept user-agent cookie x-forwarded-for forwarded".split()
)
BODY = st.binary(max_size=300) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())
METHOD = st.sampled_from([b"POST", b"GET", b"HEAD", b"PUT", b"OPTIONS", b"TRACE"]) | TOKEN
PATH = st.just(WEBHOOK_PATH.encode()) | st.text(
    [chr(code) for code in range(33, 127)], min_size=1, max_size=30
).filter(lambda text: text[0] not in "?#").map(lambda text: b"/" + text.encode())


def assemble(method: bytes, path: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    lines = [b"%s %s HTTP/1.1" % (method, path), b"content-length: %d" % len(body)]
    lines += [b"%s: %s" % header for header in headers if header[0].lower() not in FRAMING]
    return b"\r\n".join([*lines, b"", body])


FRAMING = {b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect"}


@fuzzed
@given(METHOD, PATH, st.lists(st.tuples(NAME, VALUE), max_size=8), BODY)
def test_what_nobody_signed_is_never_accepted(
    receiver: Receiver,
    redis: Redis,
    method: bytes,
    path: bytes,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
) -> None:
    status, _ = exchange(receiver, assemble(method, path, headers, body))
    allowed = {400, 404, 405, 415}
    if urlsplit(path).path == b"/":
        allowed.add(200)
    assert status in allowed
    assert redis.dbsize() == 0


@fuzzed
@given(st.data())
def test_a_signature_holds_for_nothing_else(
    receiver: Receiver, redis: Redis, data: st.DataObject
) -> None:
    delivery = Delivery()
    parts = [value.encode() for name, value in delivery.headers.items() if "svix" in name]
    parts.append(delivery.body)
    which = data.draw(st.integers(0, 3), "which part")
    at = data.draw(st.integers(0, len(parts[which]) - 1), "where")
    byte = data.draw(st.sampled_from(b"!#+/09=AZaz~"), "what")
    assume(byte != parts[which][at])
    parts[which] = parts[which][:at] + bytes([byte]) + parts[which][at + 1 :]
    names = [name.encode() for name in delivery.headers if "svix" in name]
    request = assemble(
        b"POST", WEBHOOK_PATH.encode(), list(zip(names, parts[:3], strict=True)), parts[3]
    )
    assert exchange(receiver, request)[0] == 400
    assert redis.dbsize() == 0


@fuzzed
@given(BODY, st.lists(st.tuples(TOKEN, VALUE), max_size=5))
def test_what_is_signed_is_kept_whatever_it_is(
    receiver: Receiver, body: bytes, more: list[tuple[bytes, bytes]]
) -> None:
    delivery = Delivery(body)
    headers: list[Any] = [(k.encode(), v.encode()) for k, v in delivery.headers.items()]
    request = assemble(b"POST", WEBHOOK_PATH.encode(), [*more, *headers], body)
    status, answer = exchange(receiver, request)
    assert (status, json.loads(answer)) == (202, {"outcome": "quarantined"})


MUTATION = st.tuples(
    st.floats(0, 1), st.integers(0, 40), st.binary(max_size=8) | st.sampled_from([b"\r\n", b"\n"])
)


@fuzzed
@given(st.lists(MUTATION, min_size=1, max_size=4), st.booleans())
def test_a_request_that_is_damaged_on_its_way_hurts_nobody(
    impatient: Receiver, damages: list[tuple[float, int, bytes]], in_chunks: bool
) -> None:
    delivery = Delivery()
    if in_chunks:
        request = delivery.head(transfer_encoding="chunked")
        request += b"%x\r\n%s\r\n0\r\n\r\n" % (len(delivery.body), delivery.body)
    else:
        request = delivery.head(content_length=str(len(delivery.body))) + delivery.body
    for place, removed, added in damages:
        at = int(place * len(request))
        request = request[:at] + added + request[at + removed :]
    status, _ = exchange(impatient, request or b"\x00")
    assert status in {0, 200, 202, 400, 404, 405, 408, 413, 415, 431}
    assert_serves(impatient)
