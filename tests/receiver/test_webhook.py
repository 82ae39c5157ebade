"""What a sender is told, and that it is true."""

import select
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from structlog.testing import capture_logs

from bellhop.connections import connect
from bellhop.embedded import EmbeddedRedis
from bellhop.ledger import DriftReport, Ledger, Quarantine, keys
from bellhop.queue import queued_shifts
from receiver.app import WEBHOOK_PATH
from tests.receiver.conftest import Delivery, Receiver, eventually, padded, read_answer

OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def assert_problem(response: httpx.Response, status: int) -> None:
    """Check an error: RFC 9457, and nothing in it that is not known to the sender."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json().keys() == {"title", "status", "detail"}
    assert response.json()["status"] == status
    told = response.text + str(response.headers)
    for internal in ("Traceback", "redis.sock", "rror:", "xception", "uvicorn", "whsec_", "svix"):
        assert internal not in told


# Accepted


def test_an_event_is_accepted_and_kept(receiver: Receiver, ledger: Ledger) -> None:
    delivery = Delivery()
    response = receiver.post(delivery)
    assert (response.status_code, response.json()) == (202, {"outcome": "accepted"})
    assert response.headers["content-type"] == "application/json"
    record = ledger.event(delivery.event_id)
    assert record["body"] == delivery.body
    assert record["type"] == b"lock.unlocked"
    assert record["mailbox"] == b"device:front-door"
    assert record["delivery"] == delivery.delivery_id.encode()
    assert record["state"] == b"accepted"


def test_unbranded_headers_are_accepted(receiver: Receiver, ledger: Ledger) -> None:
    delivery = Delivery()
    delivery.headers = {k.replace("svix", "Webhook"): v for k, v in delivery.headers.items()}
    assert receiver.post(delivery).status_code == 202
    assert ledger.event(delivery.event_id)


def test_an_event_of_a_type_that_nobody_knows_is_accepted(
    receiver: Receiver, ledger: Ledger
) -> None:
    delivery = Delivery(event_type="lock.melted")
    assert receiver.post(delivery).json() == {"outcome": "accepted"}
    assert ledger.event(delivery.event_id)["type"] == b"lock.melted"


def test_the_same_delivery_again_is_a_duplicate(receiver: Receiver, redis: Redis) -> None:
    delivery = Delivery()
    receiver.post(delivery)
    response = receiver.post(delivery)
    assert (response.status_code, response.json()) == (200, {"outcome": "duplicate"})
    assert redis.llen(keys.mail("device:front-door")) == 1


def test_the_same_event_under_another_svix_id_is_a_duplicate(
    receiver: Receiver, redis: Redis
) -> None:
    first = Delivery()
    receiver.post(first)
    response = receiver.post(Delivery(event_id=first.event_id))
    assert (response.status_code, response.json()) == (200, {"outcome": "duplicate"})
    assert redis.llen(keys.mail("device:front-door")) == 1


def test_a_delivery_that_comes_many_times_at_once_is_accepted_once(
    receiver: Receiver, redis: Redis
) -> None:
    delivery = Delivery()
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: receiver.post(delivery), range(24)))
    statuses = sorted(response.status_code for response in responses)
    assert statuses == [200] * 23 + [202]
    assert redis.llen(keys.mail("device:front-door")) == 1


def test_a_burst_enqueues_one_shift(receivers: Callable[..., Receiver], redis: Redis) -> None:
    receiver = receivers()
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(receiver.post, [Delivery(device_id=f"d{n}") for n in range(40)]))
    assert {response.status_code for response in responses} == {202}
    eventually(lambda: queued_shifts(redis))
    assert queued_shifts(redis) == 1


def test_a_duplicate_enqueues_no_shift(receiver: Receiver, redis: Redis) -> None:
    delivery = Delivery()
    receiver.post(delivery)
    eventually(lambda: queued_shifts(redis))
    receiver.post(delivery)
    receiver.post(Delivery())  # a later answer: a shift for the duplicate would have come by now
    assert queued_shifts(redis) == 1


# Quarantined or rejected

NO_EVENTS = [
    b"",
    b"null",
    b"42",
    b'"lock.unlocked"',
    b"[]",
    b"{}",
    b"not json",
    b'{"event_type": "ping", "data": {}}',
    b'{"event_id": "e1"}',
    b'{"event_id": 5, "event_type": "lock.unlocked"}',
    b'{"event_id": "e 1", "event_type": "lock.unlocked"}',
    b'{"event_id": "e1", "event_type": "lock.locked"}',
    b'{"event_id": "e1", "event_type": "lock.unlocked", "device_id": []}',
    b'{"event_id": "e1", "event_type": "lock.unlocked", "event_id": "e2"}',
    b'{"event_id": "e1", "event_type": "x", "n": NaN}',
    b'{"event_id": "e1", "event_type": "x", "n": ' + b"9" * 5000 + b"}",
    b'{"event_id": "\\ud800", "event_type": "x"}',
    b'{"event_id": "e1", "event_type": "x", "name": "\\ud800"}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"\x00",
    b"\xef\xbb\xbf{}",
]


@pytest.mark.parametrize("body", NO_EVENTS, ids=lambda body: ascii(body[:50]).replace("::", ": :"))
def test_a_signed_body_that_is_no_event_is_kept_in_quarantine(
    body: bytes, receiver: Receiver, redis: Redis
) -> None:
    delivery = Delivery(body)
    response = receiver.post(delivery)
    assert (response.status_code, response.json()) == (202, {"outcome": "quarantined"})
    assert redis.zrange(keys.QUARANTINE, 0, -1) == [delivery.delivery_id.encode()]
    kept: dict[Any, Any] = redis.hgetall(keys.quarantined(delivery.delivery_id))
    assert kept[b"body"] == body
    assert kept[b"problems"]


def test_the_log_says_what_is_wrong_with_a_body_but_no_door_code(receiver: Receiver) -> None:
    body = b'{"event_id": "e1", "event_type": "lock.unlocked", "code": 4711, "device_id": 5}'
    with capture_logs() as lines:
        receiver.post(Delivery(body))
    (line,) = lines
    assert line["event"] == "a signed body is no Seam event"
    assert "device_id: expected a string, got 5" in line["problems"]
    assert "4711" not in str(line)


def test_what_is_quarantined_keeps_the_headers_that_matter(
    receiver: Receiver, redis: Redis
) -> None:
    delivery = Delivery(b"{}")
    delivery.headers |= {"user-agent": f"Svix-Webhooks/{'1' * 500}", "authorization": "Bearer x"}
    receiver.post(delivery)
    kept = Quarantine(redis).get(delivery.delivery_id)
    assert kept
    assert kept.headers == {
        "svix-id": delivery.delivery_id,
        "svix-timestamp": delivery.headers["svix-timestamp"],
        "content-type": "application/json",
        "user-agent": f"Svix-Webhooks/{'1' * 186}",
    }


def test_each_kind_of_drift_is_logged_once_and_counted(receiver: Receiver, redis: Redis) -> None:
    with capture_logs() as lines:
        for _ in range(3):
            assert receiver.post(Delivery(method="palm_vein")).status_code == 202
        assert receiver.post(Delivery(method=None)).status_code == 202
    told = [line for line in lines if line["log_level"] == "warning"]
    assert [
        (line["event_type"], line["field"], line["kind"], line["example"]) for line in told
    ] == [
        ("lock.unlocked", "method", "unknown_value", '"palm_vein"'),
        ("lock.unlocked", "method", "unexpected_null", "null"),
    ]
    counts = {seen.drift.kind: seen.count for seen in DriftReport(redis).read()}
    assert counts == {"unknown_value": 3, "unexpected_null": 1}


def test_the_drift_of_a_duplicate_counts_once(receiver: Receiver, redis: Redis) -> None:
    delivery = Delivery(method="palm_vein")
    receiver.post(delivery)
    assert receiver.post(delivery).json() == {"outcome": "duplicate"}
    assert [seen.count for seen in DriftReport(redis).read()] == [1]


def test_what_is_in_quarantine_already_is_a_duplicate(receiver: Receiver, redis: Redis) -> None:
    delivery = Delivery(b"{}")
    receiver.post(delivery)
    response = receiver.post(delivery)
    assert (response.status_code, response.json()) == (200, {"outcome": "duplicate"})
    assert redis.zcard(keys.QUARANTINE) == 1


def test_what_is_no_event_is_rejected_for_good_if_so_configured(
    strict_receiver: Receiver, redis: Redis
) -> None:
    response = strict_receiver.post(Delivery(b'{"event_type": "ping"}'))
    assert_problem(response, 422)
    assert response.headers["webhook-delivery"] == "abort-message"
    assert redis.dbsize() == 0


def test_an_event_is_accepted_where_other_things_are_rejected(strict_receiver: Receiver) -> None:
    assert strict_receiver.post(Delivery()).json() == {"outcome": "accepted"}


# Refused


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


# Too large


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


# Elsewhere


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_post_is_allowed(method: str, receiver: Receiver) -> None:
    response = receiver.client.request(method, WEBHOOK_PATH)
    assert_problem(response, 405)
    assert response.headers["allow"] == "POST"


def test_a_head_request_is_not_allowed(receiver: Receiver) -> None:
    response = receiver.client.head(WEBHOOK_PATH)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_a_websocket_is_not_offered(receiver: Receiver) -> None:
    headers = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
    }
    assert_problem(receiver.client.get(WEBHOOK_PATH, headers=headers), 405)
    assert_problem(receiver.client.get("/elsewhere", headers=headers), 404)


@pytest.mark.parametrize(
    "path", ["/", "/webhooks", "/webhooks/seam/", "/webhooks/seam/x", "/docs", "/%ff", "/..%2f"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_is_found_anywhere_else(method: str, path: str, receiver: Receiver) -> None:
    assert_problem(receiver.client.request(method, path), 404)


def test_it_says_that_it_is_alive(receiver: Receiver) -> None:
    response = receiver.client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "live"})


def test_it_says_that_it_is_ready(receiver: Receiver) -> None:
    response = receiver.client.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})


# Redis away


@pytest.fixture
def read_only(redis: Redis) -> Iterator[Redis]:
    """A Redis that takes no writes."""
    redis.config_set("min-replicas-to-write", 1)
    yield redis
    redis.config_set("min-replicas-to-write", 0)


def test_what_redis_does_not_take_is_not_accepted(receiver: Receiver, read_only: Redis) -> None:
    response = receiver.post(Delivery())
    assert_problem(response, 503)
    assert int(response.headers["retry-after"]) > 0
    assert read_only.dbsize() == 0


def test_it_is_not_ready_while_redis_takes_no_writes(receiver: Receiver, read_only: Redis) -> None:
    response = receiver.client.get("/health/ready")
    assert_problem(response, 503)
    assert int(response.headers["retry-after"]) > 0
    assert receiver.client.get("/health/live").status_code == 200


def test_a_damaged_ledger_is_no_reason_to_accept_or_to_fail(
    receiver: Receiver, redis: Redis
) -> None:
    redis.set(keys.READY, "not a list")
    with capture_logs() as lines:
        assert_problem(receiver.post(Delivery()), 503)
    (line,) = lines
    assert line["event"] == "cannot accept events"
    assert "WRONGTYPE" in str(line["exc_info"])


def test_an_outage_is_one_line_in_the_log_and_its_end_another(
    redis_url: str, read_only: Redis
) -> None:
    receiver = Receiver(redis_url)  # one that has not told of an outage a moment ago
    read_only.config_set("min-replicas-to-write", 0)
    assert receiver.post(Delivery()).status_code == 202
    eventually(lambda: queued_shifts(read_only))
    with capture_logs() as lines:
        for replicas in (1, 0):
            read_only.config_set("min-replicas-to-write", replicas)
            for _ in range(3):
                receiver.post(Delivery())
    receiver.stop()
    assert [
        (line["log_level"], line["event"]) for line in lines if line["log_level"] != "debug"
    ] == [
        ("error", "Redis cannot take events; answering 503"),
        ("warning", "Redis is back"),
    ]


def test_redis_may_go_and_come_back(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / ".bellhop")
    server.start()
    receiver = Receiver(server.url)
    try:
        before, meanwhile, after = Delivery(), Delivery(), Delivery()
        assert receiver.post(before).status_code == 202

        server.stop()
        response = receiver.post(meanwhile)
        assert_problem(response, 503)
        assert response.headers["retry-after"] == "5"
        assert_problem(receiver.client.get("/health/ready"), 503)
        assert receiver.client.get("/health/live").status_code == 200

        server.start()
        assert receiver.client.get("/health/ready").status_code == 200
        assert receiver.post(after).status_code == 202
        assert receiver.post(meanwhile).status_code == 202
        assert receiver.post(before).status_code == 200
        with connect(server.url) as redis:
            ledger = Ledger(redis, timedelta(days=14))
            assert all(ledger.event(one.event_id) for one in (before, meanwhile, after))
    finally:
        receiver.stop()
        server.stop()


def test_redis_restarted_between_two_deliveries_is_not_noticed(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / ".bellhop")
    server.start()
    receiver = Receiver(server.url)
    try:
        assert receiver.post(Delivery()).status_code == 202
        server.stop()
        server.start()
        assert receiver.post(Delivery()).status_code == 202
    finally:
        receiver.stop()
        server.stop()
