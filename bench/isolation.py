"""Isolation: how long a quick handler waits while another one of the same events sleeps."""

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from bench.end_to_end import pace
from bench.figures import percentile
from bench.peers.bellhop import Bellhop
from bench.peers.bullmq import BullMq, BullMqOneQueue, BullMqQueueEach
from bench.peers.peer import Job, Peer
from bench.processes import wait_for
from bench.scale import Scale
from bench.stage import Stage
from bench.tables import Column, Table
from bench.waiting import CONCURRENCY, receiving

_RATE = 20
_DEVICES = 50
_SLEEP = 5.0
"""Seconds that the other handler sleeps (see `bench.handlers.apart_sync`)."""


class Team(NamedTuple):
    """Workers with both handlers."""

    peer: type[Peer]
    job: Job
    processes: int

    @property
    def name(self) -> str:
        """How the table calls them."""
        return f"{self.peer.name}, {self.job.removeprefix('apart_')}"


def measure(stage: Stage, scale: Scale, peers: Sequence[type[Peer]]) -> list[Table]:
    """Post events at a steady rate, and see when the quick handler begins."""
    teams = [team for peer in peers for team in _teams(peer, scale)]
    values: dict[Team, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    table = _new_table(scale)
    for _ in range(scale.few_rounds):
        for team in teams:
            peer = team.peer(stage)
            with (
                table.trying(team.name),
                receiving(peer) as (port, _),
                stage.run(f"{peer.key}-worker", peer.worker(team.job, team.processes, CONCURRENCY)),
            ):
                _begin(peer, port, team.processes)
                waits = pace(peer, port, _RATE, scale.sharing_paced, devices=_DEVICES)
                row = values[team]
                row["p50 ms"].append(percentile(waits.seconds, 50) * 1e3)
                row["p99 ms"].append(percentile(waits.seconds, 99) * 1e3)
                row["begun"].append(waits.begun * 100)
            peer.clear()
    for team, rounds in values.items():
        table.add(team.name, str(team.processes), rounds)
    return [table]


def _teams(peer: type[Peer], scale: Scale) -> list[Team]:
    if issubclass(peer, Bellhop):
        return [Team(peer, "apart_async", 1), Team(peer, "apart_sync", 2)]
    if peer is BullMq and scale.thorough:
        return [Team(queues, "apart_async", 1) for queues in (BullMqOneQueue, BullMqQueueEach)]
    return []


def _begin(peer: Peer, port: int, processes: int) -> None:
    """Let each handler run a first time: before that nobody knows that one is slow."""
    wait_for(lambda: peer.is_up(processes), "all workers are up", within=30)
    pace(peer, port, 2 * processes, 1.0, devices=_DEVICES)
    time.sleep(_SLEEP)


def _new_table(scale: Scale) -> Table:
    return Table(
        "Isolation",
        f"{_RATE} events a second of {_DEVICES} devices for {scale.sharing_paced:g} s. Each has "
        f"two handlers: one sleeps for {_SLEEP:g} s every time, and had run once before; the other "
        "notes when it began. From the POST to that start; what did not begin within 2 s of the "
        "last POST counts as if it had begun then. Elsewhere each handler is a job of its own, in "
        f"one queue with {CONCURRENCY} at a time, or in a queue each, without an order of a "
        "device's events.",
        "processes",
        (
            Column("p50 ms", 1, spread=True),
            Column("p99 ms", 1, spread=True),
            Column("begun", 0, suffix=" %"),
        ),
    )
