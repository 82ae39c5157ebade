"""A handler that needs a millisecond of the processor."""

import time

from bellhop import SeamEvent, on
from bench.tally import from_environment

counts, _ = from_environment()


@on("*")
def compute(_event: SeamEvent) -> None:
    """Keep the processor busy, and count."""
    ends = time.thread_time() + 0.001
    while time.thread_time() < ends:
        pass
    counts.add()
