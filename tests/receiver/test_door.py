"""What a client may hold open: a request for so long, a head of such a size, few requests ahead."""

import gc
import http.client
import itertools
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import pytest
from redis import Redis
from structlog.testing import capture_logs
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from bellhop.ledger import About, Ledger
from bellhop_receiver.door import MOST_AHEAD, MOST_HEAD
from tests.receiver.conftest import (
    Delivery,
    Receiver,
    eventually,
    let_shifts_be_enqueued,
    read_answer,
)

PATIENCE = 0.3

LIVE = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"
NOWHERE = b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture
def impatient(receivers: Callable[..., Receiver], redis: Redis) -> Iterator[Receiver]:
    """A receiver that gives up on a request after 0.3 s."""
    yield receivers(patience=PATIENCE)
    let_shifts_be_enqueued(redis)


@pytest.fixture
def connection(impatient: Receiver) -> Iterator[socket.socket]:
    with closing(impatient.connect()) as connection:
        yield connection


def whole(delivery: Delivery) -> bytes:
    """Return the request as Svix sends it."""
    return delivery.head(content_length=str(len(delivery.body))) + delivery.body


def rest(connection: socket.socket) -> bytes:
    """Return what comes until the connection is closed."""
    received = bytearray()
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return bytes(received)


def trickle(connection: socket.socket, pieces: Iterator[bytes]) -> http.client.HTTPResponse:
    """Send a piece whenever nothing was answered for a moment; return the answer."""
    connection.settimeout(PATIENCE / 10)
    for piece in pieces:
        try:
            connection.sendall(piece)
            connection.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            continue
        break
    connection.settimeout(30)
    return read_answer(connection)[0]


# Too slow


def test_a_connection_that_says_nothing_is_closed_without_a_word(
    connection: socket.socket,
) -> None:
    with capture_logs() as lines:
        assert rest(connection) == b""
    assert lines == []


@pytest.mark.parametrize("sent", [b"P", NOWHERE[:-2], b"\r\n"])
def test_a_head_that_is_not_finished_is_refused_in_time(
    sent: bytes, connection: socket.socket
) -> None:
    connection.sendall(sent)
    response, body = read_answer(connection)
    assert response.status == 408
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["connection"] == "close"
    assert b"did not arrive in time" in body
    assert rest(connection) == b""


@pytest.mark.parametrize(
    "framing", [{"content_length": "500"}, {"transfer_encoding": "chunked"}], ids=str
)
@pytest.mark.parametrize("begun", [b"", b"5\r\n"])
def test_a_body_that_is_not_finished_is_refused_in_time(
    begun: bytes, framing: dict[str, str], connection: socket.socket
) -> None:
    connection.sendall(Delivery().head(**framing) + begun)
    assert read_answer(connection)[0].status == 408
    assert rest(connection) == b""


def test_a_byte_now_and_then_buys_no_time(connection: socket.socket) -> None:
    head = Delivery().head(content_length="500")
    assert trickle(connection, (head[at : at + 1] for at in range(len(head)))).status == 408


def test_a_byte_of_a_body_now_and_then_buys_no_time(connection: socket.socket) -> None:
    connection.sendall(Delivery().head(content_length="500"))
    assert trickle(connection, (b" " for _ in range(500))).status == 408


def test_what_was_answered_early_need_not_be_sent_for_ever(connection: socket.socket) -> None:
    connection.sendall(b"POST /nowhere HTTP/1.1\r\ncontent-length: 500\r\n\r\n")
    assert read_answer(connection)[0].status == 404
    connection.sendall(b"half of it")
    assert rest(connection) == b""


def test_blank_lines_after_an_answer_are_no_request(connection: socket.socket) -> None:
    connection.sendall(LIVE)
    assert read_answer(connection)[0].status == 200
    connection.sendall(b"\r\n")
    assert read_answer(connection)[0].status == 408


def answered_or_left(receiver: Receiver, due: int) -> bool:
    return receiver.answered == due or not receiver.connections


def test_a_client_that_never_reads_is_left(redis_url: str) -> None:
    receiver = Receiver(redis_url, patience=PATIENCE)
    receiver.buffer_little()
    try:
        with capture_logs() as lines, socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.connect(("127.0.0.1", receiver.port))
            eventually(lambda: receiver.connections == 1)
            for sent in itertools.count(1):
                connection.sendall(NOWHERE)
                eventually(partial(answered_or_left, receiver, sent))
                if not receiver.connections:
                    break
        assert receiver.answered > 0
        assert lines == []
    finally:
        receiver.stop()


