"""End to end: from the POST of an event to the start of its handler, at a steady rate."""

import secrets
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from bench.figures import percentile
from bench.generator import Load, Order
from bench.load import SECRET, send
from bench.peers.peer import Peer
from bench.scale import Scale
from bench.stage import Stage
from bench.tables import Column, Table
from bench.waiting import receiving, working

_SLOW = 0.05
"""Share below which a peer is too slow to be measured quickly."""

_LAST = 2.0
"""Seconds after the last POST for handlers to begin."""


def measure(stage: Stage, scale: Scale, peers: Sequence[type[Peer]]) -> list[Table]:
    """Run each, receiver and worker, and post to it at each rate."""
    values: dict[tuple[str, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    table = _new_table()
    if not scale.thorough:
        peers = [peer for peer in peers if peer.share >= _SLOW]
    for _ in range(scale.few_rounds):
        for kind in peers:
            peer = kind(stage)
            with (
                table.trying(peer.name),
                receiving(peer) as (port, _),
                working(peer, "stamp", 1),
            ):
                for rate in scale.rates:
                    waits = pace(peer, port, rate, scale.paced_seconds)
                    row = values[peer.name, rate]
                    row["p50 ms"].append(percentile(waits.seconds, 50) * 1e3)
                    row["p99 ms"].append(percentile(waits.seconds, 99) * 1e3)
                    row["begun"].append(waits.begun * 100)
            peer.clear()
    for (name, rate), rounds in values.items():
        table.add(name, str(rate), rounds)
    table.compare("p50 ms", "p50: Bellhop is", "Bellhop", low_is_good=True)
    table.compare("p99 ms", "p99: Bellhop is", "Bellhop", low_is_good=True)
    table.notes.extend([f"{peer.name}: {peer.settings}" for peer in peers])
    return [table]


class Waits(NamedTuple):
    """Seconds from each POST to the start of its handler, in order, and what part began at all.

    One that did not begin in time counts as if it had begun then.
    """

    seconds: list[float]
    begun: float
    load: Load


def pace(
    peer: Peer,
    port: int,
    rate: float,
    seconds: float,
    *,
    devices: int = 500,
    busy_percent: int = 0,
) -> Waits:
    """Post events at a rate, and return how long each waited for its handler."""
    stage = peer.stage
    stage.stamps.clear()
    count = round(rate * seconds)
    load = send(
        Order(
            port=port,
            path=peer.path,
            secret=SECRET,
            run=secrets.token_hex(4),
            connections=32,
            seconds=seconds,
            ready=count,
            rate=rate,
            devices=devices,
            busy_percent=busy_percent,
        )
    )
    ends = time.monotonic() + _LAST
    while not all(stage.stamps.first(len(load.sent))) and time.monotonic() < ends:
        time.sleep(0.02)
    now = time.monotonic_ns()
    began = stage.stamps.first(len(load.sent))
    waits = [((at or now) - sent) / 1e9 for at, sent in zip(began, load.sent, strict=True)]
    return Waits(waits, sum(map(bool, began)) / len(began), load)


def _new_table() -> Table:
    return Table(
        "End to end",
        "From the POST to the start of the handler, in an open loop at a steady rate; one receiver "
        f"process, one worker process. What did not begin within {_LAST:g} s of the last POST "
        "counts as if it had begun then.",
        "events/s",
        (
            Column("p50 ms", 1, spread=True),
            Column("p99 ms", 1, spread=True),
            Column("begun", 0, suffix=" %"),
            Column("p50: Bellhop is", 2, suffix="×"),
            Column("p99: Bellhop is", 2, suffix="×"),
        ),
    )
