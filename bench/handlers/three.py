"""Three sync handlers of every event."""

from bellhop import SeamEvent, on
from bench.tally import from_environment

counts, _ = from_environment()


@on("*")
def first(_event: SeamEvent) -> None:
    """Count."""
    counts.add()


@on("*")
def second(_event: SeamEvent) -> None:
    """Count."""
    counts.add()


@on("*")
def third(_event: SeamEvent) -> None:
    """Count."""
    counts.add()
