"""An async handler that does nothing but be counted."""

from bellhop import SeamEvent, on
from bench.tally import from_environment

counts, _ = from_environment()


@on("*")
async def count(_event: SeamEvent) -> None:
    """Count."""
    counts.add()
