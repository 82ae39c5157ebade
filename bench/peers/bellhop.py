"""Bellhop."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import ClassVar

from bellhop.ledger import Ledger, keys
from bellhop.queue import enqueue_shift, workers_alive
from bench.events import Maker
from bench.load import SECRET
from bench.peers.peer import Job, Peer
from bench.processes import Command
from bench.stage import PYTHON, Stage

_BATCH = 500


class Bellhop(Peer):
    """As its README starts it, with its defaults."""

    key = "bellhop"
    name = "Bellhop"
    settings = "defaults; each outcome recorded"
    database = 0
    teams: ClassVar[tuple[int, ...]] = (1, 2)
    orders = True
    most_a_second = 30_000
    handlers: ClassVar[dict[Job, str]] = {
        "count": "bench.handlers.count",
        "wait": "bench.handlers.wait",
        "stamp": "bench.handlers.stamp",
        "slow": "bench.handlers.slow",
    }

    def __init__(self, stage: Stage, *, handlers: int = 1) -> None:
        super().__init__(stage)
        self._handlers = handlers
        self.ledger = Ledger(self.redis, timedelta(days=14))

    def receiver(self, port: int) -> Command:
        return self._command("receiver", "--port", str(port))

    def worker(self, job: Job, processes: int, concurrency: int) -> Command:
        return self._command(
            *("worker", "-n", str(processes)),
            BELLHOP_HANDLERS=self.handlers[job] if self._handlers == 1 else "bench.handlers.many",
            BENCH_HANDLERS=str(self._handlers),
            BELLHOP_CONCURRENCY=str(concurrency),
        )

    def fill(self, run: str, first: int, count: int, devices: int) -> None:
        wants_shift = False
        arrivals = Maker(run, devices).arrivals(first, count)
        while batch := list(islice(arrivals, _BATCH)):
            wants_shift |= self.ledger.accept(batch).wants_shift
        if wants_shift:
            enqueue_shift(self.redis)

    def is_up(self, processes: int) -> bool:
        return len(workers_alive(self.redis, datetime.now(UTC))) >= processes

    def is_idle(self) -> bool:
        pipeline = self.redis.pipeline(transaction=False)
        pipeline.llen(keys.READY)
        pipeline.zcard(keys.SHIFTS)
        return not any(pipeline.execute())

    def _command(self, *arguments: str, **more: str) -> Command:
        environment = {
            "BELLHOP_REDIS_URL": self.url,
            "BELLHOP_WEBHOOK_SECRETS": SECRET,
            "BELLHOP_LOG_FORMAT": "json",
            **more,
        }
        return Command([PYTHON, "-m", "bellhop.cli", *arguments], environment)
