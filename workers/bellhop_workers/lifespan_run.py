"""The lifespan of a worker: opened before it takes mail, closed after its last handler.

1. A sync one runs in the main thread. An async one runs on the event loop of async handlers, as one
   task from beginning to end: task groups and cancel scopes are left by the task that entered them.
2. An error before the `yield`, no `yield`, or more than a minute without one: `open` raises
   `CannotOpen`, and the worker must not take mail.
3. An error behind the `yield` is logged. What does not end there is ended with the process.
4. If the task of an async one is cancelled in between, as by a task group of which another task
   failed, the part behind the `yield` runs at once, and the worker is asked to stop.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Iterator
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from bellhop import forks
from bellhop.errors import BellhopError, Terminated
from bellhop.handler import HandlerTimeout
from bellhop.lifespans import Lifespan
from bellhop.logs import get_logger
from bellhop.tracebacks import without_libraries
from bellhop_workers import alarm
from bellhop_workers.failures import Failure, words_of
from bellhop_workers.loop import HandlerLoop

LONGEST_OPENING = 60.0
"""Seconds until the `yield`, after which the lifespan is interrupted."""

TO_INTERRUPT = 5.0
"""Seconds that an interrupt may take."""

_NO_YIELD = "it ended without a `yield`"
_SECOND_YIELD = "it has a second `yield`: what is behind that does not run"

_log = get_logger("workers")


class CannotOpen(BellhopError):
    """A lifespan came to no `yield`. `text`: why, with its traceback if there is one."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.summary)
        self.text = failure.text


class LifespanRun(Protocol):
    """The lifespan that this worker runs."""

    def open(self) -> Any:
        """Run it to its `yield`, and return what it yields. Raises `CannotOpen`, `Terminated`."""

    def close(self) -> None:
        """Run the rest of it, if it came to its `yield`. What that raises is logged."""


def lifespan_run(lifespan: Lifespan | None, loop: HandlerLoop) -> LifespanRun:
    """Return what runs a lifespan in the main thread or on the loop, or does nothing."""
    if lifespan is None:
        return _None()
    return _OnLoop(lifespan, loop) if lifespan.is_async else _InMainThread(lifespan)


class _None:
    def open(self) -> None:
        pass

    def close(self) -> None:
        pass


class _InMainThread:
    def __init__(self, lifespan: Lifespan) -> None:
        self._lifespan = lifespan
        self._generator: Iterator[Any] = iter(())

    def open(self) -> Any:
        try:
            try:
                alarm.set(LONGEST_OPENING)
                self._generator = self._lifespan.function()
                return next(self._generator)
            finally:
                alarm.clear()
                _end_forked(self._lifespan, sys.exception())
        except Terminated:
            raise
        except StopIteration:
            raise CannotOpen(Failure(_NO_YIELD, _NO_YIELD)) from None
        except HandlerTimeout as error:
            alarm.clear()  # it came in the very moment that this was about to be done
            raise CannotOpen(_too_long(error)) from error
        except BaseException as error:
            raise CannotOpen(words_of(error)) from error

    def close(self) -> None:
        raised: BaseException | None = None
        try:
            next(self._generator)
        except BaseException as error:
            raised = error
        _closed(self._lifespan, raised)


class _OnLoop:
    def __init__(self, lifespan: Lifespan, loop: HandlerLoop) -> None:
        self._lifespan = lifespan
        self._loop = loop
        self._task: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._begun = self._is_open = self._expired = False
        self._opened: SimpleQueue[tuple[Any, Failure | None]] = SimpleQueue()
        self._closed: SimpleQueue[None] = SimpleQueue()

    def open(self) -> Any:
        self._begun = True
        self._loop.begin(self._live())
        try:
            state, failure = self._opened.get(timeout=LONGEST_OPENING + TO_INTERRUPT)
        except Empty:
            raise CannotOpen(_too_long()) from None
        except Terminated:
            self._loop.call(self._interrupt)
            raise
        if failure:
            raise CannotOpen(failure)
        return state

    def close(self) -> None:
        if self._begun:
            self._loop.call(self._over.set)
            self._closed.get()

    async def _live(self) -> None:
        """Run all of it."""
        self._task = asyncio.current_task()
        generator = self._lifespan.function()
        try:
            state, failure = await self._run_to_yield(generator)
            self._is_open = failure is None
            self._opened.put((state, failure))
            if not failure:
                await self._run_on(generator)
        finally:
            self._closed.put(None)

    async def _run_to_yield(
        self, generator: AsyncGenerator[Any, None]
    ) -> tuple[Any, Failure | None]:
        timer = asyncio.get_running_loop().call_later(LONGEST_OPENING, self._expire)
        try:
            return await anext(generator), None
        except StopAsyncIteration:
            return None, Failure(_NO_YIELD, _NO_YIELD)
        except BaseException as error:  # of what a task raises, some leaves the event loop
            return None, _too_long(error) if self._expired else words_of(error)
        finally:
            timer.cancel()
            _end_forked(self._lifespan, sys.exception())

    async def _run_on(self, generator: AsyncGenerator[Any, None]) -> None:
        """Wait for the end, and run what is behind the `yield`."""
        cancelled: BaseException | None = None
        raised: BaseException | None = None
        try:
            await self._over.wait()
        except BaseException as error:
            cancelled = error
        try:
            await (generator.athrow(cancelled) if cancelled else anext(generator))
        except BaseException as error:
            raised = error
        _closed(self._lifespan, raised)
        if cancelled:
            _log.error(
                "the lifespan was cancelled while handlers may run; the worker stops",
                lifespan=self._lifespan.name,
            )
            os.kill(os.getpid(), signal.SIGTERM)

    def _expire(self) -> None:
        self._expired = True
        self._interrupt()

    def _interrupt(self) -> None:
        """Cancel what is in front of the `yield`."""
        if self._task and not self._is_open:
            self._task.cancel()


def _end_forked(lifespan: Lifespan, error: BaseException | None = None) -> None:
    """End this process if the lifespan forked it."""
    if forks.is_child():
        forks.end_child(error, lifespan=lifespan.name)


def _too_long(error: BaseException | None = None) -> Failure:
    summary = f"it took longer than {LONGEST_OPENING:g} s to come to its `yield`"
    return Failure(summary, words_of(error).text if error else summary)


def _closed(lifespan: Lifespan, raised: BaseException | None) -> None:
    """Log what went wrong behind the `yield`, if anything did.

    raised: what the generator raised when it went on, which says that it is over if all is well.
    """
    if raised is None:
        failure = Failure(_SECOND_YIELD, "")
    elif issubclass(type(raised), StopIteration | StopAsyncIteration):
        failure = None
    else:
        failure = words_of(raised)
    if failure:
        _log.error(
            "the end of the lifespan failed",
            lifespan=lifespan.name,
            error=failure.summary,
            **traceback_in(failure.text),
        )
    _end_forked(lifespan)


def traceback_in(text: str) -> dict[str, str]:
    """Return what a log line says of a traceback, if there is one."""
    return {"exception": without_libraries(text).strip()} if text else {}
