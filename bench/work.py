"""Work: how fast waiting events are handled by handlers that do nothing."""

import secrets
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from bench.peers.peer import Peer
from bench.processes import Running
from bench.scale import Scale
from bench.stage import Stage
from bench.tables import Column, Table
from bench.waiting import await_count, working


class Drained(NamedTuple):
    """How fast a heap went, and what an event cost in µs: the workers, and with Redis."""

    rate: float
    cpu_workers: float
    cpu_all: float


class Team(NamedTuple):
    """Workers of one kind that are measured together."""

    peer: type[Peer]
    processes: int
    devices: int

    @property
    def name(self) -> str:
        """How the table calls them."""
        return f"{self.peer.name}, {self.processes} process{'es' if self.processes > 1 else ''}"


def measure(stage: Stage, scale: Scale, peers: Sequence[type[Peer]]) -> list[Table]:
    """Let each team empty a heap of its own, in turns."""
    values: dict[Team, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    teams = [team for peer in peers for team in _teams(peer, scale)]
    table = _new_table(scale)
    for _ in range(scale.rounds):
        for team in teams:
            peer = team.peer(stage)
            count = round(scale.events * peer.share)
            with table.trying(team.name):
                with working(peer, "count", team.processes) as process:
                    drained = drain(peer, process, count, team.devices)
                for name, value in _values(drained, count).items():
                    values[team][name].append(value)
            peer.clear()
    for team, rounds in values.items():
        case = f"{team.devices:,} devices" if team.peer.orders else ""
        table.add(team.name, case, rounds)
    for heap in _heaps(scale):
        table.compare("events/s", _of(heap), "Bellhop, 1 process", f"{heap:,} devices")
    table.notes.extend([f"{peer.name}: {peer.settings}" for peer in peers])
    return [table]


def drain(peer: Peer, process: Running, count: int, devices: int, jobs: int = 1) -> Drained:
    """Heap events up while the workers are stopped, let them go on, and take the time.

    `jobs`: how many handlers each event has.
    """
    stage = peer.stage
    stage.redis.settle()
    process.pause()
    target = stage.counts.total() + count * jobs
    peer.fill(secrets.token_hex(4), 0, count, devices, jobs)
    cpu_workers, cpu_redis = process.cpu(), stage.redis.cpu()
    began = time.perf_counter()
    process.resume()
    await_count(peer, process, target, within=120)
    seconds = time.perf_counter() - began
    workers = (process.cpu() - cpu_workers) / count * 1e6
    redis = (stage.redis.cpu() - cpu_redis) / count * 1e6
    return Drained(count / seconds, workers, workers + redis)


def _teams(peer: type[Peer], scale: Scale) -> list[Team]:
    heaps = _heaps(scale) if peer.orders else [scale.devices]
    teams = peer.teams if scale.thorough else peer.teams[:1]
    return [Team(peer, processes, heap) for processes in teams for heap in heaps]


def _heaps(scale: Scale) -> list[int]:
    """Return of how many devices the events are: of some, or each of another."""
    return sorted({scale.devices, scale.events})


def _of(heap: int) -> str:
    return f"Bellhop, {heap:,}, is"


def _values(drained: Drained, count: int) -> dict[str, float]:
    return {
        "events": count,
        "events/s": drained.rate,
        "CPU workers": drained.cpu_workers,
        "CPU all": drained.cpu_all,
    }


def _new_table(scale: Scale) -> Table:
    return Table(
        "Work",
        f"{scale.events:,} events (fewer where that would take long) of 1 kB wait; the workers are "
        "up and warm; the clock runs until the last is handled, and for Bellhop until its outcome "
        "is recorded. CPU is µs an event: of all worker processes, and with Redis. The last "
        "columns say how many times as fast Bellhop is, with one process, by number of devices.",
        "heap",
        (
            Column("events"),
            Column("events/s", spread=True),
            Column("CPU workers", 0),
            Column("CPU all", 0),
            *(Column(_of(heap), 2, suffix="×") for heap in _heaps(scale)),
        ),
    )
