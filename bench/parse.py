"""What it costs to import Bellhop, and to read an event.

Every known type is read in turn, as `bellhop send` makes it, by one process on one core. Figures
are processor time, so that other programs on the machine disturb them little: the median of rounds,
and the fastest and the slowest round. What a bare interpreter takes to start is taken off the
import. Events that differ from Seam's schema have no limit: they are rare, and each is worth it.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from math import inf
from statistics import median

from rich.table import Table

from bellhop.cli.listing import new_table, print_table
from bellhop.events import TYPES, parse
from bellhop.events.catalogue import build_validators
from bellhop.samples import sample

ROUNDS = 15
PASSES = 10
"""How often each round reads all of its bodies."""

MOST_MICROSECONDS = 60
MOST_MILLISECONDS = 400


def main() -> int:
    """Print the table. Return 1 if a limit is broken."""
    bodies = _bodies()
    build_validators()
    of_each = list(bodies.values())
    largest = max(bodies, key=lambda name: len(bodies[name]))
    strange = [_with_drift(body) for body in of_each]
    table = new_table("what", "bytes>", "median>", "spread>", "limit>")
    fine = [
        _add_parsing(table, f"parse, {len(of_each)} types in turn", of_each),
        _add_parsing(table, f"parse, {largest}", [bodies[largest]] * len(of_each)),
        _add_parsing(table, "parse, 2 differences in each", strange, limit=inf),
        _add_import(table, "import bellhop, a new process"),
    ]
    print_table(table)
    return 0 if all(fine) else 1


def _add_parsing(
    table: Table, what: str, bodies: Sequence[bytes], limit: float = MOST_MICROSECONDS
) -> bool:
    def read() -> None:
        for _ in range(PASSES):
            for body in bodies:
                parse(body)

    read()
    each = [seconds * 1e6 / len(bodies) / PASSES for seconds in _rounds(read)]
    size = sum(map(len, bodies)) / len(bodies)
    return _add(table, what, f"{size:,.0f}", each, limit, "µs")


def _add_import(table: Table, what: str) -> bool:
    def start(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    bare = median(_rounds(start("")))
    each = [(seconds - bare) * 1e3 for seconds in _rounds(start("import bellhop"))]
    return _add(table, what, "", each, MOST_MILLISECONDS, "ms")


def _add(table: Table, what: str, size: str, each: Sequence[float], most: float, unit: str) -> bool:
    figure = median(each)
    spread = f"{min(each):.0f} to {max(each):.0f}"
    table.add_row(
        what, size, f"{figure:.1f} {unit}", spread, f"{most} {unit}" if most < inf else ""
    )
    return figure < most


def _rounds(run: Callable[[], object]) -> list[float]:
    seconds = []
    for _ in range(ROUNDS):
        began = _processor_time()
        run()
        seconds.append(_processor_time() - began)
    return seconds


def _processor_time() -> float:
    """Return the seconds that this process and those it waited for have kept a core busy."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def _bodies() -> dict[str, bytes]:
    now = datetime.now(UTC)
    return {
        name: json.dumps(sample(name, now=now, new_id=lambda: "event")).encode() for name in TYPES
    }


def _with_drift(body: bytes) -> bytes:
    event = json.loads(body)
    del event["created_at"]
    return json.dumps({**event, "new_field": "new"}).encode()


if __name__ == "__main__":
    sys.exit(main())
