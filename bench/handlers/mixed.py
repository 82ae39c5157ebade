"""A sync handler for the events that come, and an async one for others, as in the first example."""

from bellhop import AccessCodeEvent, LockEvent, on
from bench.tally import from_environment

counts, _ = from_environment()


@on("lock.*")
def count(_event: LockEvent) -> None:
    """Count."""
    counts.add()


@on("access_code.*")
async def other(_event: AccessCodeEvent) -> None:
    """Handle what never comes."""
