"""Bellhop."""

from datetime import timedelta
from itertools import islice
from typing import ClassVar, get_args

from bellhop.ledger import (
    HandlerSet,
    Ledger,
    Subscription,
    keys,
    read_subscriptions,
    workers_alive,
)
from bellhop.queue import enqueue_shifts
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
    handlers: ClassVar[dict[Job, str]] = {job: f"bench.handlers.{job}" for job in get_args(Job)}

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

    def fill(self, run: str, first: int, count: int, devices: int, jobs: int = 1) -> None:
        wake: set[str] = set()
        arrivals = Maker(run, devices).arrivals(first, count)
        while batch := list(islice(arrivals, _BATCH)):
            wake.update(self.ledger.accept(batch).wake)
        enqueue_shifts(self.redis, wake)

    def is_up(self, processes: int) -> bool:
        return len(workers_alive(self.redis)) >= processes

    def is_idle(self) -> bool:
        waiting = any(one.mailboxes for one in read_subscriptions(self.redis))
        return not waiting and not self.redis.exists(keys.LEASES, keys.UNROUTED)

    def expect_workers(self, handlers: int = 1) -> None:
        # Before any worker was there, events wait in one list, and cost less.
        names = ["count", *(f"handler_{number}" for number in range(2, handlers + 1))]
        expected = [Subscription(f"bench.handlers.count.{name}", ["*"]) for name in names]
        self.ledger.subscribe("expected", HandlerSet(expected))

    def _command(self, *arguments: str, **more: str) -> Command:
        environment = {
            "BELLHOP_REDIS_URL": self.url,
            "BELLHOP_WEBHOOK_SECRETS": SECRET,
            "BELLHOP_LOG_FORMAT": "json",
            **more,
        }
        return Command([PYTHON, "-m", "bellhop.cli", *arguments], environment)
