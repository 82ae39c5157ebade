"""Group commit: deliveries that arrive while Redis is busy with a batch become the next batch.

There is no timer. Alone, a delivery is a batch of its own and waits for nobody; under load, the
batches grow with the time a call takes, and one call of the accept script carries them all.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bellhop.connections import SOCKET_TIMEOUT, is_outage, reason
from bellhop.errors import WrongVersion
from bellhop.failpoints import failpoint
from bellhop.ledger import Arrival, AsyncLedger, Quarantined, Receipt
from bellhop.logs import get_logger
from bellhop.notices import Notice
from bellhop.outages import Outages
from bellhop.queue import ShiftQueue

MOST_DELIVERIES = 500
MOST_BYTES = 4 * 1024 * 1024

LONGEST_CALL = SOCKET_TIMEOUT + 1
"""Seconds for a call, with a new connection if need be."""

LONGEST_WAIT = 14.0
"""Seconds until a delivery is answered, whatever Redis does: the sender gives up after 15."""

_log = get_logger("receiver")

Item = Arrival | Quarantined


class Unavailable(Exception):
    """Redis could not take the delivery, or did not say so in time."""


@dataclass(slots=True)
class _Waiting:
    item: Item
    done: "asyncio.Future[bool]"
    since: float
    """Seconds, by the clock of the event loop."""

    def fail(self) -> None:
        """Have the sender come again."""
        if not self.done.done():
            self.done.set_exception(Unavailable())


class Intake:
    """Puts deliveries into the ledger, many at a time.

    `end`: is called if the ledger is of another version: nothing can be accepted any more.
    """

    def __init__(
        self,
        ledger: AsyncLedger,
        shifts: ShiftQueue,
        end: Callable[[WrongVersion], None] = lambda _: None,
    ) -> None:
        self._end = end
        self._ledger = ledger
        self._shifts = shifts
        self._waiting: list[_Waiting] = []
        self._flushing: asyncio.Task[None] | None = None
        self._enqueueing: set[asyncio.Task[None]] = set()
        self._outages = Outages(_log, "Redis cannot take events; answering 503")

    async def accept(self, item: Item) -> bool:
        """Return, once Redis has acknowledged it, whether the delivery was new.

        Raises `Unavailable` within `LONGEST_WAIT`; then the sender has to come again.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(_Waiting(item, done, loop.time()))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_all())
        return await done

    async def note(self, notice: Notice, sent_at: datetime) -> None:
        """Keep what Svix has to say. Raises `Unavailable`."""
        try:
            async with asyncio.timeout(LONGEST_CALL):
                await self._ledger.note(notice, sent_at)
        except (RedisError, TimeoutError) as error:
            raise Unavailable from error

    async def close(self) -> None:
        """Finish what is under way."""
        if self._flushing:
            await self._flushing
        if self._enqueueing:
            await asyncio.gather(*self._enqueueing, return_exceptions=True)

    async def _flush_all(self) -> None:
        try:
            while self._waiting:
                self._fail_late()
                if batch := self._next_batch():
                    await self._flush(batch)
        finally:
            self._flushing = None

    def _fail_late(self) -> None:
        """Fail what might have to wait too long, if the next call takes as long as it may."""
        begun = asyncio.get_running_loop().time() + LONGEST_CALL - LONGEST_WAIT
        late = 0
        for waiting in self._waiting:  # oldest first
            if waiting.since >= begun:
                break
            waiting.fail()
            late += 1
        if late:
            del self._waiting[:late]
            self._outages.failed(RedisTimeoutError("it is too slow for all that arrives"))

    def _next_batch(self) -> list[_Waiting]:
        size = 0
        for count, waiting in enumerate(self._waiting):
            size += len(waiting.item.body)
            if count == MOST_DELIVERIES or (count and size > MOST_BYTES):
                break
        else:
            batch, self._waiting = self._waiting, []
            return batch
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _flush(self, batch: Sequence[_Waiting]) -> None:
        failpoint("accept.before")
        try:
            receipt = await self._commit([waiting.item for waiting in batch])
        except Exception as error:
            for waiting in batch:
                waiting.fail()
            self._report(error)
            return
        failpoint("accept.after")
        for waiting, new in zip(batch, receipt.new, strict=True):
            if not waiting.done.done():
                waiting.done.set_result(new)
        self._outages.succeeded()
        for drift in receipt.unseen:
            _log.warning(
                "events differ from Seam's schema; they are accepted (bellhop drift tells more)",
                event_type=drift.event_type,
                field=drift.field,
                kind=drift.kind,
                example=drift.example,
            )
        if receipt.wake:
            self._enqueue(receipt.wake)

    async def _commit(self, items: Sequence[Item]) -> Receipt:
        try:
            async with asyncio.timeout(LONGEST_CALL):
                return await self._accept(items)
        except TimeoutError as error:
            raise RedisTimeoutError(f"no answer within {LONGEST_CALL:g} s") from error

    async def _accept(self, items: Sequence[Item]) -> Receipt:
        try:
            return await self._ledger.accept(items)
        except RedisConnectionError:
            # The server may have been restarted behind a pooled connection. If the first call got
            # through all the same, the second says "duplicate", which is true, and answered too;
            # and nobody has enqueued a shift, of which one too many does no harm.
            receipt = await self._ledger.accept(items)
            return receipt._replace(wake=await self._ledger.handler_sets())

    def _report(self, error: Exception) -> None:
        """Log one line for each outage, not one for each request; fail what waits in one."""
        if isinstance(error, RedisError) and is_outage(error):
            # Those that wait would only wait for the same.
            for waiting in self._waiting:
                waiting.fail()
            self._waiting.clear()
            self._outages.failed(error)
        elif isinstance(error, WrongVersion):
            self._end(error)
        else:
            _log.error("cannot accept events", exc_info=error)

    def _enqueue(self, handler_sets: Sequence[str]) -> None:
        task = asyncio.create_task(self._enqueue_shifts(handler_sets))
        self._enqueueing.add(task)
        task.add_done_callback(self._enqueueing.discard)

    async def _enqueue_shifts(self, handler_sets: Sequence[str]) -> None:
        failpoint("enqueue.before")
        try:
            await self._shifts.enqueue(handler_sets)
            failpoint("enqueue.after")
        except RedisError as error:
            # The foreman sees mail and an empty queue, and asks for a shift within seconds.
            _log.warning("could not enqueue a shift", error=reason(error))
