"""A receiver whose API is on, and callers of it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from redis import Redis

from tests.receiver.conftest import Delivery, Receiver, let_shifts_be_enqueued

KEY = "seam_bellhop_a-key-for-the-tests"


def ago(**past: float) -> str:
    """Return a time as Seam writes it."""
    return (datetime.now(UTC) - timedelta(**past)).isoformat(timespec="milliseconds")[:23] + "Z"


class Api:
    """A receiver, and a client of its API that has the key."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.url = receiver.url

    def get(self, path: str, query: Any = None, **headers: str) -> httpx.Response:
        """Call with GET."""
        headers = {"authorization": f"Bearer {KEY}", **headers}
        return self.receiver.client.get(path, params=query, headers=headers)

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Call with POST."""
        headers = {"authorization": f"Bearer {KEY}", **headers}
        return self.receiver.client.post(path, json=body, headers=headers)

    def deliver(self, *, created: str | None = None, **fields: Any) -> Delivery:
        """Deliver an event."""
        when = created or ago()
        delivery = Delivery(**{"created_at": when, "occurred_at": when, **fields})
        assert self.receiver.post(delivery).status_code == 202
        return delivery

    def deliver_some(self, count: int, **fields: Any) -> list[str]:
        """Deliver events that were created one after the other; return their ids, newest first."""
        return [
            self.deliver(created=ago(seconds=60 + count - number), **fields).event_id
            for number in range(count)
        ][::-1]


@pytest.fixture
def api(receivers: Callable[..., Receiver], redis: Redis) -> Iterator[Api]:
    """The API over an empty Redis."""
    yield Api(receivers(api_key=KEY))
    let_shifts_be_enqueued(redis)
