"""A handler that waits for an API, without keeping a thread."""

import asyncio

from bellhop import SeamEvent, on
from bench.tally import from_environment

counts, _ = from_environment()


@on("*")
async def wait(_event: SeamEvent) -> None:
    """Wait, and count."""
    await asyncio.sleep(0.3)
    counts.add()
