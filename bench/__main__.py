"""`make bench`: measures Bellhop beside its peers.

QUICK=1: fewer rounds and sizes, three minutes. ONLY=intake,work: these measurements alone.
PEERS=bellhop,rq: these contenders alone. A run in full writes `bench/RESULTS.md`, any other
`bench/RESULTS-partial.md`.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench import (
    end_to_end,
    environments,
    growth,
    intake,
    io,
    isolation,
    parse,
    registries,
    sharing,
    work,
)
from bench.machine import load_average, machine, versions
from bench.peers.arq import Arq
from bench.peers.bellhop import Bellhop
from bench.peers.bullmq import BullMq
from bench.peers.celery import Celery
from bench.peers.dramatiq import Dramatiq
from bench.peers.floor import Floor
from bench.peers.huey import Huey
from bench.peers.peer import Peer
from bench.peers.rq import RqSimple, RqWorker
from bench.peers.taskiq import Taskiq
from bench.processes import NotMeasured
from bench.report import markdown, print_table
from bench.scale import FULL, QUICK, Scale
from bench.stage import Stage
from bench.tables import Table

_HERE = Path(__file__).parent
_WIDTH = 118
"""Columns of a table, at least: a wide terminal is better than a folded table."""

_NO_NODE = "There is no Node with npm on this machine: BullMQ is left out."

Measure = Callable[[Stage, Scale, Sequence[type[Peer]]], list[Table]]

MEASUREMENTS: Mapping[str, tuple[Measure, Sequence[type[Peer]]]] = {
    "intake": (intake.measure, (Bellhop, RqWorker, Celery, BullMq, Floor)),
    "work": (
        work.measure,
        (Bellhop, RqWorker, RqSimple, Celery, Dramatiq, Huey, Arq, Taskiq, BullMq),
    ),
    "registries": (registries.measure, (Bellhop, BullMq)),
    "end_to_end": (end_to_end.measure, (Bellhop, RqWorker, RqSimple, Celery, BullMq)),
    "isolation": (isolation.measure, (Bellhop, BullMq)),
    "io": (io.measure, (Bellhop, Arq, Taskiq, BullMq)),
    "growth": (growth.measure, (Bellhop,)),
    "sharing": (sharing.measure, (Bellhop,)),
    "parse": (parse.measure, (Bellhop,)),
}


def main() -> int:
    """Run what is asked for; return the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left running
    console = Console(highlight=False)
    console.width = max(console.width, _WIDTH)
    scale = QUICK if os.environ.get("QUICK", "0") not in ("", "0") else FULL
    only = _words("ONLY", MEASUREMENTS)
    known = sorted({peer.key for _, peers in MEASUREMENTS.values() for peer in peers})
    wanted = _words("PEERS", known)
    if not environments.has_node() and BullMq.key in wanted:
        wanted = [key for key in wanted if key != BullMq.key]
        known.remove(BullMq.key)
        console.print(_NO_NODE)
    began, load = time.monotonic(), load_average()
    tables: list[Table] = []
    failed: list[str] = []
    with Stage() as stage:
        for name in only:
            measure, contenders = MEASUREMENTS[name]
            since = time.monotonic()
            try:
                measured = measure(stage, scale, [one for one in contenders if one.key in wanted])
            except NotMeasured as error:
                console.print(f"{name}: {error}", style="red", markup=False)
                failed.append(name)
                continue
            for table in measured:
                print_table(table, console)
            tables += measured
            console.print(f"{name} took {time.monotonic() - since:.0f} s", style="dim")
        server = stage.redis.version
    whole = scale is FULL and not failed and only == list(MEASUREMENTS) and wanted == known
    path = _HERE / ("RESULTS.md" if whole else "RESULTS-partial.md")
    header = [
        f"Measured on {datetime.now(UTC):%Y-%m-%d} in {time.monotonic() - began:.0f} s.",
        f"Command: `{_command()}`",
        f"Machine: {machine()}",
        f"Load average before and after: {load}, {load_average()}",
        *versions(server),
        *([] if environments.has_node() else [_NO_NODE]),
    ]
    path.write_text(_document(header, tables), encoding="utf-8")
    console.print(f"Written to {path.relative_to(_HERE.parent)}.")
    return 1 if failed or any(table.missed for table in tables) else 0


def _words(variable: str, known: Sequence[str] | Mapping[str, object]) -> list[str]:
    words = os.environ.get(variable, "").replace(",", " ").split()
    if unknown := [word for word in words if word not in known]:
        sys.exit(f"{variable} knows no {' and no '.join(unknown)}; it knows {', '.join(known)}")
    return words or list(known)


def _command() -> str:
    names = [name for name in ("QUICK", "ONLY", "PEERS") if os.environ.get(name)]
    return " ".join(["make bench", *(f"{name}={os.environ[name]}" for name in names)])


def _document(header: Sequence[str], tables: Sequence[Table]) -> str:
    lines = "\n".join(f"- {line}" for line in header)
    return (
        "# What Bellhop costs, beside its peers\n\n"
        "Written by the bench. A figure is the median of rounds (smallest–largest). All use one "
        "Redis server, fresh for this run, over TCP, each in a database of its own, in turns.\n\n"
        f"{lines}\n\n" + "\n".join(markdown(table) for table in tables)
    )


if __name__ == "__main__":
    sys.exit(main())
