"""Connections to Redis."""

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

SOCKET_TIMEOUT = 5.0
"""Seconds to wait for Redis: the sender gives up after 15."""

# One more try finds a server that was restarted behind a pooled connection. A call whose answer was
# lost may run twice by it; every script is safe to repeat.
_RETRIES = 1


def connect(url: str) -> Redis:
    """Return a blocking client; nothing is sent yet."""
    return Redis.from_url(
        url,
        socket_timeout=SOCKET_TIMEOUT,
        socket_connect_timeout=SOCKET_TIMEOUT,
        retry=Retry(NoBackoff(), _RETRIES, supported_errors=(RedisConnectionError,)),
        protocol=2,
    )


def connect_async(url: str) -> AsyncRedis:
    """Return a client for an event loop; nothing is sent yet."""
    return AsyncRedis.from_url(
        url,
        socket_timeout=SOCKET_TIMEOUT,
        socket_connect_timeout=SOCKET_TIMEOUT,
        retry=AsyncRetry(NoBackoff(), _RETRIES, supported_errors=(RedisConnectionError,)),
        protocol=2,
    )


_AWAY = (
    RedisConnectionError,
    RedisTimeoutError,
    ReadOnlyError,
    OutOfMemoryError,
    ClusterDownError,
    MasterDownError,
    TryAgainError,
)
_SAYS_LATER = ("MISCONF", "LOADING", "NOREPLICAS", "BUSY", "UNBLOCKED")


def is_outage(error: RedisError) -> bool:
    """Say whether Redis cannot do it now but may later, as against a call that is wrong."""
    return isinstance(error, _AWAY) or str(error).startswith(_SAYS_LATER)
