"""What is accepted, once, and where: the one path that takes webhooks, and the two of health."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from bellhop.ledger import About, Ledger, keys
from bellhop.settings import WEBHOOK_PATH
from tests.one_worker import queued_shifts
from tests.receiver.conftest import Delivery, Receiver, eventually
from tests.receiver.problems import assert_problem

# Accepted


def test_an_event_is_accepted_and_kept(receiver: Receiver, ledger: Ledger) -> None:
    delivery = Delivery()
    response = receiver.post(delivery)
    assert (response.status_code, response.json()) == (202, {"outcome": "accepted"})
    assert response.headers["content-type"] == "application/json"
    record = ledger.event(delivery.event_id)
    assert record["body"] == delivery.body
    about = About.read(record["about"])
    assert about.event_type == "lock.unlocked"
    assert about.mailbox == "device:front-door"
    assert about.delivery_id == delivery.delivery_id
    assert "state" not in record, "nobody has begun with it"


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
    record = ledger.event(delivery.event_id)
    assert About.read(record["about"]).event_type == "lock.melted"


@pytest.mark.usefixtures("worker")
def test_the_same_delivery_again_is_a_duplicate(receiver: Receiver, redis: Redis) -> None:
    delivery = Delivery()
    receiver.post(delivery)
    response = receiver.post(delivery)
    assert (response.status_code, response.json()) == (200, {"outcome": "duplicate"})
    assert redis.llen(keys.mail("bell", "device:front-door")) == 1


@pytest.mark.usefixtures("worker")
def test_the_same_event_under_another_svix_id_is_a_duplicate(
    receiver: Receiver, redis: Redis
) -> None:
    first = Delivery()
    receiver.post(first)
    response = receiver.post(Delivery(event_id=first.event_id))
    assert (response.status_code, response.json()) == (200, {"outcome": "duplicate"})
    assert redis.llen(keys.mail("bell", "device:front-door")) == 1


@pytest.mark.usefixtures("worker")
def test_a_delivery_that_comes_many_times_at_once_is_accepted_once(
    receiver: Receiver, redis: Redis
) -> None:
    delivery = Delivery()
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: receiver.post(delivery), range(24)))
    statuses = sorted(response.status_code for response in responses)
    assert statuses == [200] * 23 + [202]
    assert redis.llen(keys.mail("bell", "device:front-door")) == 1


@pytest.mark.usefixtures("worker")
def test_a_burst_enqueues_one_shift(receivers: Callable[..., Receiver], redis: Redis) -> None:
    receiver = receivers()
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(receiver.post, [Delivery(device_id=f"d{n}") for n in range(40)]))
    assert {response.status_code for response in responses} == {202}
    eventually(lambda: queued_shifts(redis))
    assert queued_shifts(redis) == 1


@pytest.mark.usefixtures("worker")
def test_a_duplicate_enqueues_no_shift(receiver: Receiver, redis: Redis) -> None:
    delivery = Delivery()
    receiver.post(delivery)
    eventually(lambda: queued_shifts(redis))
    receiver.post(delivery)
    receiver.post(Delivery())  # a later answer: a shift for the duplicate would have come by now
    assert queued_shifts(redis) == 1


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
    "path", ["/webhooks", "/webhooks/seam/x", "/docs", "/%ff", "/..%2f", "//health/live"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_is_found_anywhere_else(method: str, path: str, receiver: Receiver) -> None:
    assert_problem(receiver.client.request(method, path), 404)


@pytest.mark.parametrize("path", ["/health/live", "/"])
def test_it_says_that_it_is_alive(path: str, receiver: Receiver) -> None:
    response = receiver.client.get(path)
    assert (response.status_code, response.json()) == (200, {"status": "live"})


@pytest.mark.parametrize("path", ["/", "/health/live", "/health/ready"])
def test_a_probe_may_ask_for_the_head_alone(path: str, receiver: Receiver) -> None:
    response = receiver.client.head(path)
    assert (response.status_code, response.text) == (200, "")


def test_it_says_that_it_is_ready(receiver: Receiver) -> None:
    response = receiver.client.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})
