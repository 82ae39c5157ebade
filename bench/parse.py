"""What it costs to import Bellhop, and to read an event.

Every known type is read in turn, as `bellhop send` makes it, by one process on one core. Figures
are processor time, so that other programs on the machine disturb them little. What a bare
interpreter takes to start is taken off the import. Events that differ from Seam's schema have no
limit: they are rare, and each is worth it.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import median

from bellhop.events import TYPES, parse
from bellhop.events.catalogue import build_validators
from bellhop.samples import sample
from bench.peers.peer import Peer
from bench.scale import Scale
from bench.stage import Stage
from bench.tables import Column, Table

PASSES = 10
"""How often each round reads all of its bodies."""

MOST_MICROSECONDS = 60
MOST_MILLISECONDS = 400


def measure(_stage: Stage, scale: Scale, peers: Sequence[type[Peer]]) -> list[Table]:
    """Read events, and import Bellhop."""
    if not peers:
        return []
    bodies = _bodies()
    build_validators()
    of_each = list(bodies.values())
    largest = max(bodies, key=lambda name: len(bodies[name]))
    strange = [_with_drift(body) for body in of_each]
    table = Table(
        "Reading events, and importing",
        "Processor time of one process.",
        "",
        (
            Column("bytes"),
            Column("µs", 1, spread=True),
            Column("ms", spread=True),
            Column("limit"),
        ),
    )
    for what, read, limit in (
        (f"parse, {len(of_each)} types in turn", of_each, MOST_MICROSECONDS),
        (f"parse, {largest}", [bodies[largest]] * len(of_each), MOST_MICROSECONDS),
        ("parse, 2 differences in each", strange, None),
    ):
        size = sum(map(len, read)) / len(read)
        _add(table, what, {"bytes": [size], "µs": _parsing(read, scale.parse_rounds)}, limit)
    importing = {"ms": _importing(scale.parse_rounds)}
    _add(table, "import what a handler needs, a new process", importing, MOST_MILLISECONDS)
    return [table]


def _add(table: Table, what: str, rounds: dict[str, list[float]], limit: float | None) -> None:
    table.add(what, "", {**rounds, "limit": [limit] if limit else []})
    figure = median(rounds.get("µs") or rounds["ms"])
    if limit and figure > limit:
        table.missed.append(f"{what}: {figure:.0f} is over the limit of {limit:.0f}")


def _parsing(bodies: Sequence[bytes], rounds: int) -> list[float]:
    def read() -> None:
        for _ in range(PASSES):
            for body in bodies:
                parse(body)

    read()
    return [seconds * 1e6 / len(bodies) / PASSES for seconds in _rounds(read, rounds)]


def _importing(rounds: int) -> list[float]:
    def start(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    bare = median(_rounds(start(""), rounds))
    return [
        (seconds - bare) * 1e3
        for seconds in _rounds(start("from bellhop import LockEvent, on"), rounds)
    ]


def _rounds(run: Callable[[], object], rounds: int) -> list[float]:
    seconds = []
    for _ in range(rounds):
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
