"""One worker's process, and what its pool does for it from outside."""

import faulthandler
import gc
import math
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial

from bellhop import forks
from bellhop.connections import connect
from bellhop.errors import NameTaken, Terminated, WrongVersion
from bellhop.handler_checks import hooks_of_nobody, told_of_nobody
from bellhop.known_secrets import known_secrets
from bellhop.ledger import Ledger
from bellhop.loading import HandlersNotLoaded, load_handlers
from bellhop.logs import configure_logs, get_logger
from bellhop.masked_output import mask_output
from bellhop.processes import StopSignals, forked
from bellhop.routing import NoSuchHandler, registry
from bellhop.settings import Settings
from bellhop.supervisor import AS_PLANNED, ASKED_TO_END, CANNOT_START
from bellhop_workers import ending
from bellhop_workers.deadlines import Deadlines
from bellhop_workers.lifespan_run import (
    LONGEST_OPENING,
    TO_INTERRUPT,
    CannotOpen,
    LifespanRun,
    lifespan_run,
    traceback_in,
)
from bellhop_workers.rq_worker import ShiftWorker
from bellhop_workers.running_notes import RunningNotes
from bellhop_workers.runtime import IDLE, Runtime
from bellhop_workers.starting import CANNOT_OPEN, READY, Loaded, Starting, Step
from bellhop_workers.usage import Usage

_TO_GIVE_BACK = 2.0
"""Seconds before the end of the grace period that a worker gives back what still runs."""

_TO_SHOW_WHERE = 0.2
"""Seconds that a worker has to write the traceback of what keeps it, before it is killed."""

_SLOW = 10.0
"""Seconds of an import, or of a lifespan that opens, after which it is told, and again whenever it
has taken twice as long."""

_LONGEST_IMPORT = 300.0
"""Seconds after which a worker that still imports is ended: another may fare better."""

_TO_END_IN_VAIN = 5.0
"""Seconds that a worker which cannot start has to end in order."""

_log = get_logger("workers")


