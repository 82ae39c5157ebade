"""Huey, which stores no results."""

from typing import Any

from huey import RedisHuey

from bench.apps.jobs import REDIS_URL, handle

huey = RedisHuey("bench", url=REDIS_URL, results=False)
task = huey.task()(handle)


def fill(events: list[dict[str, Any]]) -> None:
    """Enqueue events."""
    for event in events:
        task(event)
