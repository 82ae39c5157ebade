"""A handler that notes when it began."""

from bellhop import SeamEvent, on
from bench.tally import from_environment, number_of

counts, stamps = from_environment()


@on("*")
def stamp(event: SeamEvent) -> None:
    """Note the time, and count."""
    stamps.put(number_of(event.event_id))
    counts.add()
