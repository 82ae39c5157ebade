"""BELLHOP_DURABILITY: where an event is before its sender is answered."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bellhop.ledger import keys
from tests.receiver.conftest import Delivery, Receiver, eventually
from tests.system.redis_server import Server, wait_for_replicas


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "redis")
    yield server
    server.end()


@pytest.fixture
def replica(tmp_path: Path, server: Server) -> Iterator[Server]:
    """A replica of the server; both are started."""
    server.start()
    replica = Server(tmp_path / "replica")
    replica.start("--replicaof", "127.0.0.1", str(server.port))
    wait_for_replicas(server, 1)
    yield replica
    replica.end()


class Sender(threading.Thread):
    """Delivers, and waits for its answer."""

    def __init__(self, receiver: Receiver, delivery: Delivery) -> None:
        super().__init__(daemon=True)
        self.status = 0
        self._receiver = receiver
        self._delivery = delivery
        self.start()

    def is_held(self) -> bool:
        """Say whether it waits while the receiver answers others, who came later."""
        for _ in range(20):
            self._receiver.client.get("/health/live")
        return self.is_alive()

    def run(self) -> None:
        self.status = self._receiver.post(self._delivery).status_code


def used(server: Server) -> set[str]:
    """Return the commands that a server was sent since its statistics were reset."""
    with server.client() as client:
        stats: dict[str, Any] = client.info("commandstats")
        return {name.removeprefix("cmdstat_") for name in stats}


def in_ledger(server: Server, delivery: Delivery) -> bool:
    with server.client() as client:
        return bool(client.exists(keys.event(delivery.event_id)))


@pytest.mark.parametrize("again", [False, True], ids=["new", "duplicate"])
def test_no_answer_before_a_replica_has_it(server: Server, replica: Server, again: bool) -> None:
    receiver = Receiver(server.url, durability="replica")
    delivery = Delivery()
    if again:
        assert receiver.post(delivery).status_code == 202

    os.kill(replica.pid, signal.SIGSTOP)
    server.command("CONFIG", "RESETSTAT")
    sender = Sender(receiver, delivery)
    eventually(lambda: used(server) & {"eval", "evalsha"} and in_ledger(server, delivery))
    assert sender.is_held()
    os.kill(replica.pid, signal.SIGCONT)
    sender.join()
    receiver.stop()

    assert sender.status == (200 if again else 202)
    with replica.client() as client:
        assert client.exists(keys.event(delivery.event_id))


def test_what_no_replica_has_in_time_is_refused_until_one_has_it(
    server: Server, replica: Server
) -> None:
    delivery = Delivery()
    with capture_logs() as lines:
        receiver = Receiver(server.url, durability="replica")
        os.kill(replica.pid, signal.SIGSTOP)
        refused = receiver.post(delivery)
        os.kill(replica.pid, signal.SIGCONT)
        eventually(lambda: receiver.post(delivery).status_code == 200)
        receiver.stop()

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert [line["error"] for line in lines if line["log_level"] == "error"] == [
        "not durable within 4 s, see BELLHOP_DURABILITY"
    ]


@pytest.mark.parametrize("again", [False, True], ids=["new", "duplicate"])
def test_no_answer_before_it_is_on_disk(server: Server, again: bool) -> None:
    server.start("--appendfsync", "always")
    receiver = Receiver(server.url, durability="fsync")
    delivery = Delivery()
    if again:
        assert receiver.post(delivery).status_code == 202

    server.command("CONFIG", "SET", "appendfsync", "no")  # then it is never synced
    server.command("CONFIG", "RESETSTAT")
    sender = Sender(receiver, delivery)
    eventually(lambda: used(server) & {"eval", "evalsha"} and in_ledger(server, delivery))
    assert sender.is_held()
    server.command("CONFIG", "SET", "appendfsync", "always")
    server.command("SET", "more", 1)
    sender.join()
    receiver.stop()

    assert sender.status == (200 if again else 202)


def test_what_is_not_on_disk_in_time_is_refused_until_it_is(server: Server) -> None:
    server.start("--appendfsync", "no")
    receiver = Receiver(server.url, durability="fsync")
    delivery = Delivery()
    assert receiver.post(delivery).status_code == 503
    server.command("CONFIG", "SET", "appendfsync", "always")
    assert receiver.post(delivery).status_code == 200
    receiver.stop()


def test_a_disk_that_is_synced_every_second_is_waited_for(server: Server) -> None:
    server.start("--appendfsync", "everysec")
    receiver = Receiver(server.url, durability="fsync")
    server.command("CONFIG", "RESETSTAT")
    assert receiver.post(Delivery()).status_code == 202
    assert "waitaof" in used(server)
    receiver.stop()


def test_by_default_redis_is_asked_for_nothing_more(server: Server) -> None:
    server.start()
    receiver = Receiver(server.url)
    assert receiver.post(Delivery()).status_code == 202
    server.command("CONFIG", "RESETSTAT")
    assert receiver.post(Delivery()).status_code == 202
    sent = used(server)
    receiver.stop()
    assert "evalsha" in sent
    assert not sent & {"wait", "waitaof", "eval"}
    assert keys.PROBE not in {str(key) for key in _all_keys(server)}


def _all_keys(server: Server) -> list[str]:
    with server.client(decode_responses=True) as client:
        found: Any = client.keys("*")
        return list(found)


@pytest.mark.parametrize("durability", ["redis", "fsync"])
def test_a_server_that_has_forgotten_the_scripts_is_told_them(
    server: Server, durability: str
) -> None:
    server.start("--appendfsync", "always")
    receiver = Receiver(server.url, durability=durability)
    for _ in range(3):
        server.command("SCRIPT", "FLUSH")
        assert receiver.post(Delivery()).status_code == 202
    receiver.stop()


def test_a_server_too_old_to_wait_is_trusted_to_sync_always(server: Server) -> None:
    server.start("--appendfsync", "always", "--rename-command", "WAITAOF", "")
    receiver = Receiver(server.url, durability="fsync")
    assert receiver.post(Delivery()).status_code == 202
    receiver.stop()


def test_a_server_that_no_longer_writes_to_disk_is_an_outage(server: Server) -> None:
    server.start("--appendfsync", "always")
    with capture_logs() as lines:
        receiver = Receiver(server.url, durability="fsync")
        server.command("CONFIG", "SET", "appendonly", "no")
        assert {receiver.post(Delivery()).status_code for _ in range(3)} == {503}
        receiver.stop()
    [error] = [line["error"] for line in lines if line["log_level"] == "error"]
    assert "appendonly is disabled" in error
