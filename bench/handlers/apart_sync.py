"""Two sync handlers of every event: one sleeps for 5 s, the other notes when it began."""

import time

from bellhop import SeamEvent, on
from bench.tally import from_environment, number_of

counts, stamps = from_environment()


@on("*")
def sleep(_event: SeamEvent) -> None:
    """Sleep."""
    time.sleep(5)


@on("*")
def stamp(event: SeamEvent) -> None:
    """Note the time, and count."""
    stamps.put(number_of(event.event_id))
    counts.add()
