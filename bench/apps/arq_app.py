"""arq, on uvloop, which keeps no results."""

import asyncio
from typing import Any

import uvloop
from arq import create_pool, run_worker
from arq.connections import RedisSettings

from bench.apps.jobs import CONCURRENCY, REDIS_URL, handle_async

SETTINGS = RedisSettings.from_dsn(REDIS_URL)
_BATCH = 100


async def handle(_context: dict[str, Any], event: dict[str, Any]) -> None:
    """Handle an event."""
    await handle_async(event)


class Worker:
    """As arq's command reads it. With its defaults, how often it polls would limit the rate."""

    functions = (handle,)
    redis_settings = SETTINGS
    max_jobs = CONCURRENCY
    keep_result = 0
    poll_delay = 0.1
    queue_read_limit = 1000


def fill(events: list[dict[str, Any]]) -> None:
    """Enqueue events."""
    asyncio.run(_fill(events))


async def _fill(events: list[dict[str, Any]]) -> None:
    pool = await create_pool(SETTINGS)
    for first in range(0, len(events), _BATCH):
        batch = events[first : first + _BATCH]
        await asyncio.gather(*(pool.enqueue_job("handle", event) for event in batch))
    await pool.aclose()


if __name__ == "__main__":
    uvloop.install()
    asyncio.set_event_loop(asyncio.new_event_loop())
    run_worker(Worker)
