"""Sharing: what more workers bring, and what one busy device takes from the others."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from bench.end_to_end import pace
from bench.events import Maker
from bench.figures import percentile
from bench.peers.bellhop import Bellhop
from bench.peers.peer import Peer
from bench.scale import Scale
from bench.stage import Stage
from bench.tables import Column, Table
from bench.waiting import receiving, working
from bench.work import drain

HANDLER = 0.005
"""Seconds that a handler keeps its worker (see `bench.handlers.slow`)."""

_OTHERS = 20
"""Events a second of all devices but the busy one."""

_BUSY_PERCENT = 90
_RATE = _OTHERS * 100 // (100 - _BUSY_PERCENT)
_WORKERS = 2


def measure(stage: Stage, scale: Scale, peers: Sequence[type[Peer]]) -> list[Table]:
    """Measure both."""
    return [_scaling(stage, scale), _busy(stage, scale)] if peers else []


def _scaling(stage: Stage, scale: Scale) -> Table:
    values: dict[int, list[float]] = defaultdict(list)
    for _ in range(scale.few_rounds):
        for workers in scale.sharing_workers:
            peer = Bellhop(stage)
            heap = round(workers * scale.sharing_seconds / HANDLER)
            with working(peer, "slow", workers) as process:
                values[workers].append(drain(peer, process, heap, scale.devices).rate)
            peer.clear()
    table = Table(
        "Sharing: more workers",
        f"Bellhop alone; handlers that sleep {HANDLER * 1e3:.0f} ms, {scale.devices:,} devices; "
        f"for each worker a heap of {scale.sharing_seconds:g} s of work. Scaling is against one "
        "worker.",
        "workers",
        (Column("events/s", spread=True), Column("of linear", suffix=" %")),
    )
    one = median(values[min(values)]) / min(values)
    for workers, rates in values.items():
        of_linear = [100 * rate / workers / one for rate in rates]
        table.add("Bellhop", str(workers), {"events/s": rates, "of linear": of_linear})
    return table


def _busy(stage: Stage, scale: Scale) -> Table:
    table = Table(
        "Sharing: one busy device",
        f"Bellhop alone, {_WORKERS} workers; handlers that sleep {HANDLER * 1e3:.0f} ms. From the "
        f"POST to the start of the handler, of the events of 100 devices that send {_OTHERS} a "
        f"second between them: alone, and while one device sends {_RATE - _OTHERS} a second, "
        f"{_BUSY_PERCENT} % of all.",
        "",
        (
            Column("p50 ms", 1, spread=True),
            Column("p99 ms", 1, spread=True),
            Column("p99, of alone", 2, suffix="×"),
        ),
    )
    values: dict[bool, dict[str, list[float]]] = {busy: defaultdict(list) for busy in (False, True)}
    for _ in range(scale.few_rounds):
        peer = Bellhop(stage)
        with receiving(peer) as (port, _), working(peer, "slow", _WORKERS):
            for busy, row in values.items():
                waits = _waits_of_others(peer, port, busy=busy, seconds=scale.sharing_paced)
                row["p50 ms"].append(percentile(waits, 50) * 1e3)
                row["p99 ms"].append(percentile(waits, 99) * 1e3)
        peer.clear()
    table.add("the others alone", "", values[False])
    table.add("beside the busy one", "", values[True])
    table.compare("p99 ms", "p99, of alone", "the others alone", low_is_good=True)
    return table


def _waits_of_others(peer: Bellhop, port: int, *, busy: bool, seconds: float) -> list[float]:
    percent, rate = (_BUSY_PERCENT, _RATE) if busy else (0, _OTHERS)
    waits = pace(peer, port, rate, seconds, devices=100, busy_percent=percent)
    maker = Maker("", 100, percent)
    return [wait for number, wait in enumerate(waits.seconds) if not maker.is_busy(number)]
