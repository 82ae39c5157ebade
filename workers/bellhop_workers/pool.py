"""A pool of worker processes, replaced when they die, with a foreman beside them.

With an API key of Seam's, a fetcher is beside them, too.
"""

import gc
import os
import socket
from collections.abc import Sequence
from functools import partial

from bellhop.connections import connect
from bellhop.errors import WrongVersion
from bellhop.events.catalogue import build_validators
from bellhop.ledger import Ledger
from bellhop.logs import get_logger
from bellhop.processes import Process, forked
from bellhop.settings import Settings
from bellhop.supervisor import Supervisor
from bellhop_workers.fetcher import run_fetcher
from bellhop_workers.foreman import PATIENCE, PERIOD, Foreman
from bellhop_workers.process import WorkerProcess
from bellhop_workers.replacing import Replacing
from bellhop_workers.starting import Loaded

_TO_END = PATIENCE
"""Seconds before its end that the pool kills a worker that is still there, and sweeps once more."""

_WRONG_USAGE = 2
"""Exit code of a command that was called with something that does not exist."""

_log = get_logger("workers")


def run_pool(
    settings: Settings,
    redis_url: str,
    workers: int,
    *,
    only: Sequence[str] = (),
    ready: int | None = None,
    alone: bool = False,
) -> int:
    """Keep `workers` processes at work until a signal; return the exit code.

    It is `os.EX_CONFIG` if the ledger is of another version, also if it becomes so meanwhile, if
    the name of a handler is that of a hook in other workers, or the other way round, or if no
    worker could load the handlers, and 2 if there are none of those that it is to take; the first
    one logs why. Once one could, a worker that cannot is replaced like any that dies. One whose
    lifespan fails is replaced, too: what that opens may be away for a moment.

    `only`: patterns of the names of handlers that they take, if not all. `ready`: a file descriptor
    to which each worker writes how it fares. `alone`: no other pool has workers.
    """
    build_validators()
    gc.freeze()  # what is there now stays shared between the processes
    ledger = Ledger(connect(redis_url, patience=PATIENCE), settings.retention)
    foreman = Foreman(ledger, settings.forget_after, alone=alone)
    grace = settings.grace.total_seconds()
    loaded = Loaded(ready)
    replacing = Replacing(workers, settings.max_events, settings.max_memory)
    started: list[WorkerProcess] = []
    refused: list[WrongVersion] = []

    def start(name: str) -> Process:
        usage = replacing.usage_of(name)
        worker = WorkerProcess(settings, redis_url, name, loaded, usage, only)
        started.append(worker)
        return worker

    def look_after(dead: Sequence[str]) -> None:
        for worker in started:
            worker.look_after()
        alive = [worker for worker in started if worker.poll() is None]
        culprits = {worker.name: worker.culprit for worker in started if worker not in alive}
        started[:] = alive
        replacing.look(started)
        try:
            foreman.sweep([one.name for one in alive], dict.fromkeys(dead, "") | culprits)
        except WrongVersion as error:
            if not refused:
                refused.append(error)
                _log.critical("ending the workers", error=str(error))
                supervisor.stop(os.EX_CONFIG)

    supervisor = Supervisor(grace=grace - _TO_END, tick=look_after, period=PERIOD)
    for _ in range(workers):
        supervisor.add(f"{socket.gethostname()}-worker", start)
    if settings.seam_api_key:
        fetch = forked(partial(run_fetcher, settings, redis_url))
        supervisor.add(f"{socket.gethostname()}-fetcher", fetch)
    code = supervisor.run()
    return _WRONG_USAGE if loaded.fits_nothing else code
