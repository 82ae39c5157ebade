"""What a process does while anybody in it waits for an action attempt.

One thread with an event loop of its own serves all who wait, in whatever threads and loops. It has
two connections to Redis, however many wait: on one it is told of attempts, on the other it reads
them.

1. It takes note of where `attempts`, the log of what events are about, ends, and follows it from
   there.
2. Then it looks back: it reads each attempt that is waited for. What was told before step 1 is
   found by that, what is told after it by following. Whoever begins to wait later is looked back
   for, too.
3. An attempt that is told of is read, and who waits for it is told when it has ended.
4. When a connection breaks, it begins again with step 1.
"""

import asyncio
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bellhop.attempts import ActionAttempt
from bellhop.connections import connect_async, reason
from bellhop.ledger import AsyncAttempts, keys
from bellhop.polling import Polls
from bellhop.settings import Settings
from bellhop.vault import CannotOpen, Kind

_BLOCK_MS = 2000
"""How long Redis is asked to keep silent: less than a client waits for an answer."""

_IDLE = 10.0
"""Seconds without anybody who waits, after which the connections are closed."""

_AT_ONCE = 200
"""Attempts that are read in one go."""

_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_NOTHING = "0-0"


class Wait:
    """One who waits. `known`: what is known of the attempt. `future`: the one that has ended."""

    def __init__(self, listener: "Listener", action_attempt_id: str) -> None:
        self.action_attempt_id = action_attempt_id
        self.future: Future[ActionAttempt] = Future()
        self.known = ActionAttempt(action_attempt_id=action_attempt_id)
        self.api_problem: str | None = None
        self._listener = listener

    @property
    def problem(self) -> str | None:
        """Why the end may have been missed."""
        return self._listener.problem or self.api_problem

    def leave(self) -> None:
        """Wait no more."""
        self._listener.leave(self)


