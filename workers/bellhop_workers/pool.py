"""A pool of worker processes, replaced when they die, with a foreman beside them.

With an API key of Seam's, a fetcher is beside them, too.
"""

import faulthandler
import gc
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Sequence
from functools import partial

from bellhop import forks
from bellhop.connections import connect
from bellhop.events.catalogue import build_validators
from bellhop.known_secrets import known_secrets
from bellhop.ledger import Ledger
from bellhop.loading import HandlersNotLoaded, load_handlers
from bellhop.logs import configure_logs, get_logger
from bellhop.masked_output import mask_output
from bellhop.processes import Process, StopSignals, forked
from bellhop.routing import registry
from bellhop.settings import Settings
from bellhop.supervisor import Supervisor
from bellhop_workers.deadlines import Deadlines
from bellhop_workers.fetcher import run_fetcher
from bellhop_workers.foreman import PATIENCE, PERIOD, Foreman
from bellhop_workers.rq_worker import ShiftWorker
from bellhop_workers.runtime import REST, Runtime

_TO_GIVE_BACK = 2.0
"""Seconds before the end of the grace period that a worker gives back what still runs."""

_TO_END = PATIENCE
"""Seconds before its end that the pool kills a worker that is still there, and sweeps once more."""

_TO_SHOW_WHERE = 0.2
"""Seconds that a worker has to write the traceback of what keeps it, before it is killed."""

_log = get_logger("workers")


def run_pool(settings: Settings, redis_url: str, workers: int) -> int:
    """Keep `workers` processes at work until a signal; return the exit code.

    It is `os.EX_CONFIG` if the handlers could not be loaded; who calls this tells why.
    """
    build_validators()
    gc.freeze()  # what is there now stays shared between the processes
    foreman = Foreman(Ledger(connect(redis_url, patience=PATIENCE), settings.retention))
    grace = settings.grace.total_seconds()
    started: list[_Worker] = []

    def start(name: str) -> Process:
        worker = _Worker(settings, redis_url, name)
        started.append(worker)
        return worker

    def look_after(dead: Sequence[str]) -> None:
        started[:] = [worker for worker in started if worker.poll() is None]
        for worker in started:
            worker.end_if_stuck()
        foreman.sweep(dead)

    supervisor = Supervisor(grace=grace - _TO_END, tick=look_after, period=PERIOD)
    for _ in range(workers):
        supervisor.add(f"{socket.gethostname()}-worker", start)
    if settings.seam_api_key:
        fetch = forked(partial(run_fetcher, settings, redis_url))
        supervisor.add(f"{socket.gethostname()}-fetcher", fetch)
    return supervisor.run()


class _Worker:
    """A worker's process, and the deadlines and signals that it shares with its pool."""

    def __init__(self, settings: Settings, redis_url: str, name: str) -> None:
        self._name = name
        self._deadlines = Deadlines()
        self._signals = StopSignals()
        self._time_to_stop = settings.grace.total_seconds() - _TO_GIVE_BACK
        work = partial(
            _work, settings, redis_url, self._deadlines, self._signals, self._time_to_stop
        )
        self._process = forked(work)(name)
        self._seen_stuck = 0
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.poll()

    def terminate(self) -> None:
        # In memory, too: while C code runs, a signal reaches no thread of the worker.
        self._deadlines.stop_by(time.monotonic() + self._time_to_stop)
        self._time_to_stop = 0.0
        self._signals.pass_on()
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def end_if_stuck(self) -> None:
        """End it if a handler keeps all its threads, so that none of them can do so.

        To be called every second: one that slept with the machine has that long to come round. It
        writes first where it is: that needs neither Python's lock nor a core dump.
        """
        overdue = time.monotonic() > self._deadlines.handlers
        self._seen_stuck = self._seen_stuck + 1 if overdue else 0
        if self._seen_stuck == 2:
            _log.critical("a handler keeps its whole worker; ending it", worker=self._name)
            os.kill(self.pid, signal.SIGQUIT)
            time.sleep(_TO_SHOW_WHERE)
        if self._seen_stuck >= 2:
            self.kill()


def _work(
    settings: Settings,
    redis_url: str,
    deadlines: Deadlines,
    signals: StopSignals,
    time_to_stop: float,
    name: str,
) -> None:
    """Be one worker of a pool until a signal."""
    forks.guard()
    mask_output(known_secrets.mask)  # before the user's code is loaded, which may keep a stream
    configure_logs(settings.log_format, settings.log_level)
    faulthandler.enable()
    faulthandler.register(signal.SIGQUIT)
    random.seed()
    gc.set_threshold(20_000)  # a batch of events is no garbage; to look for some cost a tenth
    try:
        load_handlers(settings.handlers)
    except HandlersNotLoaded:
        sys.exit(os.EX_CONFIG)
    runtime = Runtime(
        Ledger(connect(redis_url), settings.retention, settings.vault),
        registry,
        worker=name,
        concurrency=settings.concurrency,
        slice=settings.slice.total_seconds(),
        rest=REST,
        deadlines=deadlines,
    )
    # RQ waits for jobs longer than our own calls wait for an answer, so it gets its own client.
    worker = ShiftWorker(connect(redis_url), runtime, time_to_stop, signals)
    _log.info("worker ready", worker=name, handlers=len(registry))
    worker.run()
    if runtime.out_of_time:
        sys.stdout.flush()
        os._exit(os.EX_OK)  # a thread that a handler left behind would be waited for
