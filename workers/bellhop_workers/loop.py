"""The event loop of a worker: async handlers of many devices at a time, each device in order.

Each handler has a line of mailboxes that wait for one of its places, and as many places as
`concurrency`: so one that takes long keeps no other waiting.
"""

import asyncio
import contextvars
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from bellhop.handler import Handler
from bellhop.logs import get_logger
from bellhop_workers.async_run import AsyncRun
from bellhop_workers.deadlines import Deadlines
from bellhop_workers.line import Line
from bellhop_workers.mailbox import ClaimedMailbox
from bellhop_workers.run_times import RunTimes
from bellhop_workers.running import Run
from bellhop_workers.running_notes import Note
from bellhop_workers.usage import Usage

_LONGEST_TURN = 0.002
"""Seconds after which a thread lets another go on; Python's default is more than twice as long.

The main thread settles and claims between short waits for Redis: after each it would stand still
for so long while the loop is busy, and then the loop, since nothing more was claimed.
"""

_BLOCKED = 1.0
"""Seconds in which a handler neither awaits nor returns, after which it blocks the loop."""

_log = get_logger("workers")


class HandlerLoop:
    """An event loop in a thread of its own, started if an async lifespan or handler needs it.

    It lives as long as the worker, so that clients and pools can be kept on it. `note`: what it
    runs at the moment, for the pool. `run_times`: is told how long handlers take.
    """

    def __init__(
        self, deadlines: Deadlines, usage: Usage, note: Note, run_times: RunTimes, concurrency: int
    ) -> None:
        self.finished: SimpleQueue[None] = SimpleQueue()
        """Something is put here when there is something for the main thread to do."""
        self.failed: deque[ClaimedMailbox] = deque()
        """Mailboxes with which something went wrong that is no handler's fault, or `sealed`."""
        self.fault = ""
        """What the process turned out to lack, when a handler was run."""
        self._seen_since = math.inf
        self._deadlines = deadlines
        self._usage = usage
        self._note = note
        self._run_times = run_times
        self._concurrency = concurrency
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context = contextvars.Context()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lines: dict[str, Line] = {}
        self._first = math.inf
        self._lock = threading.Lock()
        # Each is written by one thread only, or under the lock.
        self._submitted = self._taken_away = self._ended = 0
        """Entries that were handed over, taken away again, and that this is through with."""
        self._few = 0
        """The main thread is told when no more than so many entries are left."""
        self._told = True

    def start(self) -> asyncio.AbstractEventLoop:
        """Start the loop unless it was, and return it. Only the main thread may.

        While Python starts a thread, the deadline of the main one is that of the start.
        """
        if self._loop is None:
            sys.setswitchinterval(_LONGEST_TURN)
            self._loop = _new_loop()
            # What the modules of handlers set when they were imported is there for each run.
            self._context = contextvars.copy_context()
            runs = partial(self._run_forever, self._loop)
            self._deadlines.start(threading.Thread(target=runs, name="async-handlers", daemon=True))
        return self._loop

    def begin(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a task that lasts as long as it likes. What it binds is there for each handler."""
        loop = self.start()
        loop.call_soon_threadsafe(self._begin_task, coroutine, context=self._context)

    def call(self, function: Callable[[], object]) -> None:
        """Call a function on the loop, soon, if the loop was started."""
        if self._loop:
            self._loop.call_soon_threadsafe(function, context=self._context)

    def submit(self, mailboxes: Iterable[ClaimedMailbox]) -> None:
        """Run the entries of these mailboxes, when there is a place for them.

        The loop was started. May be called from any thread.
        """
        lines = self._lines
        for mailbox in mailboxes:
            self._submitted += mailbox.entries_left
            lines.setdefault(mailbox.handler.name, Line()).waiting.append(mailbox)
        self._few, self._told = self._entries_left // 2, False
        self.call(self._fill_places)

    def look(self) -> None:
        """See whether a handler is at a step. To be called by one thread, each quarter second."""
        self._seen_since = self._note.since

    @property
    def blocked_by(self) -> str:
        """The handler that has kept the loop from all else for a second, if one has.

        It was seen at it before: else this process may have been stopped, or another thread have
        kept the interpreter.
        """
        since = self._note.since
        if since != self._seen_since or time.monotonic() - since < _BLOCKED:
            return ""
        return self._note.read().rpartition(" ")[2]

    def take_waiting(self) -> list[ClaimedMailbox]:
        """Take away all mailboxes that have not begun. May be called from any thread.

        While a handler blocks the loop, those that have a place are among them, if their next run
        has not begun.
        """
        taken = []
        for line in list(self._lines.values()):
            while line.waiting:
                try:
                    taken.append(line.waiting.pop())
                except IndexError:
                    break
        with self._lock:
            self._taken_away += sum(mailbox.entries_left for mailbox in taken)
        return [*taken, *self._take_not_begun()] if self.blocked_by else taken

    def _take_not_begun(self) -> list[ClaimedMailbox]:
        """Take back runs that have not begun, and return their mailboxes, the last one first.

        They keep their places until the loop comes to them: only then it is through with them.
        """
        runs = [one for line in list(self._lines.values()) for one in line.runs.copy().items()]
        return [mailbox for run, mailbox in reversed(runs) if run.take_back()]

    def wait(self, seconds: float) -> bool:
        """Wait until few entries are left, and return whether that is so; at most so long."""
        try:
            self.finished.get(timeout=seconds)
        except Empty:
            return False
        with suppress(Empty):
            while True:
                self.finished.get_nowait()
        return True

    @property
    def has_few(self) -> bool:
        """Whether few entries are left, since it was given the last ones."""
        return self._entries_left <= self._few

    @property
    def is_busy(self) -> bool:
        """Whether any mailbox is at work, or waits."""
        return self._entries_left > 0

    def cancel_all(self) -> None:
        """Interrupt every handler that runs, as one that did not run."""
        self.take_waiting()
        self.call(self._interrupt_all)

    def under_way(self) -> list[tuple[Run, float]]:
        """Return what runs, and since when on the monotonic clock."""
        return [(one.run, one.began) for one in self._runs() if one.began < math.inf]

    def _runs(self) -> list[AsyncRun]:
        return [run for line in list(self._lines.values()) for run in list(line.runs)]

    @property
    def _entries_left(self) -> int:
        return self._submitted - self._taken_away - self._ended

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

    def _fill_places(self) -> None:
        for line in list(self._lines.values()):
            self._fill(line)
        self._tell_if_few()

    def _fill(self, line: Line) -> None:
        """Begin with mailboxes that wait, as long as there are places."""
        while line.waiting and line.at_work < self._concurrency:
            try:
                mailbox = line.waiting.popleft()
            except IndexError:  # it was given back
                return
            line.at_work += 1
            self._go_on(mailbox, line)

    def _go_on(self, mailbox: ClaimedMailbox, line: Line) -> None:
        """Begin the mailbox's next run, or leave its place to another."""
        before = mailbox.entries_left
        try:
            run = mailbox.next_run()
            self._ended += before - mailbox.entries_left
            if run:
                ended = partial(self._end, mailbox, line)
                begun = partial(self._begun, line)
                line.runs[AsyncRun(run, begun, ended, self._context, self._note)] = mailbox
                return
            if mailbox.sealed:
                self.failed.append(mailbox)
        except BaseException as error:
            mailbox.error = error
            self.failed.append(mailbox)
        self._leave_place(mailbox, line)

    def _leave_place(self, mailbox: ClaimedMailbox, line: Line) -> None:
        """Be through with a mailbox, also if entries are left in it."""
        self._ended += mailbox.entries_left
        line.at_work -= 1

    def _begun(self, line: Line, run: AsyncRun) -> None:
        """Have a run that begins now interrupted in time, and the worker ended if that fails."""
        line.watch(run)
        if run.deadline < self._first:
            self._set_first(run.deadline)

    def _end(self, mailbox: ClaimedMailbox, line: Line, ended: AsyncRun) -> None:
        """Record the outcome of a run, and go on with its mailbox."""
        line.runs.pop(ended, None)
        if ended.deadline <= self._first:
            self._set_first(min(one.first_deadline for one in self._lines.values()))
        try:
            outcome = ended.outcome()
            if outcome:
                self._usage.count()
                self.fault = self.fault or ended.run.fault
                if self._usage.leaves or self.fault:
                    mailbox.stop()
                self._learn(ended.run.handler, ended.began)
                before = mailbox.entries_left
                mailbox.record_outcome(ended.run, outcome)
                self._ended += before - mailbox.entries_left
        except BaseException as error:
            mailbox.error, outcome = error, None
            self.failed.append(mailbox)
        if outcome and not ended.interrupted:
            self._go_on(mailbox, line)
        else:
            self._leave_place(mailbox, line)
        self._fill(line)
        self._tell_if_few()

    def _learn(self, handler: Handler, began: float) -> None:
        self._run_times.learn(handler, time.monotonic() - began)

    def _tell_if_few(self) -> None:
        """Tell the main thread when it is time to settle and to claim more."""
        left = self._entries_left
        if left == 0 or self.failed or self.fault or (not self._told and left <= self._few):
            self._told = True
            self.finished.put(None)

    def _interrupt_all(self) -> None:
        for one in self._runs():
            with suppress(Exception):  # what it awaits may be an object that refuses
                one.interrupt()
        self._tell_if_few()

    def _set_first(self, deadline: float) -> None:
        self._first = deadline
        self._deadlines.set_loop(deadline)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # no wheel for this platform
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
