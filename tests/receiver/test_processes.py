"""Several receivers on one address: a death of one concerns nobody but its own connections."""

import http.client
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import psutil
import pytest

from bellhop.ledger import Ledger
from bellhop.settings import WEBHOOK_PATH
from tests.receiver.conftest import Delivery, eventually, read_answer
from tests.receiver.receiver_process import Process


@pytest.fixture
def parent(redis_url: str) -> Iterator[Process]:
    process = Process(redis_url, "--processes", "2")
    yield process
    process.end()


def children(parent: Process) -> set[int]:
    return {child.pid for child in psutil.Process(parent.popen.pid).children()}


def owners(parent: Process) -> dict[int, int]:
    """Return who has taken each connection, by the port of its client."""
    return {
        connection.raddr.port: pid
        for pid in children(parent)
        for connection in psutil.Process(pid).net_connections()
        if connection.raddr and connection.laddr.port == parent.port
    }


def deliver(connection: socket.socket, delivery: Delivery) -> int:
    connection.sendall(delivery.head(content_length=str(len(delivery.body))) + delivery.body)
    return read_answer(connection)[0].status


def test_one_line_says_how_many_there_are(parent: Process) -> None:
    assert parent.ready["processes"] == 2
    assert parent.ready["pid"] == parent.popen.pid
    assert len(children(parent)) == 2


def test_a_killed_process_breaks_only_its_own_connections(parent: Process, ledger: Ledger) -> None:
    with ExitStack() as stack:
        connections: dict[int, socket.socket] = {}
        while len(set(owners(parent).values())) < 2:  # whoever is quickest takes one
            connection = stack.enter_context(parent.connect())
            connections[connection.getsockname()[1]] = connection
            assert deliver(connection, Delivery()) == 202

        deliveries = {port: Delivery() for port in connections}
        for port, connection in connections.items():
            assert deliver(connection, deliveries[port]) == 202
        owner = owners(parent)
        killed = min(owner.values())
        os.kill(killed, signal.SIGKILL)

        for port, connection in connections.items():
            if owner[port] != killed:
                assert deliver(connection, Delivery()) == 202
            else:
                assert connection.recv(1) == b""
                again = stack.enter_context(parent.connect())
                assert deliver(again, deliveries[port]) == 200  # it is known already
    eventually(lambda: len(children(parent) - {killed}) == 2)
    assert all(ledger.event(delivery.event_id) for delivery in deliveries.values())
    assert parent.popen.stderr
    line = parent.popen.stderr.readline()
    assert b"a process died and is replaced" in line
    assert b"signal SIGKILL" in line


def test_while_one_after_the_other_is_killed_a_sender_that_comes_again_loses_nothing(
    parent: Process, ledger: Ledger
) -> None:
    over = threading.Event()
    sent: list[str] = []
    statuses: set[int] = set()
    refused: list[OSError] = []

    def send() -> None:
        while not over.is_set():
            delivery = Delivery()
            while True:
                connection = http.client.HTTPConnection("127.0.0.1", parent.port, timeout=30)
                try:
                    connection.connect()
                except OSError as error:
                    refused.append(error)
                    return
                try:
                    connection.request("POST", WEBHOOK_PATH, delivery.body, delivery.headers)
                    statuses.add(connection.getresponse().status)
                except (OSError, http.client.HTTPException):
                    continue  # of a connection that broke
                finally:
                    connection.close()
                sent.append(delivery.event_id)
                break

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()

    def goes_on() -> None:
        enough = len(sent) + 50
        eventually(lambda: refused or len(sent) > enough)

    try:
        for _ in range(3):
            eventually(lambda: len(children(parent)) == 2)
            goes_on()
            os.kill(min(children(parent)), signal.SIGKILL)
        goes_on()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not refused
    assert statuses <= {200, 202}
    assert all(ledger.event(event_id) for event_id in sent)


def begin(connection: socket.socket) -> Delivery:
    """Send the head of a request, and return when it is being handled."""
    delivery = Delivery()
    size = str(len(delivery.body))
    connection.sendall(delivery.head(content_length=size, expect="100-continue"))
    assert connection.recv(25, socket.MSG_WAITALL)
    return delivery


def test_a_second_signal_ends_all_at_once(parent: Process) -> None:
    with parent.connect() as connection:
        begin(connection)
        pids = children(parent)
        parent.popen.send_signal(signal.SIGTERM)
        eventually(parent.refuses_connections)
        assert parent.popen.poll() is None
        with suppress(subprocess.TimeoutExpired):
            parent.popen.wait(0.5)  # two at the same moment would be one
        parent.popen.send_signal(signal.SIGTERM)
        parent.popen.wait(5)
        assert connection.recv(1) == b""
        assert not any(psutil.pid_exists(pid) for pid in pids)


def test_they_finish_when_their_parent_is_killed(parent: Process) -> None:
    with parent.connect() as connection:
        delivery = begin(connection)
        pids = children(parent)
        parent.popen.kill()
        eventually(parent.refuses_connections)
        connection.sendall(delivery.body)
        assert read_answer(connection)[0].status == 202
    eventually(lambda: not any(psutil.pid_exists(pid) for pid in pids))


def test_one_signal_to_all_of_them_is_one(parent: Process) -> None:
    """As systemd and `docker stop --signal` to a group send it: to the parent, and to the rest."""
    with parent.connect() as connection:
        delivery = begin(connection)
        pids = children(parent)
        parent.popen.send_signal(signal.SIGSTOP)  # a parent that is late
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        eventually(lambda: len(children(parent)) == 2 and owners(parent))
        parent.popen.send_signal(signal.SIGTERM)
        parent.popen.send_signal(signal.SIGCONT)
        eventually(parent.refuses_connections)
        connection.sendall(delivery.body)
        assert read_answer(connection)[0].status == 202
    assert parent.popen.wait() == 0
