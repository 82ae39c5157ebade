"""Webhooks at a path that is nearly right: taken, or told to whoever can correct it."""

from collections.abc import Callable, Iterator

import pytest
from redis import Redis
from structlog.testing import capture_logs

from bellhop.ledger import Ledger
from tests.receiver.conftest import Delivery, Receiver, let_shifts_be_enqueued, read_answer
from tests.receiver.problems import assert_problem

OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@pytest.fixture
def quiet(redis_url: str, redis: Redis) -> Iterator[Receiver]:
    """A receiver that has not logged any refusal yet."""
    receiver = Receiver(redis_url)
    yield receiver
    receiver.stop()


def post(receiver: Receiver, path: str, delivery: Delivery) -> int:
    """Post to exactly this path, and return the status; a client may tidy it up."""
    head = delivery.head(content_length=str(len(delivery.body)))
    with receiver.connect() as connection:
        line = f"POST {path} HTTP/1.1".encode()
        connection.sendall(line + head[head.index(b"\r\n") :] + delivery.body)
        return read_answer(connection)[0].status


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/seam/",
        "//webhooks/seam",
        "/webhooks//seam",
        "//webhooks///seam//",
        "/webhooks/seam/?from=svix",
        "/webhooks/%73eam",
        "http://example.com/webhooks/seam/",
    ],
)
def test_slashes_for_nothing_do_no_harm(path: str, receiver: Receiver, ledger: Ledger) -> None:
    delivery = Delivery()
    assert post(receiver, path, delivery) == 202
    assert ledger.event(delivery.event_id)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/webhook/seam",
        "/webhooks",
        "/webhooks/seam/x",
        "/webhooks/seam%20",
        "/Webhooks/Seam",
        "/hotel/webhooks/seam",
        "/health/live",
        "/health/ready",
        "/events/list",
        "/openapi.json",
    ],
)
def test_a_signed_webhook_elsewhere_is_refused_and_told_with_the_right_path(
    path: str, quiet: Receiver, redis: Redis
) -> None:
    with capture_logs() as lines:
        assert post(quiet, path, Delivery()) == 404
    assert [line["event"] for line in lines] == ["refused a webhook"]
    shown = path.replace("%20", " ")
    assert f"came to {shown!r}, and webhooks go to /webhooks/seam: correct" in lines[0]["reason"]
    assert redis.dbsize() == 0


def test_signed_webhooks_elsewhere_are_counted(redis_url: str) -> None:
    receiver = Receiver(redis_url)
    with capture_logs() as lines:
        for _ in range(3):
            assert post(receiver, "/hotel/webhooks/seam", Delivery()) == 404
        receiver.stop()
    assert [line.get("refused") for line in lines] == [None, 2]


def test_a_strangers_request_elsewhere_is_not_worth_a_line(quiet: Receiver) -> None:
    unsigned, old = Delivery(), Delivery()
    unsigned.headers = {}
    old.headers["svix-timestamp"] = "1700000000"
    with capture_logs() as lines:
        assert post(quiet, "/.env", unsigned) == 404
        assert post(quiet, "/.env", old) == 404
        assert post(quiet, "/.env", Delivery(secret=OTHER)) == 404
    assert lines == []


@pytest.mark.parametrize("path", ["/", "/health/live", "/health/ready"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_what_is_posted_to_a_probe_is_not_said_to_be_taken(
    method: str, path: str, receiver: Receiver
) -> None:
    response = receiver.client.request(method, path)
    assert_problem(response, 405)
    assert response.headers["allow"] == "GET, HEAD"


# Another path


@pytest.fixture
def hotel(receivers: Callable[..., Receiver], redis: Redis) -> Iterator[Receiver]:
    yield receivers(webhook_path="/hotel/hooks")
    let_shifts_be_enqueued(redis)


@pytest.mark.parametrize("path", ["/hotel/hooks", "/hotel//hooks/"])
def test_webhooks_are_taken_where_the_setting_says(
    path: str, hotel: Receiver, ledger: Ledger
) -> None:
    delivery = Delivery()
    assert post(hotel, path, delivery) == 202
    assert ledger.event(delivery.event_id)


def test_the_usual_path_is_then_a_wrong_one_and_the_right_one_is_named(hotel: Receiver) -> None:
    response = hotel.post(Delivery())
    assert_problem(response, 404)
    assert response.json()["detail"] == "Nothing is here. Webhooks go to /hotel/hooks."
