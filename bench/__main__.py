"""`make bench`: measures Bellhop beside its peers.

QUICK=1: fewer rounds and sizes, two minutes at most. ONLY=intake,work: these measurements alone.
PEERS=bellhop,rq: these contenders alone. A run in full writes bench/RESULTS.md.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console

from bench import end_to_end, growth, intake, io, sharing, work
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
from bench.report import print_table
from bench.scale import FULL, QUICK, Scale
from bench.stage import Stage
from bench.tables import Table

_WIDTH = 118
"""Columns of a table, at least: a wide terminal is better than a folded table."""

Measure = Callable[[Stage, Scale, Sequence[type[Peer]]], list[Table]]

MEASUREMENTS: Mapping[str, tuple[Measure, Sequence[type[Peer]]]] = {
    "intake": (intake.measure, (Bellhop, RqWorker, Celery, BullMq, Floor)),
    "work": (
        work.measure,
        (Bellhop, RqWorker, RqSimple, Celery, Dramatiq, Huey, Arq, Taskiq, BullMq),
    ),
    "end_to_end": (end_to_end.measure, (Bellhop, RqWorker, RqSimple, Celery, BullMq)),
    "io": (io.measure, (Bellhop, Arq, Taskiq, BullMq)),
    "growth": (growth.measure, (Bellhop,)),
    "sharing": (sharing.measure, (Bellhop,)),
}


def main() -> int:
    """Run what is asked for; return the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left running
    console = Console(highlight=False)
    console.width = max(console.width, _WIDTH)
    scale = QUICK if os.environ.get("QUICK", "0") not in ("", "0") else FULL
    only = _words("ONLY") or list(MEASUREMENTS)
    wanted = _words("PEERS")
    with Stage() as stage:
        for name in only:
            measure, contenders = MEASUREMENTS[name]
            peers = [peer for peer in contenders if not wanted or peer.key in wanted]
            began = time.monotonic()
            for table in measure(stage, scale, peers):
                print_table(table, console)
            console.print(f"{name} took {time.monotonic() - began:.0f} s", style="dim")
    return 0


def _words(variable: str) -> list[str]:
    return [word for word in os.environ.get(variable, "").replace(",", " ").split() if word]


if __name__ == "__main__":
    sys.exit(main())
