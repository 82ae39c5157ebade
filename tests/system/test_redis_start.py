"""What a command says of the Redis it is to start with."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.conftest import House, eventually, free_port
from tests.system.redis_server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "redis")
    yield server
    server.end()


@pytest.fixture
def house(tmp_path: Path, server: Server) -> Iterator[House]:
    house = House(tmp_path, server.url)
    house.handlers("")
    yield house
    house.end()


@pytest.mark.parametrize("command", ["receiver", "worker", "up"])
def test_a_redis_that_evicts_is_refused_with_what_mends_it(
    command: str, house: House, server: Server
) -> None:
    server.start("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    answer = house.run(command)
    assert answer.returncode == 1
    assert answer.stderr == (
        "bellhop: maxmemory-policy is allkeys-lru: when memory is full, Redis throws events away. "
        "What to do: redis-cli CONFIG SET maxmemory-policy noeviction, and `maxmemory-policy "
        "noeviction` in redis.conf\n"
    )


def test_a_cluster_is_refused_with_the_reason(house: House, server: Server) -> None:
    server.start("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    answer = house.run("worker")
    assert answer.returncode == 1
    assert answer.stderr.startswith(
        "bellhop: this is a node of a Redis Cluster, which Bellhop does"
    )
    assert "BELLHOP_REDIS_URL=redis+sentinel://" in answer.stderr


def test_all_that_is_wrong_is_told_at_once(house: House, server: Server) -> None:
    server.start("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru", "--appendonly", "no")
    house.environment["BELLHOP_DURABILITY"] = "fsync"
    answer = house.run("receiver")
    assert answer.returncode == 1
    assert [line.partition(":")[0] for line in answer.stderr.splitlines()] == [
        "bellhop",
        "BELLHOP_DURABILITY=fsync needs an append-only file. What to do",
    ]


@pytest.mark.parametrize("command", ["receiver", "worker", "up"])
def test_without_an_append_only_file_it_starts_and_warns_once(
    command: str, house: House, server: Server
) -> None:
    server.start("--appendonly", "no")
    house.start(command)
    ready = "receiver ready" if command == "receiver" else "worker ready"
    eventually(lambda: ready in house.output(), "it starts", shown=house.output)
    if command == "up":
        house.await_ready()
    lines = [json.loads(line) for line in house.output().splitlines() if line.startswith("{")]
    [warning] = [line for line in lines if line["level"] == "warning"]
    assert warning["message"].startswith("no append-only file")
    assert warning["remedy"].startswith("redis-cli CONFIG SET appendonly yes")


def test_a_wrong_durability_is_named(house: House) -> None:
    house.environment["BELLHOP_DURABILITY"] = "paranoid"
    answer = house.run("receiver")
    assert answer.returncode == 1
    assert answer.stderr == (
        "bellhop: BELLHOP_DURABILITY: expected redis, fsync or replica, got 'paranoid'\n"
    )


def test_a_wrong_url_is_named_without_its_password(house: House) -> None:
    house.environment["BELLHOP_REDIS_URL"] = "redis://:hunter2@one,two"
    answer = house.run("receiver")
    assert answer.returncode == 1
    assert answer.stderr == (
        "bellhop: BELLHOP_REDIS_URL: expected redis://host:6379/0, rediss://…, "
        "unix:///path/to/socket or redis+sentinel://host:26379,host2:26379/mymaster/0, but "
        "several hosts are those of sentinels: redis+sentinel://\n"
    )
