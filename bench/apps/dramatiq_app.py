"""Dramatiq."""

from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.apps.jobs import REDIS_URL, handle

dramatiq.set_broker(RedisBroker(url=REDIS_URL))
actor = dramatiq.actor(handle)


def fill(events: list[dict[str, Any]]) -> None:
    """Enqueue events."""
    for event in events:
        actor.send(event)
