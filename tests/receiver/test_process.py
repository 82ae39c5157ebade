"""The receiver as a process: it starts, it finishes what it has begun, and it may be killed."""

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bellhop.ledger import Ledger
from bellhop_receiver.serve import CannotListen, bind
from tests.receiver.conftest import Delivery, eventually, read_answer
from tests.receiver.receiver_process import Load, Process


@pytest.fixture(params=[1, 2], ids=["one", "two"])
def process(redis_url: str, request: pytest.FixtureRequest) -> Iterator[Process]:
    process = Process(redis_url, "--processes", str(request.param))
    yield process
    process.end()


def test_ctrl_c_is_no_failure(process: Process) -> None:
    process.popen.send_signal(signal.SIGINT)
    assert process.popen.wait() == 0


def test_on_sigterm_every_request_that_was_taken_is_answered(
    process: Process, ledger: Ledger
) -> None:
    deliveries = [Delivery() for _ in range(20)]
    with ExitStack() as open_connections:
        connections = [open_connections.enter_context(process.connect()) for _ in deliveries]
        for connection, delivery in zip(connections, deliveries, strict=True):
            size = str(len(delivery.body))
            connection.sendall(delivery.head(content_length=size, expect="100-continue"))
        for connection in connections:  # then it is being handled
            assert connection.recv(25, socket.MSG_WAITALL) == b"HTTP/1.1 100 Continue\r\n\r\n"

        process.popen.send_signal(signal.SIGTERM)
        eventually(process.refuses_connections)
        for connection, delivery in zip(connections, deliveries, strict=True):
            connection.sendall(delivery.body)
        answers = [read_answer(connection)[0] for connection in connections]

    assert {answer.status for answer in answers} == {202}
    assert {answer.headers["connection"] for answer in answers} == {"close"}
    assert process.popen.wait() == 0
    assert all(ledger.event(delivery.event_id) for delivery in deliveries)


def test_stopped_under_load_it_has_kept_what_it_accepted(process: Process, ledger: Ledger) -> None:
    load = Load(process, senders=6)
    eventually(lambda: len(load.accepted) > 100)
    process.popen.send_signal(signal.SIGTERM)
    assert process.popen.wait() == 0
    load.join()
    assert load.others == []
    assert all(ledger.event(event_id) for event_id in load.accepted)


def test_killed_under_load_it_has_kept_what_it_accepted(process: Process, ledger: Ledger) -> None:
    load = Load(process, senders=6)
    eventually(lambda: len(load.accepted) > 100)
    process.popen.kill()
    process.popen.wait()
    load.join()
    assert load.others == []
    assert all(ledger.event(event_id) for event_id in load.accepted)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen) as caught:
            bind("127.0.0.1", port)
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1 port {port}: Address already in use; "
        "choose others with --host and --port, or BELLHOP_HOST and BELLHOP_PORT"
    )


@pytest.mark.parametrize("host", ["203.0.113.1", "no.such.host.invalid", "a..b", "x" * 300, "::x"])
def test_an_address_that_is_not_ours_is_named(host: str) -> None:
    with pytest.raises(CannotListen, match=r"^cannot listen on .+ port 0: .+; choose others"):
        bind(host, 0)


def test_it_listens_on_ipv6_where_there_is_any() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    bind("::1", 0).close()
