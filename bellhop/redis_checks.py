"""Whether a Redis is fit to hold the ledger: what it says of itself, and what to make of it.

`read_facts` asks, `judge` decides; every finding comes with what mends it. A command starts only
if there is no problem.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError

from bellhop.finding import Finding, Level

Durability = Literal["redis", "fsync", "replica"]

_OLDEST = {"redis": (7, 0), "valkey": (7, 2)}
_SETTINGS = ("maxmemory", "maxmemory-policy", "appendonly", "appendfsync")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says of itself.

    `info`: the fields of INFO. `config`: some of its settings; none if it does not tell them
    (`CONFIG` is forbidden at most managed ones). `has_waitaof`: whether it can be asked to wait
    until a write is on its disk. `refused`: what this user may not ask.
    """

    info: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)
    has_waitaof: bool = True
    refused: tuple[str, ...] = ()

    @property
    def server(self) -> str:
        """Either `redis` or `valkey`."""
        return "valkey" if "valkey_version" in self.info else "redis"

    @property
    def version(self) -> str:
        """Such as 7.2.4. A Valkey also says which Redis it equals; that is not meant."""
        return str(self.info.get(f"{self.server}_version", ""))


def read_facts(redis: Redis) -> Facts:
    """Ask a server. Raises `RedisError` if it does not answer; what it forbids is left out."""
    execute: Any = redis.execute_command
    info: dict[str, Any] = {}
    config: dict[Any, Any] = {}
    refused: dict[str, None] = {}
    has_waitaof = True
    for section in ("server", "memory", "persistence", "replication", "cluster"):
        try:
            info |= redis.info(section)
        except ResponseError:
            refused[f"INFO {section}"] = None
    for name in _SETTINGS:
        try:
            config |= redis.config_get(name)
        except ResponseError:
            refused["CONFIG GET"] = None
    try:
        execute("WAITAOF", 0, 0, 1)  # it waits for nobody
    except NoPermissionError:
        refused["WAITAOF"] = None
        has_waitaof = False
    except ResponseError as error:
        has_waitaof = not str(error).startswith("unknown command")
    return Facts(info, config, has_waitaof, tuple(refused))


def judge(facts: Facts, durability: Durability = "redis") -> list[Finding]:
    """Return what there is to say about a server, and about `BELLHOP_DURABILITY` with it."""
    return [
        _version(facts),
        *_cluster(facts),
        *_role(facts),
        _eviction(facts),
        _persistence(facts),
        *_durability(facts, durability),
        *_refused(facts),
    ]


def _refused(facts: Facts) -> Iterator[Finding]:
    if not facts.refused:
        return
    hidden = [
        what
        for asked, what in (
            ("INFO server", "the server's version"),
            ("INFO memory", "how much memory is left"),
            ("INFO replication", "whether it is a replica"),
            ("CONFIG GET", "how often it writes to its disk (appendfsync)"),
            ("WAITAOF", "whether it can say that a write is on its disk"),
        )
        if asked in facts.refused
    ]
    yield Finding(
        Level.UNKNOWN,
        f"not checked, since this user may not ask {', '.join(facts.refused)}: "
        + ", ".join(hidden or ["some of what the server says of itself"]),
        "look at it as a user who may; Bellhop itself needs no more rights",
        check="redis_rights",
        count=len(facts.refused),
        measured={"refused": list(facts.refused)},
    )


def _version(facts: Facts) -> Finding:
    if not facts.version:
        return Finding(
            Level.WARNING,
            "the server does not tell its version: Bellhop needs Redis 7.0 or Valkey 7.2",
            "allow its user INFO: ACL SETUSER <user> +info",
            check="redis_version",
        )
    name = f"{facts.server.capitalize()} {facts.version}"
    oldest = _OLDEST[facts.server]
    if _number(facts.version) >= oldest:
        return Finding(Level.OK, name, check="redis_version")
    return Finding(
        Level.PROBLEM,
        f"{name} is too old: Bellhop needs Redis 7.0 or Valkey 7.2",
        "install a newer one; it reads the data of the old one",
        check="redis_version",
    )


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall("[0-9]+", version)[:2])


def _cluster(facts: Facts) -> Iterator[Finding]:
    if int(facts.info.get("cluster_enabled", 0)):
        yield Finding(
            Level.PROBLEM,
            "this is a node of a Redis Cluster, which Bellhop does not support: "
            "RQ's keys are not in one slot",
            "use a Redis without cluster mode (`cluster-enabled no`); for failover, Sentinel: "
            "BELLHOP_REDIS_URL=redis+sentinel://host:26379/mymaster",
            check="redis_cluster",
        )