def test_patience_begins_anew_with_each_request(receivers: Callable[..., Receiver]) -> None:
    patience = 2.0
    with closing(receivers(patience=patience).connect()) as connection:
        for _ in range(5):  # longer, all in all, than one may take
            first, second = LIVE[:10], LIVE[10:]
            connection.sendall(first)
            connection.settimeout(patience / 4)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.settimeout(30)
            connection.sendall(second)
            assert read_answer(connection)[0].status == 200


# Too large


def with_head_of(size: int, delivery: Delivery) -> bytes:
    head = delivery.head(content_length=str(len(delivery.body)), x="")
    return head[:-4] + b"x" * (size - len(head)) + head[-4:] + delivery.body


def test_a_head_at_the_limit_is_accepted(receiver: Receiver, ledger: Ledger) -> None:
    delivery = Delivery()
    with receiver.connect() as connection:
        connection.sendall(with_head_of(MOST_HEAD, delivery))
        assert read_answer(connection)[0].status == 202
    assert ledger.event(delivery.event_id)


def test_a_head_over_the_limit_is_refused(receiver: Receiver, redis: Redis) -> None:
    with receiver.connect() as connection:
        connection.sendall(with_head_of(MOST_HEAD + 1, Delivery()))
        response, body = read_answer(connection)
    assert response.status == 431
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["connection"] == "close"
    assert b"The headers are larger than this server takes." in body
    assert redis.dbsize() == 0


ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "a path": (b"GET /", b"x" * 4096),
    "a name": (LIVE[:-2], b"x" * 4096),
    "a header": (LIVE[:-2] + b"a: ", b"x" * 4096),
    "headers": (LIVE[:-2], b"a: b\r\n" * 700),
    "blank lines": (b"", b"\r\n" * 2048),
    "a chunk's size": (Delivery().head(transfer_encoding="chunked"), b"0" * 4096),
    "a chunk's extension": (Delivery().head(transfer_encoding="chunked") + b"5;", b"x" * 4096),
    "a body that was refused": (
        b"POST / HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n",
        b" " * 4096,
    ),
    "trailers": (Delivery().head(transfer_encoding="chunked") + b"0\r\n", b"a: b\r\n" * 700),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_has_no_end_is_cut_off(what: str, receiver: Receiver) -> None:
    begun, piece = ENDLESS[what]
    much = begun + piece * 8192  # 32 MiB: more than fits into the buffers between us
    with receiver.connect() as connection, pytest.raises((BrokenPipeError, ConnectionResetError)):
        connection.sendall(much)


# Ahead


def test_a_few_requests_may_be_sent_ahead(connection: socket.socket) -> None:
    last = LIVE.replace(b"host: x", b"connection: close")
    connection.sendall(LIVE * MOST_AHEAD + last)
    assert rest(connection).count(b"HTTP/1.1 200 OK") == MOST_AHEAD + 1


def test_of_many_requests_sent_ahead_the_first_are_answered(connection: socket.socket) -> None:
    connection.sendall(LIVE * 1000)
    assert rest(connection).count(b"HTTP/1.1 200 OK") == MOST_AHEAD + 1


def test_a_good_request_before_nonsense_gets_its_answer(
    connection: socket.socket, ledger: Ledger
) -> None:
    delivery = Delivery()
    connection.sendall(whole(delivery) + b"nonsense\r\n\r\n")
    answers = rest(connection)
    assert answers.startswith(b"HTTP/1.1 202 Accepted\r\n")
    assert answers.count(b"HTTP/1.1") == 1
    assert ledger.event(delivery.event_id)


def test_trailers_replace_no_headers(receiver: Receiver, ledger: Ledger) -> None:
    delivery = Delivery()
    chunk = b"%x\r\n%s\r\n" % (len(delivery.body), delivery.body)
    with receiver.connect() as connection:
        head = delivery.head(transfer_encoding="chunked")
        connection.sendall(head + chunk + b"0\r\nsvix-id: msg_other\r\n\r\n")
        assert read_answer(connection)[0].status == 202
    record = ledger.event(delivery.event_id)
    assert About.read(record["about"]).delivery_id == delivery.delivery_id


def test_a_request_leaves_nothing_that_only_the_garbage_collector_frees(receiver: Receiver) -> None:
    def requests() -> int:
        return sum(isinstance(one, RequestResponseCycle) for one in gc.get_objects())

    before = requests()
    gc.disable()
    try:
        for _ in range(50):
            assert receiver.post(Delivery()).status_code == 202
        eventually(lambda: requests() - before < 5)  # a connection keeps its last one
    finally:
        gc.enable()
