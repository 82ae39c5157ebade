"""One run of an async handler: a task of its own, in a context of its own.

A handler can have its task cancelled: by itself, by a library, by a timer that goes off when the
handler is through. In a task that did more than this run, that would stop what comes after it. The
task is ended by us for two reasons, which are noted here; whatever else ends it is the handler's
failure.
"""

import asyncio
import contextvars
import math
import time
from collections.abc import Callable, Coroutine
from typing import Any

from bellhop import forks
from bellhop.failpoints import failpoint
from bellhop.handler import HandlerTimeout
from bellhop.ledger import Outcome
from bellhop_workers.outcomes import outcome_of
from bellhop_workers.running import Run, check_result, end_forked, now_ms
from bellhop_workers.running_notes import Note, Noted

_CANCELLED = "the handler was cancelled, by itself or by code that it uses"


class AsyncRun:
    """A handler that runs on the event loop of this thread, when its turn comes.

    when_begun: is called once with this object, when the handler is about to be called; its time
    counts from then, and not from when it was put in line. when_over: is called once with this
    object, in `context`, when the handler has returned or raised. context: what the handler runs
    in a copy of. note: what runs at the moment, for the pool.
    """

    __slots__ = (
        "_context",
        "_error",
        "_expired",
        "_not_begun",
        "_note",
        "_started_ms",
        "_task",
        "_took",
        "_when_begun",
        "_when_over",
        "began",
        "deadline",
        "interrupted",
        "run",
    )

    def __init__(
        self,
        run: Run,
        when_begun: Callable[["AsyncRun"], None],
        when_over: Callable[["AsyncRun"], None],
        context: contextvars.Context,
        note: Note,
    ) -> None:
        self.run = run
        self.began = self.deadline = math.inf
        """On the monotonic clock, when it began, and when its worker is ended if it still runs."""
        self.interrupted = False
        """Whether this worker let go of it: then it counts as not run."""
        # One element, until the run begins or is taken back: `pop` is one step, in any thread.
        self._not_begun = [True]
        self._expired = False
        self._error: BaseException | None = None
        self._started_ms = 0
        self._took = 0.0
        self._when_begun = when_begun
        self._when_over = when_over
        self._context = context
        self._note = note
        loop = asyncio.get_running_loop()
        # Not by the loop: a handler may have given it a task factory.
        self._task = asyncio.Task(self._await(), loop=loop, context=context.copy())
        # Who cancels `asyncio.all_tasks()` does not mean the handlers of other devices.
        asyncio._unregister_task(self._task)

    def interrupt(self) -> None:
        """Cancel it, as one that did not run."""
        self.interrupted = True
        if self.began < math.inf:  # else its coroutine would not run at all, and nobody be told
            self._task.cancel()

    def take_back(self) -> bool:
        """Have it not begin, unless it has begun; return which. May be called from any thread."""
        try:
            self._not_begun.pop()
        except IndexError:
            return False
        return True

    def outcome(self) -> Outcome | None:
        """Return what became of it, or `None` if it counts as not run."""
        error = self._error
        if forks.is_child():
            end_forked(self.run, error)
        if error is not None and self.interrupted:
            return None
        # By the class itself: an error may lie about its own.
        kind = type(error)
        if error is not None and issubclass(kind, TimeoutError | asyncio.CancelledError):
            if self._expired:
                error = HandlerTimeout().with_traceback(error.__traceback__)
            elif kind is asyncio.CancelledError and not error.args:
                error.args = (_CANCELLED,)
        outcome = outcome_of(self.run, error, self._started_ms, self._took * 1000)
        failpoint("async_handler.after")
        return outcome

    async def _await(self) -> None:
        failpoint("async_handler.before")
        self._started_ms, self.began = now_ms(), time.monotonic()
        if self.interrupted or not self.take_back():
            self.interrupted = True
            self._error = asyncio.CancelledError()
        else:
            self.deadline = self.run.deadline(self.began)
            self._when_begun(self)
            try:
                check_result(await self._noted(self._call()))
            except BaseException as error:  # of what a task raises, some leaves the event loop
                self._error = error
        self._took = time.monotonic() - self.began
        # From here, and not when the task is over: that comes a turn of the loop later, and one
        # that was cancelled as its last step is over as cancelled, though the handler returned.
        self._context.run(self._when_over, self)

    def _call(self) -> Any:
        """Call the handler, or have its `where` refuse the event: that may end the worker, too."""
        self._note.write(self.run.entry)
        try:
            return self.run.call()
        finally:
            self._note.clear()

    def _noted(self, awaitable: Any) -> Any:
        if not isinstance(awaitable, Coroutine):
            return awaitable
        return Noted(awaitable, self.run.entry, self._note)

    def expire(self) -> None:
        """Interrupt it, once: its time is up."""
        if not self._expired:
            self._expired = True
            self._task.cancel()
