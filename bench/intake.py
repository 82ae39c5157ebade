"""Intake: how fast signed events are verified, validated, made durable, and answered 2xx."""

import secrets
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack

from bench.generator import Load, Order
from bench.load import SECRET, send
from bench.peers.bellhop import Bellhop
from bench.peers.peer import Peer
from bench.processes import Running
from bench.scale import Scale
from bench.stage import Stage
from bench.tables import Column, Table
from bench.waiting import receiving

_MOST_ON_ONE = 12_000
"""Requests a second that nobody answers on a single connection."""

_MATCHING = (1, 3)
"""How many handlers each event is given to, where that is compared."""


def new_table() -> Table:
    """Return the table, with nothing in it."""
    return Table(
        "Intake",
        "Signed, distinct 1 kB events over keep-alive connections; a 2xx once the event is on "
        "disk. One server process. CPU is µs a request: of the server's process, and with Redis. "
        "The generator's is the share of a core that it took.",
        "connections",
        (
            Column("requests/s", spread=True),
            Column("p50 ms", 1),
            Column("p99 ms", 1),
            Column("CPU server", 0),
            Column("CPU all", 0),
            Column("generator", 0, suffix=" %"),
            Column("Bellhop is", 2, suffix="×"),
        ),
    )


def measure(stage: Stage, scale: Scale, peers: Sequence[type[Peer]]) -> list[Table]:
    """Run all receivers side by side, and load one at a time, in turns."""
    values: dict[tuple[str, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    contenders = [peer(stage) for peer in peers]
    with ExitStack() as running:
        started = [(peer, *running.enter_context(receiving(peer))) for peer in contenders]
        for connections in scale.connections:
            for _ in range(scale.rounds):
                for peer, port, process in started:
                    peer.expect_workers()
                    load = take_in(peer, port, process, connections, scale.intake_seconds)
                    peer.clear()
                    for name, value in _values(load).items():
                        values[peer.front or peer.name, connections][name].append(value)
    table = new_table()
    for (name, connections), rounds in values.items():
        table.add(name, str(connections), rounds)
    table.compare("requests/s", "Bellhop is", "Bellhop")
    table.notes.extend(
        [f"{peer.front or peer.name}: {peer.front_settings or peer.settings}" for peer in peers]
    )
    return [table, *[_matching(peer(stage), scale) for peer in peers if issubclass(peer, Bellhop)]]


def _matching(peer: Bellhop, scale: Scale) -> Table:
    """Take events in that are given to one handler, and to several."""
    table = Table(
        "Intake: handlers that match",
        f"Bellhop alone, as above with {scale.connections[-1]} connections, by how many handlers "
        "are subscribed to each event.",
        "handlers",
        (
            Column("requests/s", spread=True),
            Column("CPU server", 0),
            Column("CPU all", 0),
            Column("of one", 0, suffix=" %", spread=True),
        ),
    )
    values: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with receiving(peer) as (port, process):
        for _ in range(scale.rounds):
            for handlers in _MATCHING:
                peer.expect_workers(handlers)
                load = take_in(peer, port, process, scale.connections[-1], scale.intake_seconds)
                peer.clear()
                for name, value in _values(load).items():
                    if name in ("requests/s", "CPU server", "CPU all"):
                        values[handlers][name].append(value)
    for rounds in values.values():
        both = zip(rounds["requests/s"], values[1]["requests/s"], strict=True)
        rounds["of one"] = [100 * rate / one for rate, one in both]
    for handlers, rounds in values.items():
        table.add("Bellhop", str(handlers), rounds)
    return table


def take_in(
    peer: Peer,
    port: int,
    process: Running,
    connections: int,
    seconds: float,
    devices: int = 500,
) -> Load:
    """Load a receiver for so many seconds."""
    rate = min(peer.most_a_second, _MOST_ON_ONE * connections)
    return send(
        Order(
            port=port,
            path=peer.path,
            secret=SECRET,
            run=secrets.token_hex(4),
            connections=connections,
            seconds=seconds,
            devices=devices,
            ready=round(rate * (seconds + peer.warm_up_seconds)),
            warm=peer.warm_up_seconds,
            watch={"server": process.pid, "redis": peer.stage.redis.pid},
        )
    )


def _values(load: Load) -> dict[str, float]:
    server, redis = load.watched["server"], load.watched["redis"]
    return {
        "requests/s": load.answered / load.seconds,
        "p50 ms": load.p50 * 1e3,
        "p99 ms": load.p99 * 1e3,
        "CPU server": server / load.answered * 1e6,
        "CPU all": (server + redis) / load.answered * 1e6,
        "generator": load.cpu / load.seconds * 100,
    }
