"""Starting receivers and workers, and waiting for them and for what they do."""

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bench.peers.peer import MATCHING, Job, Peer
from bench.processes import NotMeasured, Running, free_port, wait_for

CONCURRENCY = 50
_PATIENCE = 30.0


@contextmanager
def receiving(peer: Peer) -> Iterator[tuple[int, Running]]:
    """Run a receiver; it answers on the port."""
    port = free_port()
    with peer.stage.run(f"{peer.key}-receiver", peer.receiver(port)) as process:
        wait_for(lambda: _answers(process, port), f"{process.name} answers", within=_PATIENCE)
        yield port, process


@contextmanager
def working(
    peer: Peer, job: Job, processes: int, concurrency: int = CONCURRENCY
) -> Iterator[Running]:
    """Run workers; they are up and warm."""
    command = peer.worker(job, processes, concurrency)
    with peer.stage.run(f"{peer.key}-worker", command) as process:
        _warm_up(peer, process, processes, MATCHING.get(job, 1))
        yield process


def handle(peer: Peer, process: Running, count: int, devices: int, jobs: int = 1) -> None:
    """Have so many events handled, each by so many handlers, and wait until they are."""
    target = peer.stage.counts.total() + count * jobs
    peer.fill(secrets.token_hex(4), 0, count, devices, jobs)
    await_count(peer, process, target)


def await_count(peer: Peer, process: Running, target: int, within: float = _PATIENCE) -> None:
    """Wait until so many events were handled in all, and that was written down."""

    def done() -> bool:
        process.check()
        return peer.stage.counts.total() >= target

    try:
        wait_for(done, f"{process.name} handled all", within=within, pause=0.002)
        wait_for(peer.is_idle, f"{process.name} wrote it down", within=_PATIENCE, pause=0.002)
    except NotMeasured as error:
        raise NotMeasured(f"{error}\n{process.said()}") from error


def _warm_up(peer: Peer, process: Running, processes: int, jobs: int) -> None:
    """Have workers handle a few events, until each of them has had some, if that comes about."""
    for _ in range(5):
        handle(peer, process, max(round(peer.warm_up * peer.share), 4), 50, jobs)
        with suppress(NotMeasured):
            wait_for(lambda: peer.is_up(processes), "all workers are up", within=5)
        if len(peer.stage.counts.processes() & process.pids()) >= processes:
            return


def _answers(process: Running, port: int) -> bool:
    process.check()
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
