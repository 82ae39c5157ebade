"""A handler that keeps its worker for 5 ms, and notes when it began."""

import time

from bellhop import SeamEvent, on
from bench.tally import from_environment, number_of

counts, stamps = from_environment()


@on("*")
def be_slow(event: SeamEvent) -> None:
    """Note the time, wait, and count."""
    stamps.put(number_of(event.event_id))
    time.sleep(0.005)
    counts.add()
