"""A pool of worker processes, replaced when they die, with a foreman beside them."""

import os
import socket
import sys

import structlog

from bellhop.connections import connect
from bellhop.ledger import Ledger
from bellhop.loading import load_handlers
from bellhop.processes import Supervisor, end_with_parent
from bellhop.routing import registry
from bellhop.settings import Settings
from workers.foreman import PERIOD, Foreman
from workers.rq_worker import ShiftWorker
from workers.shift import Runtime

GRACE = 30.0
"""Seconds that workers have to finish what they run when they are asked to stop."""

_log = structlog.get_logger("workers")


def run_pool(settings: Settings, redis_url: str, workers: int) -> int:
    """Keep `workers` processes at work until a signal; return the exit code."""
    foreman = Foreman(Ledger(connect(redis_url), settings.retention))
    supervisor = Supervisor(grace=GRACE, tick=foreman.sweep, period=PERIOD)
    environment = {**os.environ, "BELLHOP_REDIS_URL": redis_url}
    for _ in range(workers):
        supervisor.add(
            f"{socket.gethostname()}-worker",
            lambda name: [sys.executable, "-m", "bellhop.cli", "one-worker", name],
            environment,
        )
    return supervisor.run()


def run_worker(settings: Settings, redis_url: str, name: str) -> None:
    """Be one worker of a pool until a signal. Raises `HandlersNotLoaded`."""
    end_with_parent()
    load_handlers(settings.handlers)
    redis = connect(redis_url)
    runtime = Runtime(
        Ledger(redis, settings.retention),
        registry,
        worker=name,
        concurrency=settings.concurrency,
        slice=settings.slice.total_seconds(),
    )
    # RQ waits for jobs longer than our own calls wait for an answer, so it gets its own client.
    worker = ShiftWorker(connect(redis_url), runtime)
    _log.info("worker ready", worker=name, handlers=len(registry))
    worker.run()
