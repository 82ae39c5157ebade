"""What peers' handlers do, as Bellhop's do it in `bench.handlers`."""

import asyncio
import os
import time
from typing import Any

from bench.tally import from_environment, number_of

REDIS_URL = os.environ["BENCH_REDIS_URL"]
STAMPS = os.environ.get("BENCH_JOB") == "stamp"
COMPUTES = os.environ.get("BENCH_JOB") == "compute"
WAITS = os.environ.get("BENCH_JOB") == "wait"
CONCURRENCY = int(os.environ.get("BENCH_CONCURRENCY", "50"))

counts, stamps = from_environment()


def handle(event: dict[str, Any]) -> None:
    """Handle an event."""
    if STAMPS:
        stamps.put(number_of(event["event_id"]))
    if COMPUTES:
        ends = time.thread_time() + 0.001
        while time.thread_time() < ends:
            pass
    counts.add()


async def handle_async(event: dict[str, Any]) -> None:
    """Handle an event on an event loop."""
    if WAITS:
        await asyncio.sleep(0.3)
    handle(event)
