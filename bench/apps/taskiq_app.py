"""taskiq, with the broker that acknowledges."""

import asyncio
from typing import Any

from taskiq_redis import RedisStreamBroker

from bench.apps.jobs import REDIS_URL, handle_async

_BATCH = 100
broker = RedisStreamBroker(REDIS_URL)
task = broker.task(task_name="handle")(handle_async)


def fill(events: list[dict[str, Any]]) -> None:
    """Enqueue events."""
    asyncio.run(_fill(events))


async def _fill(events: list[dict[str, Any]]) -> None:
    await broker.startup()
    for first in range(0, len(events), _BATCH):
        batch = events[first : first + _BATCH]
        await asyncio.gather(*(task.kiq(event) for event in batch))
    await broker.shutdown()
