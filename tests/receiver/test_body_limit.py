"""Bodies up to the limit are accepted, and what is larger is refused early."""

import select

import pytest
from redis import Redis

from bellhop.ledger import Ledger
from bellhop.settings import WEBHOOK_PATH
from tests.receiver.conftest import Delivery, Receiver, padded, read_answer
from tests.receiver.problems import assert_problem


def test_a_body_at_the_limit_is_accepted(strict_receiver: Receiver, ledger: Ledger) -> None:
    delivery = padded(4096)
    assert strict_receiver.post(delivery).status_code == 202
    assert ledger.event(delivery.event_id)["body"] == delivery.body


def test_a_chunked_body_at_the_limit_is_accepted(strict_receiver: Receiver, ledger: Ledger) -> None:
    delivery = padded(4096)
    chunks = (delivery.body[at : at + 100] for at in range(0, 4096, 100))
    response = strict_receiver.client.post(WEBHOOK_PATH, content=chunks, headers=delivery.headers)
    assert response.status_code == 202
    assert ledger.event(delivery.event_id)["body"] == delivery.body


def test_a_body_over_the_limit_is_refused(strict_receiver: Receiver, redis: Redis) -> None:
    assert_problem(strict_receiver.post(padded(4097)), 413)
    assert redis.dbsize() == 0


def test_a_chunk_over_the_limit_is_refused(strict_receiver: Receiver, redis: Redis) -> None:
    delivery = padded(4097)
    with strict_receiver.connect() as connection:
        head = delivery.head(transfer_encoding="chunked")
        connection.sendall(head + b"1001\r\n" + delivery.body + b"\r\n0\r\n\r\n")
        response, _ = read_answer(connection)
    assert response.status == 413
    assert redis.dbsize() == 0


@pytest.mark.parametrize("more", [{}, {"expect": "100-continue"}])
def test_a_body_that_is_announced_as_too_large_is_not_even_read(
    more: dict[str, str], strict_receiver: Receiver
) -> None:
    with strict_receiver.connect() as connection:
        connection.sendall(Delivery().head(content_length="4097", **more))
        response, _ = read_answer(connection)
        assert response.status == 413
        assert response.headers["connection"] == "close"


def test_a_body_without_end_is_cut_off(strict_receiver: Receiver, redis: Redis) -> None:
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    with strict_receiver.connect() as connection:
        connection.sendall(Delivery().head(transfer_encoding="chunked"))
        answered = False
        while not answered:
            try:
                connection.sendall(chunk)
            except (BrokenPipeError, ConnectionResetError):
                break
            answered = bool(select.select([connection], [], [], 0)[0])
        response, _ = read_answer(connection)
    assert response.status == 413
    assert redis.dbsize() == 0


def test_the_limit_is_512_kib_unless_said_otherwise(receiver: Receiver) -> None:
    assert receiver.post(padded(512 * 1024)).status_code == 202
    assert receiver.post(padded(512 * 1024 + 1)).status_code == 413
