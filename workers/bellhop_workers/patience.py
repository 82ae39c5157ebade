"""A Redis client that waits for Redis, for RQ, which ends a worker at most errors.

RQ's own loops survive a connection that is lost while they wait for a job, with a line in the log
for each try; a lost connection elsewhere, and every refusal (`OOM`, `READONLY`, `MISCONF`, …)
anywhere, ends the worker. With this client it meets none of them. All that RQ sends for a shift may
be sent twice.
"""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError, WatchError
from rq.exceptions import StopRequested

from bellhop.connections import is_outage
from bellhop.outages import wait_out
from bellhop_workers.runtime import Runtime

T = TypeVar("T")


class PatientRedis(Redis):
    """Another client on a client's connections, whose calls return when Redis has done them.

    When the worker is to stop, an outage is no longer waited out: `StopRequested` is raised.
    """

    def __init__(self, client: Redis, runtime: Runtime) -> None:
        super().__init__(connection_pool=client.connection_pool)
        self._client = client  # closes the connections when nobody has it any more
        self._runtime = runtime

    def execute_command(self, *arguments: Any, **options: Any) -> Any:
        """Send a command."""
        plain: Callable[..., Any] = super().execute_command
        return self.patiently(lambda: plain(*arguments, **options))

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """Return a pipeline that is as patient."""
        return _PatientPipeline(self, transaction, shard_hint)

    def patiently(self, call: Callable[[], T]) -> T:
        """Call until Redis is there. Only the main thread waits: others may have more to do."""
        if threading.current_thread() is not threading.main_thread():
            return call()
        try:
            return wait_out(
                call, self._runtime.ledger.outages, give_up=lambda: self._runtime.stopping
            )
        except RedisError as error:
            if is_outage(error):
                raise StopRequested from error
            raise


class _PatientPipeline(Pipeline):
    def __init__(self, client: PatientRedis, transaction: bool, shard_hint: str | None) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, transaction, shard_hint)
        self._patiently = client.patiently

    def immediate_execute_command(self, *arguments: Any, **options: Any) -> Any:
        plain: Callable[..., Any] = super().immediate_execute_command
        if self.watching:
            return self._or_watch_again(lambda: plain(*arguments, **options))
        return self._patiently(lambda: plain(*arguments, **options))

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        plain: Callable[..., list[Any]] = super().execute
        if self.watching:
            return self._or_watch_again(lambda: plain(raise_on_error))
        commands, explicit = list(self.command_stack), self.explicit_transaction

        def attempt() -> list[Any]:
            self.command_stack, self.explicit_transaction = list(commands), explicit
            return plain(raise_on_error)

        return self._patiently(attempt)

    def _or_watch_again(self, call: Callable[[], T]) -> T:
        """Call once: with the connection, the watch is gone, and the caller has to begin again."""
        try:
            return call()
        except RedisError as error:
            if not is_outage(error):
                raise
            connection: Any = self.connection
            if connection:
                connection.disconnect()  # `reset` would ask it to unwatch, and may wait for it
            self.watching = False
            self.reset()
            raise WatchError("Redis went away while keys were watched") from error
