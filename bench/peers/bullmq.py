"""BullMQ."""

from pathlib import Path
from typing import ClassVar

from bench import environments
from bench.environments import NODE
from bench.peers.outside import Outsider
from bench.peers.peer import Job
from bench.processes import Command
from bench.stage import PYTHON


class BullMq(Outsider):
    """On Node, with the concurrency of its docs' example unless the table says another."""

    key = "bullmq"
    name = "BullMQ"
    front = "Express + svix + BullMQ"
    settings = "concurrency 50 a process; removeOnComplete; NODE_ENV=production"
    front_settings = "removeOnComplete; NODE_ENV=production"
    database = 9
    queues: ClassVar[str] = "bench"
    """The names of its queues, with commas between them."""
    handlers: ClassVar[str] = "handle"
    """What its receiver enqueues each event for, with commas; each into the queue at its place."""
    teams = (1, 2)
    # V8 compiles what has run often.
    warm_up = 3_000
    warm_up_seconds = 1.5

    def receiver(self, port: int) -> Command:
        return self._node("receiver.mjs", str(port))

    def worker(self, job: Job, processes: int, concurrency: int) -> Command:
        one = self._node("worker.mjs", job=job, concurrency=concurrency)
        several = [PYTHON, "-m", "bench.apps.several", str(processes), *one.arguments]
        return Command(several, one.environment)

    def filler(self, events: Path) -> list[str]:
        return [environments.node(), str(NODE / "fill.mjs"), str(events)]

    def _node(
        self, program: str, *arguments: str, job: Job = "count", concurrency: int = 1
    ) -> Command:
        node = (environments.node(), str(NODE / program), *arguments)
        command = self.told(*node, job=job, concurrency=concurrency)
        own = {"BENCH_QUEUES": self.queues, "BENCH_HANDLERS": self.handlers}
        return Command(node, {**command.environment, **own, "NODE_ENV": "production"})


class BullMqOneQueue(BullMq):
    """With two handlers of each event, and one queue for both."""

    name = "BullMQ, one queue"
    handlers = "sleep,stamp"


class BullMqQueueEach(BullMqOneQueue):
    """With two handlers of each event, and a queue for each."""

    name = "BullMQ, a queue each"
    queues = "sleep,stamp"