def _role(facts: Facts) -> Iterator[Finding]:
    if facts.info.get("role") == "slave":
        yield Finding(
            Level.WARNING,
            "this is a replica: events are refused until it is made the primary",
            "set BELLHOP_REDIS_URL to the primary, or to the sentinels that know it: "
            "redis+sentinel://host:26379/mymaster",
            check="redis_role",
        )


def _eviction(facts: Facts) -> Finding:
    # INFO tells both even where CONFIG is forbidden.
    policy = facts.config.get("maxmemory-policy") or str(facts.info.get("maxmemory_policy", ""))
    limited = int(facts.config.get("maxmemory") or facts.info.get("maxmemory") or 0) > 0
    if not policy:
        return Finding(
            Level.WARNING,
            "the server does not tell its maxmemory-policy",
            "see to it that it is noeviction: any other loses events when memory is full",
            check="redis_eviction",
        )
    if policy == "noeviction":
        return Finding(Level.OK, "maxmemory-policy is noeviction", check="redis_eviction")
    remedy = (
        "redis-cli CONFIG SET maxmemory-policy noeviction, and `maxmemory-policy noeviction` in "
        "redis.conf"
    )
    if not limited:
        return Finding(
            Level.WARNING,
            f"maxmemory-policy is {policy}: with a maxmemory, events would be lost",
            remedy,
            check="redis_eviction",
        )
    return Finding(
        Level.PROBLEM,
        f"maxmemory-policy is {policy}: when memory is full, Redis throws events away",
        remedy,
        check="redis_eviction",
    )


def _persistence(facts: Facts) -> Finding:
    appends = facts.config.get("appendonly")
    if appends is None and "aof_enabled" in facts.info:
        appends = "yes" if int(facts.info["aof_enabled"]) else "no"
    if appends is None:
        return Finding(
            Level.WARNING,
            "the server does not tell whether it has an append-only file",
            "see to it that it has: otherwise a restart of Redis loses events that were accepted",
            check="redis_persistence",
        )
    if appends == "yes":
        fsync = facts.config.get("appendfsync")
        return Finding(
            Level.OK,
            "append-only file" + (f", fsync {fsync}" if fsync else ""),
            check="redis_persistence",
        )
    return Finding(
        Level.WARNING,
        "no append-only file: a restart of Redis loses events that were accepted",
        "redis-cli CONFIG SET appendonly yes, and `appendonly yes` in redis.conf",
        check="redis_persistence",
    )


def _durability(facts: Facts, durability: Durability) -> Iterator[Finding]:
    if durability == "fsync":
        yield _fsync(facts)
    elif durability == "replica":
        connected = int(facts.info.get("connected_slaves", 0))
        if connected:
            yield Finding(
                Level.OK,
                f"BELLHOP_DURABILITY=replica, replicas connected: {connected}",
                check="durability",
            )
        else:
            yield Finding(
                Level.WARNING,
                "BELLHOP_DURABILITY=replica, and no replica is connected: "
                "every delivery is answered 503",
                "connect a replica: `replicaof <this server> <port>` in its redis.conf",
                check="durability",
            )


def _fsync(facts: Facts) -> Finding:
    demand = "BELLHOP_DURABILITY=fsync needs"
    if not (facts.config.get("appendonly") == "yes" or int(facts.info.get("aof_enabled", 0))):
        return Finding(
            Level.PROBLEM,
            f"{demand} an append-only file",
            "redis-cli CONFIG SET appendonly yes, and `appendonly yes` in redis.conf",
            check="durability",
        )
    if facts.has_waitaof or facts.config.get("appendfsync") == "always":
        return Finding(Level.OK, "BELLHOP_DURABILITY=fsync", check="durability")
    if "appendfsync" not in facts.config:
        return Finding(
            Level.PROBLEM,
            f"{demand} Redis 7.2 or Valkey (WAITAOF), or `appendfsync always`, which cannot be "
            "seen: this user may not ask CONFIG GET",
            "use Redis 7.2 or newer, or let the user ask (it can then read the server's passwords, "
            "too): ACL SETUSER <user> +config|get",
            check="durability",
        )
    return Finding(
        Level.PROBLEM,
        f"{demand} Redis 7.2 or Valkey (WAITAOF), or `appendfsync always`",
        "redis-cli CONFIG SET appendfsync always, and `appendfsync always` in redis.conf",
        check="durability",
    )
