"""Clients for every form of URL, and what counts as an outage."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis, SSLConnection
from redis.asyncio import SSLConnection as AsyncTlsConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from bellhop.connections import connect, connect_async, is_outage, reason
from bellhop.redis_url import InvalidRedisUrl
from tests.system.conftest import free_port
from tests.system.redis_outages import REFUSALS, Outage, killed
from tests.system.redis_server import Server, Wire


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "redis")
    yield server
    server.end()


def refused(server: Server, *command: str) -> RedisError:
    with connect(server.url) as client, pytest.raises(RedisError) as caught:
        client.execute_command(*command)
    return caught.value


@pytest.mark.parametrize("outage", REFUSALS, ids=lambda outage: outage.__name__)
def test_a_refusal_that_passes_is_an_outage(server: Server, outage: Outage) -> None:
    server.start()
    with outage(server):
        error = refused(server, "SET", "{bellhop}:probe", "")
    assert is_outage(error)
    if outage is not killed:
        assert reason(error).split()[0].rstrip(":").isupper()


@pytest.mark.parametrize("outage", REFUSALS, ids=lambda outage: outage.__name__)
def test_it_is_one_in_a_pipeline_too(server: Server, outage: Outage) -> None:
    server.start()
    for transaction in (False, True):
        with connect(server.url) as client, outage(server):
            pipeline = client.pipeline(transaction=transaction)
            pipeline.hset("{bellhop}:event:1", "body", "the code is (1234)")
            with pytest.raises(RedisError) as caught:
                pipeline.execute()
        assert is_outage(caught.value)
        assert "1234" not in reason(caught.value)
        if outage.__name__ == "full_disk":
            return  # it has no directory any more


def test_a_cluster_that_is_not_formed_is_an_outage(server: Server) -> None:
    server.start("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    error = refused(server, "SET", "a", "b")
    assert is_outage(error)
    assert reason(error).startswith("CLUSTERDOWN")


@pytest.mark.parametrize(
    "command",
    [
        ("LPUSH", "text", "x"),
        ("NOSUCH",),
        ("GET",),
        ("EVAL", "nonsense", "0"),
        ("RESTORE", "text", "0", "junk"),  # BUSYKEY
        ("XGROUP", "CREATE", "stream", "group", "0"),  # BUSYGROUP
    ],
)
def test_a_call_that_is_wrong_is_no_outage(redis: Redis, command: tuple[str, ...]) -> None:
    redis.set("text", "x")
    redis.xgroup_create("stream", "group", mkstream=True)
    with pytest.raises(ResponseError) as caught:
        redis.execute_command(*command)  # type: ignore[no-untyped-call]
    assert not is_outage(caught.value)


def test_a_primary_that_is_reached_by_a_new_connection_is_found(
    tmp_path: Path, server: Server
) -> None:
    """As with a name, or a proxy, that leads to the new primary after a failover."""
    other = Server(tmp_path / "other")
    server.start()
    other.start()
    wire = Wire(server.port)
    url = f"redis://127.0.0.1:{wire.port}"

    async def fail_over() -> None:
        client, blocking = connect_async(url), connect(url)
        await client.set("a", 1)
        blocking.set("a", 1)
        wire.target = other.port
        server.command("REPLICAOF", "127.0.0.1", str(other.port))
        await client.set("b", 1)
        blocking.set("c", 1)
        await client.aclose()
        blocking.close()

    asyncio.run(fail_over())
    with other.client() as client:
        assert client.exists("b", "c") == 2
    wire.end()
    other.end()


def test_sentinels_over_tls_lead_to_servers_over_tls() -> None:
    url = "rediss+sentinel://:secret@one,two/mymaster?ssl_ca_certs=/ca&sentinel_password=other"
    client, other = connect(url), connect_async(url)
    for pool, kind in (
        (client.connection_pool, SSLConnection),
        (other.connection_pool, AsyncTlsConnection),
    ):
        found: Any = pool
        assert issubclass(found.connection_class, kind)
        assert found.connection_kwargs["password"] == "secret"
        for sentinel in found.sentinel_manager.sentinels:
            asked = sentinel.connection_pool
            assert issubclass(asked.connection_class, kind)
            assert asked.connection_kwargs["password"] == "other"
            assert asked.connection_kwargs["ssl_ca_certs"] == "/ca"


def test_no_sentinel_is_an_outage() -> None:
    url = f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{free_port()}/mymaster"
    with connect(url) as client, pytest.raises(RedisConnectionError) as caught:
        client.ping()
    assert is_outage(caught.value)

    async def ask() -> None:
        other = connect_async(url)
        try:
            await other.ping()
        finally:
            await other.aclose()

    with pytest.raises(RedisConnectionError):
        asyncio.run(ask())


def test_nonsense_is_refused() -> None:
    for connecting in (connect, connect_async):
        with pytest.raises(InvalidRedisUrl):
            connecting("redis://one,two")
