"""The ways in which a real Redis can be away, each for the length of a `with`."""

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from redis.exceptions import BusyLoadingError, RedisError

from tests.system.conftest import eventually
from tests.system.redis_server import Server


@contextmanager
def _set(server: Server, name: str, bad: str | int, good: str | int) -> Iterator[None]:
    server.command("CONFIG", "SET", name, bad)
    yield
    server.command("CONFIG", "SET", name, good)


@contextmanager
def out_of_memory(server: Server) -> Iterator[None]:
    """OOM."""
    with _set(server, "maxmemory", 1, 0):
        yield


@contextmanager
def without_replicas(server: Server) -> Iterator[None]:
    """NOREPLICAS."""
    with _set(server, "min-replicas-to-write", 1, 0):
        yield


@contextmanager
def demoted(server: Server) -> Iterator[None]:
    """READONLY, and UNBLOCKED for those who wait for a job."""
    server.command("REPLICAOF", "127.0.0.1", 1)
    yield
    server.command("REPLICAOF", "NO", "ONE")


@contextmanager
def stale_replica(server: Server) -> Iterator[None]:
    """MASTERDOWN."""
    with _set(server, "replica-serve-stale-data", "no", "yes"), demoted(server):
        yield


@contextmanager
def full_disk(server: Server) -> Iterator[None]:
    """MISCONF: a snapshot has failed, since its directory is gone."""
    server.command("CONFIG", "SET", "save", "3600 1")
    server.command("SET", "changed", 1)
    shutil.rmtree(server.path.rename(server.path.with_name("gone")))
    server.path.mkdir()
    server.command("BGSAVE")
    with server.client() as client:
        eventually(
            lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "it fails"
        )
    yield
    server.command("CONFIG", "SET", "save", "")


@contextmanager
def busy(server: Server) -> Iterator[None]:
    """BUSY: a script runs on and on."""
    server.command("CONFIG", "SET", "busy-reply-threshold", 1)

    def run() -> None:
        with suppress(RedisError), server.client() as client:
            client.eval("while true do end", 0)

    thread = threading.Thread(target=run)
    thread.start()
    eventually(lambda: not server.answers(), "the server is busy")
    yield
    server.command("SCRIPT", "KILL")
    thread.join()


@contextmanager
def wrong_password(server: Server) -> Iterator[None]:
    """NOAUTH for every new connection, and no old one is left."""
    with server.client() as client:
        client.config_set("requirepass", "changed")
        client.execute_command("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")
    yield
    with server.client(password="changed") as client:
        client.config_set("requirepass", "")


@contextmanager
def forbidden(server: Server) -> Iterator[None]:
    """NOPERM."""
    server.command("ACL", "SETUSER", "default", "-@write", "-evalsha")
    yield
    server.command("ACL", "SETUSER", "default", "+@all")


@contextmanager
def killed(server: Server) -> Iterator[None]:
    """No connection."""
    server.kill()
    yield
    server.start()


@contextmanager
def loading(server: Server) -> Iterator[None]:
    """LOADING: it was restarted, and its data take their time."""
    with server.client() as client:
        client.mset({f"load:{number}": "x" * 100 for number in range(5000)})
        client.bgrewriteaof()
        eventually(lambda: client.info("persistence")["aof_base_size"] > 1000, "it is rewritten")
    server.kill()
    server.start(
        *("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"),
        wait=False,
    )

    def says_loading() -> bool:
        try:
            server.command("PING")
        except BusyLoadingError:
            return True
        except RedisError:
            pass
        return False

    eventually(says_loading, "it loads", shown=server.log)
    yield
    server.command("CONFIG", "SET", "key-load-delay", 0)
    eventually(lambda: not says_loading(), "it has loaded", shown=server.log)


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """No answer, and no error: the machine hangs."""
    os.kill(server.pid, signal.SIGSTOP)
    yield
    os.kill(server.pid, signal.SIGCONT)


Outage = Callable[[Server], AbstractContextManager[None]]

REFUSALS: list[Outage] = [
    out_of_memory,
    without_replicas,
    demoted,
    stale_replica,
    full_disk,
    busy,
    wrong_password,
    forbidden,
    killed,
    loading,
]
"""Outages that a client is told of."""
