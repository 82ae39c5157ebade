"""What is not signed, or no HTTP: refused, with no trace left."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from redis import Redis
from structlog.testing import capture_logs

from bellhop.ledger import keys
from tests.receiver.conftest import Delivery, Receiver, read_answer
from tests.receiver.problems import assert_problem

OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def unsigned(**headers: str | None) -> Delivery:
    """Return a delivery with some of its headers replaced, or left out."""
    delivery = Delivery()
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    delivery.headers = {k: v for k, v in (delivery.headers | changed).items() if v is not None}
    return delivery


def altered() -> Delivery:
    delivery = Delivery()
    delivery.body = delivery.body.replace(b"front-door", b"back-door-")
    return delivery


REFUSED: dict[str, Callable[[], Delivery]] = {
    "another secret": lambda: Delivery(secret=OTHER),
    "an altered body": altered,
    "a timestamp that is too old": lambda: Delivery(age=timedelta(seconds=310)),
    "a timestamp of the future": lambda: Delivery(age=timedelta(seconds=-310)),
    "no headers": lambda: unsigned(svix_id=None, svix_timestamp=None, svix_signature=None),
    "no id": lambda: unsigned(svix_id=None),
    "no timestamp": lambda: unsigned(svix_timestamp=None),
    "no signature": lambda: unsigned(svix_signature=None),
    "an asymmetric signature only": lambda: unsigned(svix_signature=f"v1a,{'A' * 86}=="),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_signed_is_refused_and_leaves_no_trace(
    what: str, receiver: Receiver, redis: Redis
) -> None:
    assert_problem(receiver.post(REFUSED[what]()), 400)
    assert redis.dbsize() == 0


def test_why_it_was_refused_is_told_to_the_log_alone(redis_url: str) -> None:
    receiver = Receiver(redis_url)
    try:
        with capture_logs() as lines:
            answers = {receiver.post(make()).text for make in REFUSED.values()}
    finally:
        receiver.stop()
    assert len(answers) == 1
    reasons = [line["reason"] for line in lines if line["event"] == "refused a webhook"]
    assert "no signature matches: is this endpoint's secret configured?" in reasons
    assert len(reasons) == len(set(reasons)) == len(REFUSED) - 2  # two are the same to us


JUNK = [
    b"",
    b" ",
    b"\t",
    b",",
    b",,",
    b"a b",
    b"a,b,c",
    b"-1",
    b"+5",
    b"1e9",
    b"1e400",
    b"1.5",
    b"NaN",
    b"Infinity",
    b"0x10",
    b"1_000",
    b"9" * 20,
    b"9" * 5000,
    b"\xe9",
    b"\xb2",
    b"\xff\xfe",
    b"\xa0",
    b"\xd9\xa1\xd9\xa6",
    b"v1",
    b"v1,",
    b"v1,,",
    b"v1, ",
    b"v1,====",
    b"v1,AAA",
    b"v1,\xff",
    b"v1,-_-_",
    b"v1a," + b"A" * 86,
    b"v1," + b"A" * 43 + b"=",
    b"v1,A " * 2000,
    b"\x00",
    b"\x01",
    b"\x7f",
    b"a\x00b",
]


@pytest.mark.parametrize("name", ["svix-id", "svix-timestamp", "svix-signature"])
@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: ascii(junk[:20]))
def test_junk_in_a_header_is_refused_and_leaves_no_trace(
    name: str, junk: bytes, receiver: Receiver, redis: Redis
) -> None:
    delivery = unsigned(**{name.replace("-", "_"): None})
    head = delivery.head(content_length=str(len(delivery.body)))
    with receiver.connect() as connection:
        connection.sendall(head[:-2] + name.encode() + b": " + junk + b"\r\n\r\n" + delivery.body)
        response, _ = read_answer(connection)
    assert response.status == 400
    assert redis.dbsize() == 0


@pytest.mark.parametrize(
    "request_",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"POST\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /webhooks/seam HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /webhooks/seam HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /webhooks/seam HTTP/1.1\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n",
        b"POST /webhooks/seam HTTP/1.1\r\n no name\r\n\r\n",
    ],
    ids=ascii,
)
def test_what_is_no_http_is_refused(request_: bytes, receiver: Receiver) -> None:
    with receiver.connect() as connection:
        connection.sendall(request_)
        response, _ = read_answer(connection)
    assert response.status == 400


@pytest.mark.parametrize("what", ["no signature", "a timestamp that is too old"])
@pytest.mark.parametrize("size", ["500", "99999999"])
def test_headers_are_enough_to_refuse_it_before_its_body_has_come(
    size: str, what: str, receiver: Receiver
) -> None:
    with receiver.connect() as connection:
        connection.sendall(REFUSED[what]().head(content_length=size))
        response, _ = read_answer(connection)
    assert response.status == 400


def test_a_connection_serves_on_after_a_refusal(receiver: Receiver) -> None:
    bad, good = unsigned(svix_id=None), Delivery()
    with receiver.connect() as connection:
        for delivery, status in ((bad, 400), (good, 202)):
            head = delivery.head(content_length=str(len(delivery.body)))
            connection.sendall(head + delivery.body)
            assert read_answer(connection)[0].status == status


def test_a_sender_that_leaves_in_the_middle_harms_nobody(receiver: Receiver, redis: Redis) -> None:
    gone = Delivery()
    with capture_logs() as lines:
        with receiver.connect() as connection:
            connection.sendall(gone.head(content_length="500", expect="100-continue"))
            assert connection.recv(100).startswith(b"HTTP/1.1 100")
            connection.sendall(gone.body[:10])
        assert receiver.post(Delivery()).status_code == 202
    assert [line for line in lines if line["log_level"] != "debug"] == []
    assert not redis.exists(keys.event(gone.event_id))
