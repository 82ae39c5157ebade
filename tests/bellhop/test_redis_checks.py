"""What is made of what a server says of itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from bellhop.finding import Finding, Level
from bellhop.redis_checks import Durability, Facts, judge, read_facts
from tests.system.conftest import free_port
from tests.system.redis_server import Server

GOOD = Facts(
    {"valkey_version": "8.0.1", "redis_version": "7.2.4", "aof_enabled": 1, "maxmemory": 0},
    {
        "maxmemory": "0",
        "maxmemory-policy": "noeviction",
        "appendonly": "yes",
        "appendfsync": "everysec",
    },
)


def with_(*, info: dict[str, Any] | None = None, waitaof: bool = True, **config: str) -> Facts:
    """Return a good server, but for what is given."""
    given = {name.replace("_", "-"): value for name, value in config.items()}
    return Facts({**GOOD.info, **(info or {})}, {**GOOD.config, **given}, waitaof)


def wrong(facts: Facts, durability: Durability = "redis") -> list[Finding]:
    """Return all findings but the good ones."""
    return [found for found in judge(facts, durability) if found.level is not Level.OK]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "redis")
    yield server
    server.end()


def test_nothing_is_wrong_with_a_good_server() -> None:
    assert wrong(GOOD) == []
    assert [found.text for found in judge(GOOD)] == [
        "Valkey 8.0.1",
        "maxmemory-policy is noeviction",
        "append-only file, fsync everysec",
    ]


def test_nothing_is_wrong_with_the_embedded_server(redis: Redis) -> None:
    assert wrong(read_facts(redis), "fsync") == []


@pytest.mark.parametrize(
    ("info", "fine"),
    [
        ({"redis_version": "7.0.0"}, True),
        ({"redis_version": "7.2.11"}, True),
        ({"redis_version": "8.2"}, True),
        ({"redis_version": "10.0.0"}, True),
        ({"redis_version": "6.2.14"}, False),
        ({"redis_version": "5.0"}, False),
        ({"redis_version": "7.2.4", "valkey_version": "7.2.5"}, True),
        ({"redis_version": "7.2.4", "valkey_version": "9.1.2"}, True),
        ({"redis_version": "7.2.4", "valkey_version": "7.0.9"}, False),
    ],
)
def test_an_old_server_is_refused(info: dict[str, Any], fine: bool) -> None:
    found = wrong(Facts(info, GOOD.config))
    assert [finding.level for finding in found] == [] if fine else [Level.PROBLEM]
    assert fine or found[0].text.endswith("is too old: Bellhop needs Redis 7.0 or Valkey 7.2")


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_a_server_that_evicts_is_refused(policy: str) -> None:
    [found] = wrong(with_(maxmemory="1000000", maxmemory_policy=policy))
    assert found == Finding(
        Level.PROBLEM,
        f"maxmemory-policy is {policy}: when memory is full, Redis throws events away",
        "redis-cli CONFIG SET maxmemory-policy noeviction, and `maxmemory-policy noeviction` in "
        "redis.conf",
    )


def test_a_policy_without_a_limit_is_a_warning() -> None:
    [found] = wrong(with_(maxmemory_policy="allkeys-lru"))
    assert found.level is Level.WARNING
    assert "CONFIG SET maxmemory-policy noeviction" in found.remedy


def test_where_config_is_forbidden_info_tells_it() -> None:
    info = {**GOOD.info, "maxmemory": 5, "maxmemory_policy": "volatile-lru"}
    [found] = wrong(Facts(info))
    assert (found.level, found.text.split(":")[0]) == (
        Level.PROBLEM,
        "maxmemory-policy is volatile-lru",
    )
    assert wrong(Facts({**info, "maxmemory_policy": "noeviction"})) == []


def test_what_cannot_be_known_is_a_warning_and_not_refused() -> None:
    found = wrong(Facts())
    assert {finding.level for finding in found} == {Level.WARNING}
    assert [finding.text.split(":")[0] for finding in found] == [
        "the server does not tell its version",
        "the server does not tell its maxmemory-policy",
        "the server does not tell whether it has an append-only file",
    ]


def test_no_append_only_file_is_a_warning() -> None:
    [found] = wrong(with_(appendonly="no"))
    assert found.level is Level.WARNING
    assert found.remedy.startswith("redis-cli CONFIG SET appendonly yes")


def test_a_replica_is_a_warning() -> None:
    [found] = wrong(with_(info={"role": "slave"}))
    assert (found.level, found.text.split(":")[0]) == (Level.WARNING, "this is a replica")


def test_fsync_needs_a_file() -> None:
    found = wrong(with_(appendonly="no", info={"aof_enabled": 0}), "fsync")
    assert [finding.level for finding in found] == [Level.WARNING, Level.PROBLEM]
    assert found[1].text == "BELLHOP_DURABILITY=fsync needs an append-only file"


@pytest.mark.parametrize(
    ("waitaof", "appendfsync", "fine"),
    [(True, "everysec", True), (False, "always", True), (False, "everysec", False)],
)
def test_fsync_needs_waitaof_or_appendfsync_always(
    waitaof: bool, appendfsync: str, fine: bool
) -> None:
    found = wrong(with_(waitaof=waitaof, appendfsync=appendfsync), "fsync")
    assert [finding.level for finding in found] == [] if fine else [Level.PROBLEM]
    assert fine or "CONFIG SET appendfsync always" in found[0].remedy


@pytest.mark.parametrize(("replicas", "levels"), [(0, [Level.WARNING]), (1, [])])
def test_without_a_replica_nothing_can_be_on_one(replicas: int, levels: list[Level]) -> None:
    found = wrong(with_(info={"connected_slaves": replicas}), "replica")
    assert [finding.level for finding in found] == levels


def test_a_real_cluster_node_is_refused_with_the_reason(server: Server) -> None:
    server.start("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    with server.client() as client:
        [found] = wrong(read_facts(client))
    assert found.level is Level.PROBLEM
    assert found.text == (
        "this is a node of a Redis Cluster, which Bellhop does not support: "
        "RQ's keys are not in one slot"
    )


def test_a_real_server_that_forbids_asking_is_only_warned_of(server: Server) -> None:
    server.start()
    server.command("ACL", "SETUSER", "me", "on", ">x", "~*", "+@all", "-config", "-info")
    with server.client(username="me", password="x") as client:
        found = wrong(read_facts(client))
    assert {finding.level for finding in found} == {Level.WARNING, Level.UNKNOWN}
    [unknown] = [finding for finding in found if finding.level is Level.UNKNOWN]
    assert unknown.measured["refused"] == [
        *(f"INFO {name}" for name in ("server", "memory", "persistence", "replication", "cluster")),
        "CONFIG GET",
    ]
    assert "how often it writes to its disk (appendfsync)" in unknown.text


def test_a_real_server_without_waitaof_is_known(server: Server) -> None:
    server.start("--rename-command", "WAITAOF", "")
    with server.client() as client:
        assert not read_facts(client).has_waitaof
        [found] = wrong(read_facts(client), "fsync")
    assert found.level is Level.PROBLEM


def test_what_fsync_needs_and_cannot_be_seen_is_a_problem_that_says_so() -> None:
    facts = Facts({**GOOD.info}, {}, has_waitaof=False, refused=("CONFIG GET",))
    [found, _] = [one for one in wrong(facts, "fsync") if "maxmemory-policy" not in one.text]
    assert found.level is Level.PROBLEM
    assert "cannot be seen: this user may not ask CONFIG GET" in found.text
