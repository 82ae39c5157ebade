"""The ledger for the receiver: it awaits the scripts, and what they wrote being durable."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bellhop.ledger import calls, keys
from bellhop.ledger.alarms import MOST_ALARMS
from bellhop.ledger.calls import Call
from bellhop.ledger.entries import Arrival, Quarantined, Receipt
from bellhop.ledger.names import readable
from bellhop.ledger.sealing import sealed
from bellhop.ledger.version import version_error
from bellhop.notices import Notice
from bellhop.vault import NO_KEYS, Vault

T = TypeVar("T")

CONFIRM_WITHIN = 4.0
"""Seconds for a write to reach the disk or a replica; less than a client waits for an answer."""

_CONFIRM: Mapping[str, Sequence[str | int]] = {
    "redis": (),
    "fsync": ("WAITAOF", 1, 0, round(CONFIRM_WITHIN * 1000)),
    "replica": ("WAIT", 1, round(CONFIRM_WITHIN * 1000)),
}


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
        call = calls.accept(sealed(batch, self._vault), self.retention, None)
        if self._confirm:
            return await self._run_and_confirm(call, self._confirm)
        return await self._run(call)

    async def handler_sets(self) -> tuple[str, ...]:
        """Return the sets of handlers that workers have. Raises `RedisError`."""
        found: Any = await self.redis.hkeys(keys.SETS)
        return tuple(readable(found))

    async def note(self, notice: Notice, sent_at: datetime) -> None:
        """Keep an alarm of Svix, or drop those that are over. Raises `RedisError`.

        One that comes again is the same one. The oldest of too many are forgotten.
        """
        both: Any = self.redis.pipeline(transaction=True)
        if notice.is_alarm:
            both.zadd(keys.ALARMS, {f"{notice.type} {notice.endpoint}": int(sent_at.timestamp())})
        for kind in notice.ends:
            both.zrem(keys.ALARMS, f"{kind} {notice.endpoint}")
        both.zremrangebyrank(keys.ALARMS, 0, -MOST_ALARMS - 1)
        await both.execute()

    async def probe(self) -> None:
        """Raise `RedisError` unless Redis can be reached and takes writes."""
        await self.redis.set(keys.PROBE, "", ex=60)

    async def _run(self, call: Call[T]) -> T:
        execute: Any = self.redis.execute_command
        arguments = [1, keys.PREFIX, *call.arguments]
        try:
            try:
                answer = await execute("EVALSHA", call.script.sha, *arguments)
            except NoScriptError:
                answer = await execute("EVAL", call.script.source, *arguments)
        except ResponseError as error:
            raise version_error(error) from None
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
                raise version_error(failed)
        self._script_is_known = True
        _check_confirmed(confirmed)
        return call.read(answer)


def _check_confirmed(confirmed: Any) -> None:
    """Raise `NotDurable` unless at least one server has said that it has the writes."""
    if isinstance(confirmed, RedisError):
        # A server too old for WAITAOF has `appendfsync always`: otherwise we would not have begun.
        if not str(confirmed).startswith("unknown command"):
            raise NotDurable(str(confirmed)) from confirmed
    elif (confirmed[0] if isinstance(confirmed, list) else confirmed) < 1:
        raise NotDurable(f"not durable within {CONFIRM_WITHIN:g} s, see BELLHOP_DURABILITY")
