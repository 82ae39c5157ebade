"""As many handlers as `BENCH_HANDLERS` says, of which one matches the events of the bench."""

import os
from typing import Any

from bellhop import on
from bench.tally import from_environment

counts, _ = from_environment()


@on("lock.*")
def count(_event: Any) -> None:
    """Count."""
    counts.add()


def _add(number: int) -> None:
    def other(_event: Any) -> None:
        """Handle what never comes."""

    other.__name__ = other.__qualname__ = f"other_{number}"
    on("thermostat.*" if number % 2 else "access_code.failed_*")(other)


for _number in range(1, int(os.environ["BENCH_HANDLERS"])):
    _add(_number)
