"""Connections to Redis: clients for every form of `BELLHOP_REDIS_URL`, and what an outage is.

Whichever way Redis fails over (a Sentinel, or a name or proxy that leads elsewhere), a client finds
the new primary by itself: a connection that meets a read-only replica is dropped and made again.
"""

import re
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.connection import Connection as AsyncConnection
from redis.asyncio.connection import ConnectionPool as AsyncConnectionPool
from redis.asyncio.connection import SSLConnection as AsyncTlsConnection
from redis.asyncio.connection import UnixDomainSocketConnection as AsyncUnixConnection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.connection import (
    Connection,
    ConnectionPool,
    HiredisRespSerializer,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.exceptions import (
    ClusterDownError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from redis.sentinel import Sentinel

from bellhop.redis_url import RedisAddress, parse_redis_url

SOCKET_TIMEOUT = 5.0
"""Seconds to wait for Redis: the sender gives up after 15."""

_SENTINEL_TIMEOUT = 1.0
"""Seconds to wait for a sentinel, before the next one is asked."""

# One more try finds a server that was restarted behind a pooled connection. A call whose answer was
# lost may run twice by it; every script is safe to repeat.
_RETRIES = 1


def connect(url: str, *, patience: float | None = None) -> Redis:
    """Return a blocking client; nothing is sent yet. Raises `InvalidRedisUrl`.

    `patience`: seconds after which connecting, or waiting for an answer, fails for good, for a
    caller who must not stand still (only to look up the host's name may take longer). Without it,
    they have `SOCKET_TIMEOUT`, and a lost connection is made again once.
    """
    address = parse_redis_url(url)
    options = _options(address, Retry)
    sentinel_options = _sentinel_options(address, Retry)
    if patience is not None:
        once = Retry(NoBackoff(), 0)
        options |= _timeouts(patience) | {"retry": once}
        # All of them together may take that long.
        sentinel_options |= _timeouts(patience / max(len(address.hosts), 1))
    if address.service:
        sentinel: Any = Sentinel(  # type: ignore[no-untyped-call]
            address.hosts, sentinel_kwargs=sentinel_options, **options
        )
        client: Redis = sentinel.master_for(address.service, redis_class=_SentinelClient)
        return client
    kind: Any = UnixDomainSocketConnection
    if address.hosts:
        [(options["host"], options["port"])] = address.hosts
        kind = _TlsConnection if address.tls else _PlainConnection
    return Redis.from_pool(ConnectionPool(connection_class=kind, **options))


def connect_async(url: str) -> AsyncRedis:
    """Return a client for an event loop; nothing is sent yet. Raises `InvalidRedisUrl`."""
    address = parse_redis_url(url)
    options = _options(address, AsyncRetry)
    if address.service:
        sentinel: Any = AsyncSentinel(  # type: ignore[no-untyped-call]
            address.hosts, sentinel_kwargs=_sentinel_options(address, AsyncRetry), **options
        )
        client: AsyncRedis = sentinel.master_for(address.service, redis_class=_AsyncSentinelClient)
        return client
    kind: Any = _AsyncUnixConnection
    if address.hosts:
        [(options["host"], options["port"])] = address.hosts
        kind = _AsyncTlsConnection if address.tls else _AsyncPlainConnection
    return AsyncRedis.from_pool(AsyncConnectionPool(connection_class=kind, **options))


def _options(address: RedisAddress, retry: type[Any]) -> dict[str, Any]:
    options = {
        **_timeouts(SOCKET_TIMEOUT),
        "retry": retry(NoBackoff(), _RETRIES, supported_errors=(RedisConnectionError,)),
        "protocol": 2,
        **address.options,
    }
    if address.service and address.tls:
        options["ssl"] = True  # otherwise the class of the connection says so
    return options


def _sentinel_options(address: RedisAddress, retry: type[Any]) -> dict[str, Any]:
    options = {
        **_timeouts(_SENTINEL_TIMEOUT),
        "retry": retry(NoBackoff(), 0, supported_errors=(RedisConnectionError,)),
        **address.sentinel_options,
    }
    return {**options, "ssl": True} if address.tls else options


def _timeouts(seconds: float) -> dict[str, Any]:
    return {"socket_timeout": seconds, "socket_connect_timeout": seconds}


class _LeavesReplica:
    """A connection that is closed when what it leads to has become a read-only replica.

    Where a name or a proxy leads to the primary, the next connection finds the new one. Sentinel's
    connections do the same.
    """

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().read_response(*arguments, **options)  # type: ignore[misc]
        except ReadOnlyError as error:
            self.disconnect()  # type: ignore[attr-defined]
            raise RedisConnectionError(f"READONLY {error}") from error


class _PlainConnection(_LeavesReplica, Connection):
    pass


class _TlsConnection(_LeavesReplica, SSLConnection):
    pass


class _LeavesReplicaAsync:
    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*arguments, **options)  # type: ignore[misc]
        except ReadOnlyError as error:
            await self.disconnect()  # type: ignore[attr-defined]
            raise RedisConnectionError(f"READONLY {error}") from error


class _PacksQuickly:
    """A connection for batches of some hundred arguments.

    redis-py's blocking client has hiredis pack them, the one for event loops does it in Python,
    which takes a tenth of the receiver's time.
    """

    def pack_command(self, *arguments: Any) -> Any:
        return HiredisRespSerializer().pack(*arguments)


class _AsyncPlainConnection(_PacksQuickly, _LeavesReplicaAsync, AsyncConnection):
    pass


class _AsyncTlsConnection(_PacksQuickly, _LeavesReplicaAsync, AsyncTlsConnection):
    pass


class _AsyncUnixConnection(_PacksQuickly, AsyncUnixConnection):
    pass


class _SentinelClient(Redis):
    """A client that closes its connections to the sentinels, too."""

    def close(self) -> None:
        super().close()
        pool: Any = self.connection_pool
        for sentinel in pool.sentinel_manager.sentinels:
            sentinel.close()


class _AsyncSentinelClient(AsyncRedis):
    """The same for an event loop."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


_AWAY = (
    RedisConnectionError,  # LOADING, NOAUTH and WRONGPASS are among them
    RedisTimeoutError,
    ReadOnlyError,
    OutOfMemoryError,
    ClusterDownError,
    MasterDownError,
    TryAgainError,
    # Like a wrong password, it is mended on the server; until then, results are worth keeping.
    NoPermissionError,
)
_SAYS_LATER = ("MISCONF ", "LOADING ", "NOREPLICAS ", "BUSY ", "UNBLOCKED ")

# What redis-py puts before an error in a pipeline: the command, with what it would have written.
_IN_PIPELINE = re.compile(r"Command # [0-9]+ \(.*?\) of pipeline caused error: ", re.DOTALL)


def is_outage(error: RedisError) -> bool:
    """Say whether Redis cannot do it now but may later, as against a call that is wrong."""
    return isinstance(error, _AWAY) or reason(error).startswith(_SAYS_LATER)


def reason(error: Exception) -> str:
    """Return what Redis said, for a log: without the command, which may hold a body."""
    said = str(error)
    if found := list(_IN_PIPELINE.finditer(said)):
        said = said[found[-1].end() :]
    code = getattr(error, "status_code", None) or ""
    return f"{code} {said}".strip() or type(error).__name__
