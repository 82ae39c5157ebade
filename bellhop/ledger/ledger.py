"""The ledger's two faces: `Ledger` blocks, `AsyncLedger` awaits. Both only call the scripts."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoScriptError

from bellhop.ledger import calls, keys
from bellhop.ledger.calls import Call
from bellhop.ledger.entries import (
    Arrival,
    Claimed,
    Quarantined,
    Receipt,
    Resolution,
    Resolved,
    Settled,
    SettledMail,
    Swept,
)

T = TypeVar("T")


class Ledger:
    """The ledger for workers, the foreman and the command line.

    `retention`: how long an event is remembered once nothing of it is open. `now_ms` arguments are
    for tests: without one, the server's clock counts, the only one that all machines share. Every
    method raises `redis.exceptions.RedisError` when Redis cannot do it; then nothing was written,
    unless the connection broke before the answer came.
    """

    def __init__(self, redis: Redis, retention: timedelta) -> None:
        self.redis = redis
        self.retention = retention

    def accept(
        self, batch: Sequence[Arrival | Quarantined], *, now_ms: int | None = None
    ) -> Receipt:
        """Take in a batch of deliveries, each once."""
        return self._run(calls.accept(batch, self.retention, now_ms))

    def claim(
        self,
        shift: str,
        *,
        lease: timedelta,
        mailboxes: int,
        entries: int,
        with_newest: bool = False,
        now_ms: int | None = None,
    ) -> Claimed:
        """Give a shift that starts its first mail: at most `mailboxes`, about `entries` in all.

        `with_newest`: with `Mail.newest`.
        """
        return self._run(
            calls.claim(
                shift,
                lease=lease,
                mailboxes=mailboxes,
                entries=entries,
                with_newest=with_newest,
                now_ms=now_ms,
            )
        )

    def settle(
        self,
        shift: str,
        number: int,
        results: Sequence[SettledMail],
        *,
        lease: timedelta,
        mailboxes: int = 0,
        entries: int = 0,
        with_newest: bool = False,
        now_ms: int | None = None,
    ) -> Settled:
        """Write down what a shift did, give mailboxes back, and claim its next mail.

        `number` is another one for each settle of a shift. One that is repeated with the same
        number, because its answer was lost, writes nothing and returns all the mail that the shift
        holds.
        """
        return self._run(
            calls.settle(
                shift,
                number,
                results,
                lease=lease,
                retention=self.retention,
                mailboxes=mailboxes,
                entries=entries,
                with_newest=with_newest,
                now_ms=now_ms,
            )
        )

    def resolve(self, resolutions: Sequence[Resolution], *, now_ms: int | None = None) -> Resolved:
        """Try dead letters again, or be done with them."""
        return self._run(calls.resolve(resolutions, self.retention, now_ms))

    def sweep(
        self, *, queued: int, dead_workers: Sequence[str] = (), now_ms: int | None = None
    ) -> Swept:
        """Bring due retries back, and free what dead workers held.

        `queued` is the number of shifts in RQ's queue.
        """
        return self._run(calls.sweep(self.retention, queued, dead_workers, now_ms))

    def event(self, event_id: str) -> Mapping[str, bytes]:
        """Return the record of an event by field, empty if there is none."""
        record: dict[Any, Any] = self.redis.hgetall(keys.event(event_id))
        return {name.decode(): value for name, value in record.items()}

    def _run(self, call: Call[T]) -> T:
        execute: Any = self.redis.execute_command
        arguments = [1, keys.PREFIX, *call.arguments]
        try:
            answer = execute("EVALSHA", call.script.sha, *arguments)
        except NoScriptError:
            answer = execute("EVAL", call.script.source, *arguments)
        return call.read(answer)


class AsyncLedger:
    """The ledger for the receiver."""

    def __init__(self, redis: AsyncRedis, retention: timedelta) -> None:
        self.redis = redis
        self.retention = retention

    async def accept(self, batch: Sequence[Arrival | Quarantined]) -> Receipt:
        """Take in a batch of deliveries, each once. Raises as `Ledger` does."""
        return await self._run(calls.accept(batch, self.retention, None))

    async def probe(self) -> None:
        """Raise `RedisError` unless Redis can be reached and takes writes."""
        await self.redis.set(keys.PROBE, "", ex=60)

    async def _run(self, call: Call[T]) -> T:
        execute: Any = self.redis.execute_command
        arguments = [1, keys.PREFIX, *call.arguments]
        try:
            answer = await execute("EVALSHA", call.script.sha, *arguments)
        except NoScriptError:
            answer = await execute("EVAL", call.script.source, *arguments)
        return call.read(answer)