class Listener:
    """Serves all who wait, in a thread of its own, until nobody has waited for a while."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.problem: str | None = None
        """What keeps it from hearing, if something does."""
        self._url = url
        self._vault = settings.vault
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._all: set[Wait] = set()
        self._closed = False
        self._last_left = time.monotonic()
        # The rest belongs to the thread.
        self._waits: dict[str, set[Wait]] = {}
        self._to_read: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._polls = Polls(settings, self._learn, self._note_problem)
        self._reasons: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Begin to listen."""
        threading.Thread(target=self._thread, name="bellhop-listener", daemon=True).start()

    def add(self, action_attempt_id: str) -> Wait | None:
        """Serve one more, unless this one has closed."""
        with self._lock:
            if self._closed:
                return None
            wait = Wait(self, action_attempt_id)
            self._all.add(wait)
            self._loop.call_soon_threadsafe(self._begin, wait)
            return wait

    def leave(self, wait: Wait) -> None:
        """Serve one less."""
        with self._lock:
            self._all.discard(wait)
            self._last_left = time.monotonic()
            if not self._closed:
                self._loop.call_soon_threadsafe(self._end, wait)

    def _thread(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        redis = connect_async(self._url)
        tasks = {asyncio.create_task(work(redis)) for work in (self._follow, self._read)}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except BaseException as error:  # whoever waits is told, and nobody else can
            self._close(error)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._polls.close()
            await redis.aclose()

    def _close(self, error: BaseException) -> None:
        """Take nobody any more, and tell all who are there why."""
        with self._lock:
            self._closed = True
            waits = list(self._all)
        for wait in waits:
            _refuse(wait, error)

    def _is_over(self) -> bool:
        with self._lock:
            self._closed = not self._all and time.monotonic() - self._last_left > _IDLE
            return self._closed

    # Who waits

    def _begin(self, wait: Wait) -> None:
        name = wait.action_attempt_id
        self._waits.setdefault(name, set()).add(wait)
        self._read_soon([name])
        self._polls.begin(name)

    def _end(self, wait: Wait) -> None:
        name = wait.action_attempt_id
        waits = self._waits.get(name, set())
        waits.discard(wait)
        if not waits:
            self._waits.pop(name, None)
            self._polls.stop(name)

    def _note_problem(self, action_attempt_id: str, problem: str) -> None:
        for wait in self._waits.get(action_attempt_id, ()):
            wait.api_problem = problem

    def _learn(self, attempt: ActionAttempt) -> None:
        """Take note of how an attempt stands, and tell who waits for it if it has ended."""
        name = attempt.action_attempt_id
        if name not in self._waits or name in self._reasons:
            return
        for wait in self._waits[name]:
            wait.known = attempt
        if attempt.failed:
            self._reasons[name] = asyncio.create_task(self._learn_reason(attempt))
        elif not attempt.is_pending and attempt.status is not None:
            self._tell(attempt)

    async def _learn_reason(self, attempt: ActionAttempt) -> None:
        try:
            self._tell(await self._polls.reason_of(attempt))
        finally:
            del self._reasons[attempt.action_attempt_id]

    def _tell(self, attempt: ActionAttempt) -> None:
        name = attempt.action_attempt_id
        self._polls.stop(name)
        for wait in self._waits.pop(name, ()):
            with suppress(InvalidStateError):  # it has been cancelled
                wait.future.set_result(attempt)

    # Following

    async def _follow(self, redis: Redis) -> None:
        pause = _PAUSE
        while not self._is_over():
            try:
                await self._check_vault(redis)
                last = await _newest(redis)
                self._read_soon(self._waits)
                self.problem, pause = None, _PAUSE
                await self._follow_from(redis, last)
            except RedisError as error:
                self.problem = f"Redis is away: {reason(error)}"
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _follow_from(self, redis: Redis, last: str) -> None:
        """Follow until nobody waits any more, or until the log is another one than before."""
        while not self._is_over():
            told: Any = await redis.xread({keys.ATTEMPTS: last}, count=1000, block=_BLOCK_MS)
            for _, entries in told:
                last = entries[-1][0].decode()
                names = (fields[b"attempt"].decode() for _, fields in entries)
                self._read_soon(name for name in names if name in self._waits)
            if not told and _place(await _newest(redis)) < _place(last):
                return

    async def _check_vault(self, redis: Redis) -> None:
        mark: Any = await redis.get(keys.SEALED)
        if mark:
            self._vault.open(mark, Kind.LEDGER)

    # Reading

    def _read_soon(self, action_attempt_ids: Iterable[str]) -> None:
        self._to_read.update(dict.fromkeys(action_attempt_ids))
        self._wake.set()

    async def _read(self, redis: Redis) -> None:
        attempts = AsyncAttempts(redis, self._vault)
        while True:
            await self._wake.wait()
            self._wake.clear()
            while names := list(self._to_read)[:_AT_ONCE]:
                for name in names:
                    del self._to_read[name]
                try:
                    await self._read_some(attempts, names)
                except RedisError:  # following finds out what it is
                    self._to_read.update(dict.fromkeys(names))
                    await asyncio.sleep(_PAUSE)

    async def _read_some(self, attempts: AsyncAttempts, names: Sequence[str]) -> None:
        try:
            found = await attempts.get_all(names)
        except CannotOpen as error:
            if len(names) > 1:
                for name in names:
                    await self._read_some(attempts, [name])
            else:
                for wait in self._waits.pop(names[0], ()):
                    _refuse(wait, error)
        else:
            for one in found:
                self._learn(one.attempt)


async def _newest(redis: Redis) -> str:
    entries: Any = await redis.xrevrange(keys.ATTEMPTS, count=1)
    return entries[0][0].decode() if entries else _NOTHING


def _place(entry: str) -> tuple[int, ...]:
    return tuple(map(int, entry.split("-")))


def _refuse(wait: Wait, error: BaseException) -> None:
    with suppress(InvalidStateError):  # it has been cancelled
        wait.future.set_exception(error)
