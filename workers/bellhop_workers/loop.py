"""The event loop of a worker: async handlers of many devices at a time, each device in order."""

import asyncio
import math
import threading
import time
from functools import partial
from queue import SimpleQueue

import structlog

from bellhop_workers.deadlines import Deadlines
from bellhop_workers.lanes import Lane
from bellhop_workers.running import Run, run_async

_log = structlog.get_logger("workers")


class HandlerLoop:
    """An event loop in a thread of its own, started when the first async handler needs it.

    It lives as long as the worker, so that handlers can keep clients and pools on it.
    """

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: dict[str, tuple[Run, float]] = {}
        self._first = math.inf

    def submit(self, lane: Lane, returned: "SimpleQueue[Lane]") -> None:
        """Run the lane's async handlers; then put it into `returned`, through or not."""
        loop = self._loop or self._start()
        loop.call_soon_threadsafe(self._begin, lane, returned)

    def cancel_all(self) -> None:
        """Cancel every handler that runs; their lanes are returned."""
        if self._loop:
            self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._tasks])

    def under_way(self) -> list[tuple[Run, float]]:
        """Return what runs, and since when on the monotonic clock."""
        return list(self._under_way.values())

    def _start(self) -> asyncio.AbstractEventLoop:
        self._loop = _new_loop()
        runs = partial(self._run_forever, self._loop)
        self._deadlines.start(threading.Thread(target=runs, name="async-handlers", daemon=True))
        return self._loop

    def _run_forever(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            try:
                loop.run_forever()
            except BaseException:
                # SystemExit in a task that a handler made leaves the loop, which may be run again.
                _log.exception("the event loop was left; it goes on")

    def _begin(self, lane: Lane, returned: "SimpleQueue[Lane]") -> None:
        task = asyncio.get_running_loop().create_task(self._run(lane, returned))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, lane: Lane, returned: "SimpleQueue[Lane]") -> None:
        try:
            while (run := lane.next) and run.handler.is_async and not run.doomed:
                self._enter(lane, run)
                outcome = await run_async(run)
                self._leave(lane)
                lane.took(outcome)
                if lane.careful:
                    break
        except BaseException as error:
            lane.error = error
        finally:
            self._leave(lane)
            returned.put(lane)

    def _enter(self, lane: Lane, run: Run) -> None:
        began = time.monotonic()
        self._under_way[lane.mailbox] = (run, began)
        if (deadline := run.deadline(began)) < self._first:
            self._set_first(deadline)

    def _leave(self, lane: Lane) -> None:
        left = self._under_way.pop(lane.mailbox, None)
        if left and left[0].deadline(left[1]) <= self._first:
            others = self._under_way.values()
            self._set_first(min((run.deadline(began) for run, began in others), default=math.inf))

    def _set_first(self, deadline: float) -> None:
        self._first = deadline
        self._deadlines.set_loop(deadline)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # no wheel for this platform
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
