"""A pool of worker processes, replaced when they die, with a foreman beside them."""

import gc
import io
import os
import random
import socket
import sys
from functools import partial

import structlog

from bellhop.connections import connect
from bellhop.events.catalogue import build_validators
from bellhop.ledger import Ledger
from bellhop.loading import HandlersNotLoaded, load_handlers
from bellhop.processes import forked
from bellhop.routing import registry
from bellhop.settings import Settings
from bellhop.supervisor import Supervisor
from workers.foreman import PERIOD, Foreman
from workers.rq_worker import ShiftWorker
from workers.runtime import Runtime

GRACE = 30.0
"""Seconds that workers have to finish what they run when they are asked to stop."""

_log = structlog.get_logger("workers")


def run_pool(settings: Settings, redis_url: str, workers: int) -> int:
    """Keep `workers` processes at work until a signal; return the exit code.

    It is `os.EX_CONFIG` if the handlers could not be loaded; who calls this tells why.
    """
    build_validators()
    gc.freeze()  # what is there now stays shared between the processes
    foreman = Foreman(Ledger(connect(redis_url), settings.retention))
    supervisor = Supervisor(grace=GRACE, tick=foreman.sweep, period=PERIOD)
    start = forked(partial(_work, settings, redis_url))
    for _ in range(workers):
        supervisor.add(f"{socket.gethostname()}-worker", start)
    return supervisor.run()


def _work(settings: Settings, redis_url: str, name: str) -> None:
    """Be one worker of a pool until a signal."""
    random.seed()
    if isinstance(sys.stdout, io.TextIOWrapper):  # what handlers print is seen when they print it
        sys.stdout.reconfigure(line_buffering=True)
    try:
        load_handlers(settings.handlers)
    except HandlersNotLoaded:
        sys.exit(os.EX_CONFIG)
    runtime = Runtime(
        Ledger(connect(redis_url), settings.retention),
        registry,
        worker=name,
        concurrency=settings.concurrency,
        slice=settings.slice.total_seconds(),
    )
    # RQ waits for jobs longer than our own calls wait for an answer, so it gets its own client.
    worker = ShiftWorker(connect(redis_url), runtime)
    _log.info("worker ready", worker=name, handlers=len(registry))
    worker.run()
