"""What a worker process keeps from shift to shift."""

import time
from collections.abc import Callable, Sequence
from functools import cached_property

from bellhop.connections import reason
from bellhop.durations import WORKER_GONE_AFTER
from bellhop.errors import NameTaken
from bellhop.failpoints import failpoint
from bellhop.handler import Handler
from bellhop.ledger import Ledger
from bellhop.logs import get_logger
from bellhop.queue import enqueue_shifts
from bellhop.routing import Registry
from bellhop_workers.deadlines import Deadlines
from bellhop_workers.loop import HandlerLoop
from bellhop_workers.run_times import RunTimes
from bellhop_workers.running_notes import RunningNotes
from bellhop_workers.surroundings import Surroundings
from bellhop_workers.usage import Usage
from bellhop_workers.worker_ledger import WorkerLedger

IDLE = 1.0
"""Seconds that a shift waits for more mail before it ends. RQ takes milliseconds to start one."""

_TO_SPARE = 15.0
_UNTIL_GONE = WORKER_GONE_AFTER.total_seconds() + 5
_TO_ASK_AGAIN = 0.5

_log = get_logger("workers")


class Runtime:
    """The ledger, the handlers, the event loop, and what was learnt of their cost.

    `worker`: the name of the process. `concurrency`: mailboxes of an async handler that are at work
    at a time. `slice`: seconds that a shift lasts; `idle`: seconds that it waits for more mail.
    `deadlines`, `running_notes` and `usage`: shared with the pool, if there is one.
    """

    def __init__(
        self,
        ledger: Ledger,
        registry: Registry,
        *,
        worker: str,
        concurrency: int,
        slice: float,
        idle: float = 0.0,
        deadlines: Deadlines | None = None,
        running_notes: RunningNotes | None = None,
        usage: Usage | None = None,
    ) -> None:
        self.redis = ledger.redis
        self.vault = ledger.vault
        self.registry = registry
        self.slice = slice
        self.idle = idle
        self.deadlines = deadlines or Deadlines()
        self.running_notes = running_notes or RunningNotes()
        self.usage = usage or Usage()
        self.stopping = False
        self.ledger = WorkerLedger(
            ledger,
            worker,
            registry,
            is_stopping=lambda: self.stopping,
            when_away=self.deadlines.shift_waits,
        )
        self.run_times = RunTimes(registry, concurrency)
        self.loop = HandlerLoop(
            self.deadlines, self.usage, self.running_notes.loop, self.run_times, concurrency
        )
        self.beat: Callable[[], None] = lambda: None
        """Tells RQ that a shift goes on."""

    @property
    def worker(self) -> str:
        """The name of the process."""
        return self.ledger.worker

    @cached_property
    def surroundings(self) -> Surroundings:
        """What this process was like when its first shift began."""
        return Surroundings()

    @property
    def out_of_time(self) -> bool:
        """Whether all mail is to be given back now, also what is begun."""
        return time.monotonic() >= self.deadlines.stop

    @property
    def longest_run(self) -> float:
        """Seconds that a handler may take, with some to spare."""
        return max((one.timeout for one in self.registry), default=0.0) + _TO_SPARE

    @property
    def blocking(self) -> Handler | None:
        """The async handler that blocks the event loop, if one does."""
        return self.registry.get(self.loop.blocked_by)

    def subscribe(self) -> None:
        """Tell the ledger which handlers this worker has, however long Redis is away."""
        self.enqueue_shifts(self.ledger.subscribe())

    def subscribe_first(self, patience: float = _UNTIL_GONE) -> None:
        """Subscribe before the first shift.

        Raises `NameTaken` if that is so for `patience` (seconds): as long as workers of the last
        version, which are stopped, may count as alive.
        """
        until = time.monotonic() + patience
        waits = False
        while True:
            try:
                return self.subscribe()
            except NameTaken as error:
                if time.monotonic() >= until:
                    raise
                if not waits:
                    _log.warning("waiting for workers that may be about to end", error=str(error))
                waits = True
            time.sleep(_TO_ASK_AGAIN)

    def subscribe_if_forgotten(self) -> None:
        """Subscribe again if the ledger does not know this worker any more.

        It was silent for too long, or Redis lost its data.
        """
        if not self.ledger.is_subscribed():
            self.subscribe()

    def enqueue_shifts(self, handler_sets: Sequence[str]) -> None:
        """Have others called to work."""
        if not handler_sets:
            return
        failpoint("hand_over.before")
        try:
            enqueue_shifts(self.redis, handler_sets)
            failpoint("hand_over.after")
        except Exception as error:
            # The foreman sees mail and an empty queue, and asks for a shift.
            _log.warning("could not enqueue the next shift", error=reason(error))