class WorkerProcess:
    """A worker's process, and what it shares with its pool: deadlines, signals, how it fares.

    `only`: patterns of the names of handlers that it takes, if it is not to take all.
    """

    def __init__(
        self,
        settings: Settings,
        redis_url: str,
        name: str,
        loaded: Loaded,
        usage: Usage,
        only: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.usage = usage
        self._deadlines = Deadlines()
        self._signals = StopSignals()
        self._running_notes = RunningNotes()
        self._time_to_stop = settings.grace.total_seconds() - _TO_GIVE_BACK
        self._starting = Starting()
        self._slow_after = _SLOW
        self._seen_stuck = 0
        self._killed_at_stop = False
        self._process = forked(partial(self._work, settings, redis_url, loaded, only))(name)
        self.pid = self._process.pid

    @property
    def culprit(self) -> str | None:
        """The entry under which it died, `event_id handler`, or "" if that is not known.

        `None` if none is to blame: it ended in order, or did not in the time that a stop may take.
        """
        if self._killed_at_stop or self._running_notes.leaves or self.poll() in ASKED_TO_END:
            return None
        running = self._running_notes.read()
        return running[0] if len(running) == 1 else ""

    def poll(self) -> int | None:
        """Return the exit code, or `None` while it runs; `AS_PLANNED` if it left to be replaced."""
        code = self._process.poll()
        return AS_PLANNED if code == os.EX_OK and self.usage.leaves else code

    def replace(self) -> None:
        """Have it leave, in its own time. Who calls this has taken the turn."""
        self.usage.leave()
        self._process.terminate()

    def terminate(self) -> None:
        """Ask it to finish."""
        # In memory, too: while C code runs, a signal reaches no thread of the worker.
        self._deadlines.stop_by(time.monotonic() + self._time_to_stop)
        self._time_to_stop = 0.0
        self._signals.pass_on()
        self._process.terminate()

    def kill(self) -> None:
        """End it: it was asked to, and takes too long."""
        self._killed_at_stop = True
        self._process.kill()

    def look_after(self) -> None:
        """Tell what it cannot tell itself, and end it if it is stuck. To be called every second."""
        code = self.poll()
        if code is None:
            self._tell_slow_start()
            self._end_if_stuck()
        elif code not in ASKED_TO_END:
            self._tell_where_it_ended()

    def _tell_where_it_ended(self) -> None:
        match self._starting.step:
            case Step.IMPORT:
                _log.error(
                    "a worker ended while it imported handlers",
                    module=self._starting.name,
                    worker=self.name,
                )
            case Step.LIFESPAN:
                _log.error(
                    "a worker ended while its lifespan opened",
                    lifespan=self._starting.name,
                    worker=self.name,
                )

    def _tell_slow_start(self) -> None:
        step, name, seconds = self._starting.step, self._starting.name, self._starting.seconds
        if step not in (Step.IMPORT, Step.LIFESPAN):
            self._slow_after = _SLOW
        elif seconds > self._slow_after:
            self._slow_after = 2 * seconds
            what = "imports handlers" if step is Step.IMPORT else "opens its lifespan"
            _log.warning(
                f"a worker still {what}; it handles nothing until that is done",
                **{"module" if step is Step.IMPORT else "lifespan": name},
                seconds=round(seconds),
                worker=self.name,
            )

    def _end_if_stuck(self) -> None:
        """End it if what it runs keeps all its threads, so that none of them can do so.

        One that slept with the machine has a second to come round. It writes first where it is:
        that needs neither Python's lock nor a core dump.
        """
        overdue = time.monotonic() > self._deadlines.handlers
        self._seen_stuck = self._seen_stuck + 1 if overdue else 0
        if self._seen_stuck == 2:
            _log.critical(f"{self._what_does_not_end()}; ending it", worker=self.name)
            os.kill(self.pid, signal.SIGQUIT)
            time.sleep(_TO_SHOW_WHERE)
        if self._seen_stuck >= 2:
            self._process.kill()

    def _what_does_not_end(self) -> str:
        match self._starting.step:
            case Step.IMPORT:
                return f"the import of {self._starting.name} does not end"
            case Step.LIFESPAN:
                return f"the lifespan {self._starting.name} does not come to its `yield`"
            case Step.END:
                return "a worker that was asked to end does not"
        if not self._running_notes.read():
            return "a worker's shift does not go on"
        return "a handler keeps its whole worker"

    def _work(
        self, settings: Settings, redis_url: str, loaded: Loaded, only: Sequence[str], name: str
    ) -> None:
        """Be the worker until a signal."""
        forks.guard()
        ending.begin()
        mask_output(known_secrets.mask)  # before the user's code is loaded, which may keep a stream
        configure_logs(settings.log_format, settings.log_level)
        faulthandler.enable()
        faulthandler.register(signal.SIGQUIT)
        random.seed()
        gc.set_threshold(20_000)  # a batch of events is no garbage; to look for some cost a tenth
        self._load(settings.handlers, only, loaded)
        runtime = Runtime(
            Ledger(connect(redis_url), settings.retention, settings.vault),
            registry,
            worker=name,
            concurrency=settings.concurrency,
            slice=settings.slice.total_seconds(),
            idle=IDLE,
            deadlines=self._deadlines,
            running_notes=self._running_notes,
            usage=self.usage,
        )
        # RQ waits for jobs longer than our own calls wait for an answer, so it gets its own client.
        worker = ShiftWorker(connect(redis_url), runtime, self._time_to_stop, self._signals)
        worker.handle_signals()
        lifespan = lifespan_run(registry.registered_lifespan, runtime.loop)
        code = os.EX_OK
        try:
            runtime.subscribe_first()
            registry.state = self._open(lifespan)
            self.usage.is_ready()
            _log.info("worker ready", worker=name, handlers=len(registry))
            loaded.tell_up(READY)
            worker.run()
            self._running_notes.leave()
            self._deadlines.stop_by(time.monotonic() + self._time_to_stop)
        except Terminated:
            pass  # asked to stop before it was ready
        except (WrongVersion, NameTaken) as error:
            _log.critical("this worker cannot start", error=str(error))
            code = os.EX_CONFIG
        except CannotOpen as error:
            _log.error(
                "the lifespan failed: this worker cannot start, and another is tried",
                lifespan=self._starting.name,
                error=str(error),
                **traceback_in(error.text),
            )
            loaded.tell_up(CANNOT_OPEN)
            self._deadlines.stop_by(time.monotonic() + _TO_END_IN_VAIN)
            code = CANNOT_START
        self._starting.begin(Step.END)
        ending.end_in_order(self._deadlines, lifespan.close, code)

    def _open(self, lifespan: LifespanRun) -> object:
        """Open the lifespan, and return what it yields. Raises `CannotOpen` and `Terminated`."""
        if not (registered := registry.registered_lifespan):
            return None
        self._starting.begin(Step.LIFESPAN, registered.name)
        overdue = time.monotonic() + LONGEST_OPENING + 2 * TO_INTERRUPT
        self._deadlines.set_main(overdue)
        self._deadlines.set_loop(overdue)  # starting the loop clears the other one
        try:
            state = lifespan.open()
        finally:
            self._deadlines.set_main(math.inf)
            self._deadlines.set_loop(math.inf)
        self._starting.end()
        return state

    def _load(self, handlers: Sequence[str], only: Sequence[str], loaded: Loaded) -> None:
        """Load the handlers, and take those that are asked for; or end this process."""
        self._deadlines.set_main(time.monotonic() + _LONGEST_IMPORT)
        try:
            load_handlers(handlers, partial(self._starting.begin, Step.IMPORT))
            of_nobody = [told_of_nobody(one, registry) for one in hooks_of_nobody(registry)]
            if only:
                registry.keep_only(only)
        except (HandlersNotLoaded, NoSuchHandler) as error:
            self._starting.end()
            if loaded.once():
                _log.error("the handlers cannot be loaded any more", error=str(error))
                sys.exit(os.EX_SOFTWARE)
            reason = str(error)
            if isinstance(error, NoSuchHandler):
                reason = f"--only: {reason}"
                loaded.note_that_nothing_fits()
            loaded.tell_once(lambda: _log.critical("the handlers cannot be loaded", error=reason))
            sys.exit(os.EX_CONFIG)
        self._starting.end()
        self._deadlines.set_main(math.inf)
        loaded.note(lambda: [_log.warning(sentence) for sentence in of_nobody])
