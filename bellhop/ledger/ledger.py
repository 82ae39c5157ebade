"""The ledger's two faces: `Ledger` blocks, `AsyncLedger` awaits. Both only call the scripts."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, TypeVar

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bellhop.ledger import calls, keys
from bellhop.ledger.calls import Call
from bellhop.ledger.entries import (
    Arrival,
    Claimed,
    Errand,
    Quarantined,
    Receipt,
    Replay,
    Replayed,
    Resolution,
    Resolved,
    Settled,
    SettledMail,
    Swept,
)
from bellhop.vault import NO_KEYS, Vault

T = TypeVar("T")

CONFIRM_WITHIN = 4.0
"""Seconds for a write to reach the disk or a replica; less than a client waits for an answer."""

_CONFIRM: Mapping[str, Sequence[str | int]] = {
    "redis": (),
    "fsync": ("WAITAOF", 1, 0, round(CONFIRM_WITHIN * 1000)),
    "replica": ("WAIT", 1, round(CONFIRM_WITHIN * 1000)),
}


class Ledger:
    """The ledger for workers, the foreman and the command line.

    `retention`: how long an event is remembered once nothing of it is open. `now_ms` arguments are
    for tests: without one, the server's clock counts, the only one that all machines share. Every
    method raises `redis.exceptions.RedisError` when Redis cannot do it; then nothing was written,
    unless the connection broke before the answer came. `vault`: bodies are stored as it seals them;
    who reads one opens it.
    """

    def __init__(self, redis: Redis, retention: timedelta, vault: Vault = NO_KEYS) -> None:
        self.redis = redis
        self.retention = retention
        self.vault = vault

    def accept(
        self, batch: Sequence[Arrival | Quarantined], *, now_ms: int | None = None
    ) -> Receipt:
        """Take in a batch of deliveries, each once."""
        return self._run(calls.accept(_sealed(batch, self.vault), self.retention, now_ms))

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

    def replay(self, replays: Sequence[Replay], *, now_ms: int | None = None) -> Replayed:
        """Give events that are over to handlers again, in this order.

        Without any, say how many of those before still wait in their mailboxes.
        """
        return self._run(calls.replay(replays, now_ms))

    def sweep(
        self, *, queued: int, dead_workers: Sequence[str] = (), now_ms: int | None = None
    ) -> Swept:
        """Bring due retries back, and free what dead workers held.

        `queued` is the number of shifts in RQ's queue.
        """
        return self._run(calls.sweep(self.retention, queued, dead_workers, now_ms))

    def fetch(self, lease: timedelta, *, now_ms: int | None = None) -> Errand | float | None:
        """Give a fetcher an action attempt, which is its own until the lease ends.

        If none is due, return the seconds until the next one is, if there is one.
        """
        return self._run(calls.fetch(lease, self.retention, now_ms))

    def check_vault(self) -> None:
        """Raise `Sealed` if what is stored was encrypted with a key that is not in the vault."""
        mark: Any = self.redis.get(keys.SEALED)
        if mark:
            self.vault.open(mark)

    def remember_vault(self) -> None:
        """Have `check_vault` know the first key from now on."""
        if self.vault.encrypts:
            self.redis.set(keys.SEALED, self.vault.seal(b"opened"))

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


def _sealed(
    batch: Sequence[Arrival | Quarantined], vault: Vault
) -> Sequence[Arrival | Quarantined]:
    if not vault.encrypts:
        return batch
    return [item._replace(body=vault.seal(item.body)) for item in batch]


class NotDurable(RedisTimeoutError):
    """Redis has taken the batch, but not yet where it is to be before anybody is told so.

    Whoever delivers it again is told "duplicate" once it is there.
    """


class AsyncLedger:
    """The ledger for the receiver.

    `durability`: where a batch is before `accept` returns. `redis`: in the server's memory, and on
    its disk as its `appendfsync` says. `fsync`: on its disk. `replica`: in a replica's memory, too.
    """

    def __init__(
        self,
        redis: AsyncRedis,
        retention: timedelta,
        durability: Literal["redis", "fsync", "replica"] = "redis",
        vault: Vault = NO_KEYS,
    ) -> None:
        self.redis = redis
        self.retention = retention
        self._vault = vault
        self._confirm = _CONFIRM[durability]
        self._script_is_known = False

    async def accept(self, batch: Sequence[Arrival | Quarantined]) -> Receipt:
        """Take in a batch of deliveries, each once. Raises as `Ledger` does, and `NotDurable`."""
        call = calls.accept(_sealed(batch, self._vault), self.retention, None)
        if self._confirm:
            return await self._run_and_confirm(call, self._confirm)
        return await self._run(call)

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

    async def _run_and_confirm(self, call: Call[T], confirm: Sequence[str | int]) -> T:
        """Run a script, and wait until what it wrote, or found written, is where it is to be.

        Redis waits for what this connection wrote, and everything before. A batch of duplicates
        writes nothing, so there is always a write of our own behind it.
        """
        arguments = [1, keys.PREFIX, *call.arguments]
        # A server that does not know the script waits all the same, before it says so: whenever it
        # may not, because it may be another one or was restarted, it is sent along.
        known, self._script_is_known = self._script_is_known, False
        sha, source = ("EVALSHA", call.script.sha), ("EVAL", call.script.source)
        for command in (sha, source) if known else (source,):
            pipeline: Any = self.redis.pipeline(transaction=False)
            pipeline.execute_command(*command, *arguments)
            pipeline.execute_command("SET", keys.PROBE, "", "EX", 60)
            pipeline.execute_command(*confirm)
            answer, probed, confirmed = await pipeline.execute(raise_on_error=False)
            if not isinstance(answer, NoScriptError):
                break
        for failed in (answer, probed):
            if isinstance(failed, RedisError):
                raise failed
        self._script_is_known = True
        _check_confirmed(confirmed)
        return call.read(answer)


def _check_confirmed(confirmed: Any) -> None:
    """Raise `NotDurable` unless one server more than none has said that it has the writes."""
    if isinstance(confirmed, RedisError):
        # A server too old for WAITAOF has `appendfsync always`: otherwise we would not have begun.
        if not str(confirmed).startswith("unknown command"):
            raise NotDurable(str(confirmed)) from confirmed
    elif (confirmed[0] if isinstance(confirmed, list) else confirmed) < 1:
        raise NotDurable(f"not durable within {CONFIRM_WITHIN:g} s, see BELLHOP_DURABILITY")
