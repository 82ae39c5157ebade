"""A client for those who must not stand still: it fails in time, whatever hangs."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from bellhop.connections import connect, is_outage
from tests.slack import slack
from tests.system.redis_outages import frozen
from tests.system.redis_server import Server

PATIENCE = 2.0


@pytest.fixture
def silent() -> Iterator[list[int]]:
    """Ports on which somebody listens, and never answers."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            for _ in range(3)
        ]


def ask(url: str) -> float:
    """Have a call fail as an outage, and return how long that took."""
    with connect(url, patience=PATIENCE) as client:
        began = time.monotonic()
        with pytest.raises(RedisError) as caught:
            client.ping()
        took = time.monotonic() - began
    assert is_outage(caught.value)
    return took


def test_a_server_that_hangs_is_waited_for_no_longer_than_asked(tmp_path: Path) -> None:
    server = Server(tmp_path / "redis")
    server.start()
    try:
        with connect(server.url, patience=PATIENCE) as client:
            assert client.ping()
            with frozen(server):
                began = time.monotonic()
                with pytest.raises(RedisError) as caught:
                    client.ping()
                took = time.monotonic() - began
                assert is_outage(caught.value)
                assert PATIENCE <= took < 2 * PATIENCE + slack()
            assert client.ping(), "the late answer is not taken for this one's"
            assert client.echo("hello") == b"hello"
    finally:
        server.end()


def test_nor_is_one_that_never_answered(silent: list[int]) -> None:
    assert PATIENCE <= ask(f"redis://127.0.0.1:{silent[0]}") < 2 * PATIENCE + slack()


def test_nor_are_all_sentinels_together(silent: list[int]) -> None:
    hosts = ",".join(f"127.0.0.1:{port}" for port in silent)
    assert ask(f"redis+sentinel://{hosts}/mymaster") < 2 * PATIENCE + slack()
