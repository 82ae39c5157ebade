"""Cost as it grows: Bellhop with more events that wait, more devices, more handlers; and memory."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence

from bellhop.ledger import keys
from bench.events import SIZE
from bench.intake import take_in
from bench.peers.bellhop import Bellhop
from bench.peers.peer import Peer
from bench.processes import NotMeasured, Running
from bench.scale import Scale
from bench.stage import Stage
from bench.tables import Column, Table
from bench.waiting import receiving, working

Rounds = Mapping[str, list[float]]

_CONNECTIONS = 64


def measure(stage: Stage, scale: Scale, peers: Sequence[type[Peer]]) -> list[Table]:
    """Measure each kind of growth."""
    if not peers:
        return []
    table = _new_table(scale)

    def add(sizes: Sequence[int], unit: str, grow: Callable[[int], Rounds]) -> None:
        first: dict[str, float] = {}
        for size in sizes:
            rounds = {name: values for name, values in grow(size).items() if values}
            for name, values in list(rounds.items()):
                best = first.setdefault(name, max(values))
                rounds[f"{name}, of first"] = [100 * max(values) / best]
            table.add(f"{unit}: {size:,}", "", rounds)

    add(
        scale.waiting,
        "events that wait",
        lambda waiting: grown(Bellhop(stage), scale, waiting, scale.devices),
    )
    add(
        scale.device_counts,
        "devices",
        lambda devices: grown(Bellhop(stage), scale, max(scale.events, devices), devices),
    )
    add(
        scale.handler_counts,
        "handlers, of which one matches",
        lambda handlers: {
            "handled/s": grown(
                Bellhop(stage, handlers=handlers), scale, scale.events, scale.devices, intake=False
            )["handled/s"]
        },
    )
    return [table, _memory(stage, scale)]


def grown(
    peer: Bellhop, scale: Scale, waiting: int, devices: int, *, intake: bool = True
) -> dict[str, list[float]]:
    """Return how fast events are handled, and then taken in, while so many others wait."""
    handled: list[float] = []
    taken_in: list[float] = []
    with working(peer, "count", 1) as process:
        process.pause()
        _fill(peer, waiting, devices)
        missing = 0
        for _ in range(scale.few_rounds):
            _fill(peer, scale.events + missing, devices)
            rate, done = _handle(peer, process, scale.events, scale.growth_seconds)
            missing = done - scale.events
            handled.append(rate)
        if intake:
            taken_in = _take_in(peer, scale, devices)
    peer.clear()
    peer.stage.redis.settle()
    return {"handled/s": handled, "taken in/s": taken_in}


def _take_in(peer: Bellhop, scale: Scale, devices: int) -> list[float]:
    with receiving(peer) as (port, receiver):
        loads = [
            take_in(peer, port, receiver, _CONNECTIONS, scale.growth_seconds, devices)
            for _ in range(scale.few_rounds)
        ]
    return [load.answered / load.seconds for load in loads]


def _fill(peer: Bellhop, count: int, devices: int) -> None:
    peer.fill(secrets.token_hex(4), 0, max(count, 0), devices)


def _handle(peer: Bellhop, process: Running, events: int, seconds: float) -> tuple[float, int]:
    """Let workers handle so many; return the rate from the first one on, and how many they were."""
    counts = peer.stage.counts
    before = first = now = counts.total()
    began = ends = 0.0
    gives_up = time.perf_counter() + 30
    process.resume()
    while now - before < events and not (began and time.perf_counter() > ends):
        if time.perf_counter() > gives_up:
            raise NotMeasured(f"{process.name} handles nothing:\n{process.said()}")
        time.sleep(0.001)
        now = counts.total()
        if now > before and not began:
            began, first = time.perf_counter(), now
            ends = began + seconds
    took = time.perf_counter() - began
    process.pause()
    if now == first:
        raise NotMeasured(
            f"{process.name} handled {events} events at once: too few to take the time"
        )
    return (now - first) / took, now - before


def _memory(stage: Stage, scale: Scale) -> Table:
    peer, count = Bellhop(stage), scale.memory_events
    waiting: dict[int, float] = {}
    for handlers in (3, 1):
        peer.clear()
        peer.expect_workers(handlers)
        empty = stage.redis.memory()
        peer.fill(secrets.token_hex(4), 0, count, scale.devices)
        waiting[handlers] = (stage.redis.memory() - empty) / count - SIZE
    with working(peer, "count", 1):
        pass  # they are warm when nothing is left to do
    finished = (stage.redis.memory() - empty) / peer.redis.xlen(keys.LOG) - SIZE
    peer.clear()
    table = Table(
        "Memory",
        f"Bytes of Redis' memory for each of {count:,} events of {scale.devices:,} devices, beyond "
        "their bodies.",
        "",
        (Column("bytes beyond the body"),),
    )
    table.add("an event that waits for one handler", "", {"bytes beyond the body": [waiting[1]]})
    table.add("an event that waits for three", "", {"bytes beyond the body": [waiting[3]]})
    table.add("a finished event", "", {"bytes beyond the body": [finished]})
    return table


def _new_table(scale: Scale) -> Table:
    return Table(
        "Cost as it grows",
        f"Bellhop alone, one receiver and one worker process; {scale.events:,} events (or one for "
        f"each device) wait unless the line says otherwise, of {scale.devices:,} devices. Handled: "
        f"the rate of the first {scale.events:,}, or of the first {scale.growth_seconds:g} s, from "
        "the first handler on, while as many as the line says wait behind them. Taken in: with "
        f"{_CONNECTIONS} connections while the worker is stopped, so that what waits grows "
        "meanwhile. The share of the first line of its kind is of the best rounds.",
        "",
        (
            Column("handled/s", spread=True),
            Column("handled/s, of first", suffix=" %"),
            Column("taken in/s", spread=True),
            Column("taken in/s, of first", suffix=" %"),
        ),
    )
