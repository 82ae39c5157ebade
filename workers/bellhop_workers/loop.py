"""The event loop of a worker: async handlers of many devices at a time, each device in order."""

import asyncio
import contextvars
import math
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any

from bellhop.logs import get_logger
from bellhop_workers.async_run import AsyncRun
from bellhop_workers.deadlines import Deadlines
from bellhop_workers.lanes import Lane
from bellhop_workers.running import Run
from bellhop_workers.wear import Wear

_log = get_logger("workers")


class HandlerLoop:
    """An event loop in a thread of its own, started when an async lifespan or handler needs it.

    It lives as long as the worker, so that clients and pools can be kept on it.
    """

    def __init__(self, deadlines: Deadlines, wear: Wear) -> None:
        self._deadlines = deadlines
        self._wear = wear
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context = contextvars.Context()
        self._tasks: set[asyncio.Task[None]] = set()
        self._runs: set[AsyncRun] = set()
        self._first = math.inf

    def begin(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a task that lasts as long as it likes. What it binds is there for each handler."""
        loop = self._loop or self._start()
        loop.call_soon_threadsafe(self._begin_task, coroutine, context=self._context)

    def call(self, function: Callable[[], object]) -> None:
        """Call a function on the loop, soon, if the loop was started."""
        if self._loop:
            self._loop.call_soon_threadsafe(function, context=self._context)

    def submit(self, lane: Lane, returned: "SimpleQueue[Lane]") -> None:
        """Run the lane's async handlers; then put it into `returned`, through or not."""
        loop = self._loop or self._start()
        loop.call_soon_threadsafe(self._go_on, lane, returned, context=self._context)

    def cancel_all(self) -> None:
        """Interrupt every handler that runs, as one that did not run; their lanes are returned."""
        self.call(self._interrupt_all)

    def under_way(self) -> list[tuple[Run, float]]:
        """Return what runs, and since when on the monotonic clock."""
        return [(one.run, one.began) for one in list(self._runs) if one.began < math.inf]

    def _start(self) -> asyncio.AbstractEventLoop:
        self._loop = _new_loop()
        # What the modules of handlers set when they were imported is there for each run.
        self._context = contextvars.copy_context()
        runs = partial(self._run_forever, self._loop)
        self._deadlines.start(threading.Thread(target=runs, name="async-handlers", daemon=True))
        return self._loop

    def _begin_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.Task(coroutine, loop=loop, context=self._context)
        asyncio._unregister_task(task)  # who cancels all tasks does not mean this one
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _run_forever(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            try:
                loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # Raised in a task or callback that a handler made: the loop may be run again.
                _log.exception("a handler's code left the event loop; it goes on")
            except BaseException:
                # Closed, or without its file descriptors: nothing on it will ever end.
                try:
                    _log.exception("the event loop of async handlers is broken; ending the worker")
                finally:
                    os._exit(os.EX_SOFTWARE)

    def _go_on(self, lane: Lane, returned: "SimpleQueue[Lane]") -> None:
        """Begin the lane's next run if that is an async one, or return the lane."""
        try:
            run = lane.next
            if run and run.handler.is_async and not run.doomed:
                self._begin(run, partial(self._end, lane, returned))
                return
        except BaseException as error:
            lane.error = error
        returned.put(lane)

    def _begin(self, run: Run, when_over: "partial[None]") -> None:
        self._runs.add(AsyncRun(run, self._watch, when_over, self._context))

    def _watch(self, run: AsyncRun) -> None:
        """Have the worker ended if a run that begins now goes on beyond its deadline."""
        if run.deadline < self._first:
            self._set_first(run.deadline)

    def _end(self, lane: Lane, returned: "SimpleQueue[Lane]", ended: AsyncRun) -> None:
        """Take the outcome of a run, and go on with its lane."""
        self._runs.discard(ended)
        if ended.deadline <= self._first:
            self._set_first(min((one.deadline for one in self._runs), default=math.inf))
        try:
            outcome = ended.outcome()
            self._wear.count()
            if outcome:
                if self._wear.leaves:  # at once: the main thread may wait for lanes meanwhile
                    lane.stop()
                lane.took(outcome)
                if not (lane.careful or ended.interrupted):
                    self._go_on(lane, returned)
                    return
        except BaseException as error:
            lane.error = error
        returned.put(lane)

    def _interrupt_all(self) -> None:
        for one in self._runs:
            with suppress(Exception):  # what it awaits may be an object that refuses
                one.interrupt()

    def _set_first(self, deadline: float) -> None:
        self._first = deadline
        self._deadlines.set_loop(deadline)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # no wheel for this platform
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
