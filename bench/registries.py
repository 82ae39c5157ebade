"""Registries as users have them: what handlers of several kinds, and several of an event, cost."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from bench.peers.bullmq import BullMq
from bench.peers.peer import MATCHING, Job, Peer
from bench.scale import Scale
from bench.stage import Stage
from bench.tables import Column, Table
from bench.waiting import working
from bench.work import drain

_COMPUTES = 1000
"""Microseconds of the processor that such a handler takes (see `bench.handlers.compute`)."""

_COMPUTED = 5
"""What part of the events is handled by handlers that compute: it would take long."""

_REGISTRIES: dict[str, Job] = {
    "one sync handler": "count",
    "one async handler": "asynchronous",
    "sync, and async of another type": "mixed",
    "three sync handlers": "three",
    "1 ms of processor": "compute",
}


class Case(NamedTuple):
    """A registry, or what comes nearest to it elsewhere, with events of so many devices."""

    peer: type[Peer]
    name: str
    job: Job
    devices: int


def measure(stage: Stage, scale: Scale, peers: Sequence[type[Peer]]) -> list[Table]:
    """Let one process with each registry empty a heap of its own, in turns."""
    values: dict[Case, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    table = _new_table(scale)
    cases = [case for peer in peers for case in _cases(peer, scale)]
    for _ in range(scale.rounds):
        for case in cases:
            peer, jobs = case.peer(stage), MATCHING.get(case.job, 1)
            count = scale.events // (_COMPUTED if case.job == "compute" else 1)
            with table.trying(f"{peer.name}, {case.name}"):
                with working(peer, case.job, 1) as process:
                    drained = drain(peer, process, count, case.devices, jobs)
                row = values[case]
                row["events/s"].append(drained.rate)
                row["runs/s"].append(drained.rate * jobs)
                row["CPU workers"].append(drained.cpu_workers)
                row["CPU all"].append(drained.cpu_all)
                if case.job == "compute":
                    row["of the processor"].append(100 * _COMPUTES / drained.cpu_workers)
            peer.clear()
    for case, rounds in values.items():
        if other := _elsewhere(values, case):
            rounds["of BullMQ"] = [rate / other for rate in rounds["events/s"]]
        devices = f"{case.devices:,} devices" if case.peer.orders else ""
        table.add(f"{case.peer.name}: {case.name}", devices, rounds)
    return [table]


def _cases(peer: type[Peer], scale: Scale) -> list[Case]:
    if not peer.orders:
        return [
            Case(peer, "a job an event", "count", scale.devices),
            Case(peer, "three jobs an event", "three", scale.devices),
            Case(peer, "a job of 1 ms of processor", "compute", scale.devices),
        ]
    return [
        Case(peer, name, job, devices)
        for devices in ((scale.devices, scale.events) if scale.thorough else (scale.devices,))
        for name, job in _REGISTRIES.items()
        if job != "compute" or devices == scale.devices
    ]


def _elsewhere(values: Mapping[Case, Mapping[str, list[float]]], case: Case) -> float | None:
    """Return the rate of BullMQ with as many jobs an event, if it was measured."""
    if case.peer is BullMq:
        return None
    job: Job = case.job if case.job in ("three", "compute") else "count"
    for other, rounds in values.items():
        if (other.peer, other.job) == (BullMq, job):
            return median(rounds["events/s"])
    return None


def _new_table(scale: Scale) -> Table:
    return Table(
        "Registries",
        f"{scale.events:,} events of 1 kB wait (of those with 1 ms of processor one in "
        f"{_COMPUTED}) for one worker process that is up and warm; the clock runs until the last "
        "is handled, and for Bellhop until its outcome is recorded. A run is one handler with one "
        "event. CPU is µs an event: of the worker, and with Redis. Of the processor: what part of "
        "the worker's processor time is the handlers' own. The last column says how many times as "
        "fast Bellhop is as BullMQ with as many jobs an event as handlers match.",
        "heap",
        (
            Column("events/s", spread=True),
            Column("runs/s"),
            Column("CPU workers", 0),
            Column("CPU all", 0),
            Column("of the processor", 0, suffix=" %"),
            Column("of BullMQ", 2, suffix="×"),
        ),
    )
