"""I/O handlers: how fast events are handled by async handlers that wait 300 ms for an API."""

from collections import defaultdict
from collections.abc import Sequence

from bench.peers.peer import Peer
from bench.scale import Scale
from bench.stage import Stage
from bench.tables import Column, Table
from bench.waiting import working
from bench.work import drain

PROCESSES = 2
CONCURRENCY = 100
WAIT = 0.3


def measure(stage: Stage, scale: Scale, peers: Sequence[type[Peer]]) -> list[Table]:
    """Let each empty a heap of its own, in turns."""
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    table = _new_table(scale)
    for _ in range(scale.few_rounds):
        for kind in peers:
            peer = kind(stage)
            with table.trying(peer.name):
                with working(peer, "wait", PROCESSES, CONCURRENCY) as process:
                    drained = drain(peer, process, scale.io_events, scale.devices)
                values[peer.name]["events/s"].append(drained.rate)
                values[peer.name]["CPU all"].append(drained.cpu_all)
            peer.clear()
    for name, rounds in values.items():
        table.add(name, "", rounds)
    table.compare("events/s", "Bellhop is", "Bellhop")
    return [table]


def _new_table(scale: Scale) -> Table:
    at_best = PROCESSES * CONCURRENCY / WAIT
    return Table(
        "I/O handlers",
        f"{scale.io_events:,} events of {scale.devices:,} devices wait, for async handlers that "
        f"sleep {WAIT * 1e3:.0f} ms; {PROCESSES} worker processes, each with {CONCURRENCY} at a "
        f"time: no more than {at_best:,.0f} a second are possible.",
        "",
        (
            Column("events/s", spread=True),
            Column("CPU all", 0),
            Column("Bellhop is", 2, suffix="×"),
        ),
    )
