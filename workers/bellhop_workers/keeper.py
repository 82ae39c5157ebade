"""The keeper of a shift: a thread that looks after it while a handler keeps the main one.

It settles, says what a worker that stops waits for and which handler blocks the event loop, and
ends the worker if a handler cannot be interrupted.
"""

import math
import os
import threading
import time
from collections.abc import Callable

from bellhop.connections import reason
from bellhop.hooks import shown_id
from bellhop.logs import get_logger
from bellhop_workers.batch import LONGEST_UNSETTLED, NOTHING, Batch
from bellhop_workers.running import Run
from bellhop_workers.runtime import Runtime

_BEAT_EVERY = 10.0
_TICK = LONGEST_UNSETTLED / 4
_MOST_TOLD = 5
"""Of the handlers that a worker waits for before it stops, how many are named."""

_log = get_logger("workers")


class Keeper:
    """Looks after one shift.

    `under_way` returns the runs that have begun, and since when; `in_main`, the one in the main
    thread. `patience`: seconds after the time to stop that a handler which no interrupt reaches has
    its worker ended, its mail given back.
    """

    def __init__(
        self,
        runtime: Runtime,
        batch: Batch,
        under_way: Callable[[], list[tuple[Run, float]]],
        in_main: Callable[[], tuple[Run, float] | None],
        patience: float,
    ) -> None:
        self._runtime = runtime
        self._batch = batch
        self._under_way = under_way
        self._in_main = in_main
        self._told_slow: Run | None = None
        self._told_blocking: set[str] = set()
        self._patience = patience
        self._over = threading.Event()
        self._overdue: list[Run] = []
        self.thread = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def stop(self) -> None:
        """End the thread: the shift is over."""
        self._over.set()
        self.thread.join()

    def _keep(self) -> None:
        """Watch in a thread while a handler keeps the main one. If this fails, the worker ends."""
        try:
            self._watch()
        except BaseException:
            try:
                _log.exception("the keeper thread of a shift failed; ending the worker")
            finally:
                os._exit(os.EX_SOFTWARE)

    def _watch(self) -> None:
        """Settle while a handler keeps the main thread, and end what cannot be interrupted."""
        beaten = time.monotonic()
        told = False
        settles = True
        while not self._over.wait(_TICK):
            self._end_if_stuck()
            if self._is_stopping and not told:
                told = self._tell_what_runs()
            if self._is_late() and self._under_way():
                self._leave()
            if time.monotonic() - beaten > _BEAT_EVERY:
                beaten = time.monotonic()
                self._runtime.beat()
            settles = settles and self._settle_meanwhile()

    def _settle_meanwhile(self) -> bool:
        """Settle what the main thread did not for long, and return whether to do so again.

        Async handlers go on meanwhile, and get more mail; and other workers are told that the
        handler in the main thread is slow, so that one of them begins with no mail of it.
        """
        try:
            self._tell_what_blocks()
            if self._batch:
                limits = NOTHING if self._is_stopping else self._batch.limits(with_sync=False)
                run, began = self._in_main() or (None, math.inf)
                kept = time.monotonic() - began > LONGEST_UNSETTLED
                if kept and run and run is not self._told_slow:
                    self._told_slow = run
                    limits = [*limits, self._runtime.run_times.no_more_of(run.handler)]
                    self._batch.settle(limits, give_back=True)
                elif kept and limits and self._batch.sees_mail(with_sync=False):
                    self._batch.settle(limits, give_back=True, age=_TICK)
                else:
                    self._batch.settle(limits, give_back=True, age=LONGEST_UNSETTLED)
        except Exception as error:  # the main thread meets it, too, when its handler is through
            _log.error(
                "cannot write what was done; the shift ends when its handlers do",
                worker=self._runtime.worker,
                error=reason(error),
            )
            return False
        return True

    def _tell_what_blocks(self) -> None:
        """Name an async handler that blocks the event loop, once a shift."""
        blocking = self._runtime.blocking
        self._runtime.loop.look()
        if blocking and blocking.name not in self._told_blocking:
            self._told_blocking.add(blocking.name)
            event_id, _, _ = self._runtime.running_notes.loop.read().rpartition(" ")
            _log.warning(
                "an async handler blocks the event loop: others wait until it awaits or returns",
                handler=blocking.name,
                event_id=shown_id(event_id),
            )

    def _tell_what_runs(self) -> bool:
        """Tell which handlers the worker waits for before it stops, if it does."""
        under_way = self._under_way()
        now = time.monotonic()
        for run, began in under_way[:_MOST_TOLD]:
            _log.info(
                "stopping; waiting for a handler",
                handler=run.handler.name,
                event_id=run.event_id,
                running=f"{now - began:.1f}s",
                at_most=f"{max(self._runtime.deadlines.stop - now, 0):.0f}s",
                **({"others": others} if (others := len(under_way) - _MOST_TOLD) > 0 else {}),
            )
        return bool(under_way)

    def _leave(self) -> None:
        """Give all mail back, and end this worker while a handler runs, which is not to blame."""
        self._runtime.running_notes.leave()
        try:
            self._batch.give_up()
        finally:
            _log.warning("a handler did not end in time to stop; its mail was given back")
            os._exit(os.EX_OK)

    def _end_if_stuck(self) -> None:
        overdue = [
            run for run, began in self._under_way() if time.monotonic() > run.deadline(began)
        ]
        # One that merely slept with the machine has a moment to come round.
        for run in overdue:
            if run in self._overdue:
                self._runtime.running_notes.ended_by.write(run.entry)
                _log.critical(
                    "a handler cannot be interrupted; ending its worker",
                    handler=run.handler.name,
                    event_id=run.event_id,
                    timeout=run.handler.timeout,
                )
                os._exit(os.EX_SOFTWARE)
        self._overdue = overdue

    @property
    def _is_stopping(self) -> bool:
        """Whether the worker is to stop, also if no signal reaches its main thread."""
        return self._runtime.stopping or self._runtime.deadlines.stop < math.inf

    def _is_late(self) -> bool:
        return time.monotonic() > self._runtime.deadlines.stop + self._patience
