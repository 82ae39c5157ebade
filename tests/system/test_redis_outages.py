"""Workers while Redis is away: none dies, none runs a handler twice, and the log stays short."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bellhop.events import parse
from bellhop.ledger import Arrival, Ledger, keys
from bellhop.queue import enqueue_shifts
from bellhop.settings import load_settings
from bellhop.testing import signed_request
from tests.conftest import SECRET
from tests.slack import slack
from tests.system.conftest import House, descendants, eventually
from tests.system.redis_outages import (
    Outage,
    busy,
    demoted,
    frozen,
    full_disk,
    killed,
    loading,
    out_of_memory,
    wrong_password,
)
from tests.system.redis_server import Server, Wire

HANDLER = """
@on("lock.*")
def handle(event):
    ran("began", event.event_id, os.getpid())
    while event.event_id == "long" and not os.path.exists("go"):
        time.sleep(0.01)
"""


class Workers:
    """`bellhop worker -n 2` on a server of its own, or behind a wire to one."""

    def __init__(self, path: Path, server: Server, url: str | None = None) -> None:
        self.house = House(path, url or server.url)
        self.house.handlers(HANDLER)
        self.server = server
        self._process = self.house.start("worker", "-n", "2")
        eventually(lambda: len(self.said("worker ready")) == 2, "they are ready", shown=self.output)
        self.pids = descendants(self._process.pid)

    def deliver(self, event_id: str) -> None:
        """Put an event into the ledger, and a shift into the queue, as the receiver does."""
        body, _ = signed_request("lock.unlocked", secret=SECRET, event_id=event_id)
        with self.server.client() as client:
            ledger = Ledger(client, load_settings().retention)
            arrival = Arrival.of(f"msg_{event_id}", parse(body))
            enqueue_shifts(client, ledger.accept([arrival]).wake)

    def state(self, event_id: str) -> str:
        with self.server.client() as client:
            return Ledger(client, load_settings().retention).event(event_id)["state"].decode()

    def said(self, message: str) -> list[dict[str, str]]:
        """Return the lines of the log with a message."""
        return [line for line in self.lines() if line.get("message") == message]

    def lines(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.output().splitlines() if line.startswith("{")]

    def output(self) -> str:
        return self.house.output()

    def runs(self, event_id: str) -> list[str]:
        """Return by which processes an event was handled."""
        return [line.split()[2] for line in self.house.lines() if line.split()[1] == event_id]

    def signal(self, number: int) -> None:
        os.kill(self._process.pid, number)

    def await_end(self, within: float) -> int:
        return self._process.wait(within)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "redis")
    server.start()
    yield server
    server.end()


@pytest.fixture
def workers(tmp_path: Path, server: Server) -> Iterator[Workers]:
    workers = Workers(tmp_path, server)
    yield workers
    workers.house.end()


AWAY = "Redis is away; waiting for it"


def live_through(workers: Workers, outage: Outage) -> None:
    """Let one worker be busy and one idle, when Redis goes away and comes back."""
    workers.deliver("long")
    eventually(lambda: workers.runs("long"), "a handler runs", shown=workers.output)
    with outage(workers.server):
        (workers.house.path / "go").touch()  # the handler returns, and its worker wants to settle
        eventually(lambda: len(workers.said(AWAY)) == 2, "both wait", shown=workers.output)
    eventually(
        lambda: len(workers.said("Redis is back")) >= 2 + len(workers.said("Redis is away")),
        "all go on",
        shown=workers.output,
    )
    workers.deliver("next")
    eventually(lambda: workers.runs("next"), "the next is handled", shown=workers.output)
    eventually(lambda: workers.state("long") == "done", "the first is settled")

    assert len(workers.runs("long")) == len(workers.runs("next")) == 1
    assert descendants(workers._process.pid) == workers.pids
    # Each process says when it began and when it was over, and RQ says nothing.
    assert len(workers.said(AWAY)) == 2
    assert len(workers.said("Redis is away")) <= 1
    others = [
        line
        for line in workers.lines()
        if line["message"] not in (AWAY, "Redis is away", "Redis is back", "worker ready")
    ]
    assert others == []
    assert "Traceback" not in workers.output()


@pytest.mark.parametrize(
    "outage",
    [
        out_of_memory,
        killed,
        # To a worker, refusals of writes are alike; the receiver's tests have all of them. A server
        # that does not answer is noticed after ten seconds.
        *(
            pytest.param(outage, marks=pytest.mark.long)
            for outage in (demoted, full_disk, wrong_password, busy, frozen, loading)
        ),
    ],
    ids=lambda outage: outage.__name__,
)
def test_workers_wait_and_go_on_by_themselves(outage: Outage, workers: Workers) -> None:
    live_through(workers, outage)


@pytest.mark.long
def test_a_worker_notices_within_seconds_that_its_connection_leads_nowhere(
    tmp_path: Path, server: Server
) -> None:
    wire = Wire(server.port)
    workers = Workers(tmp_path, server, f"redis://127.0.0.1:{wire.port}")
    try:
        wire.hold()
        eventually(lambda: len(workers.said(AWAY)) == 2, "noticed", within=25 + slack())
        wire.let_go()
        workers.deliver("next")
        eventually(lambda: workers.runs("next"), "it is handled", shown=workers.output)
        assert descendants(workers._process.pid) == workers.pids
    finally:
        workers.house.end()
        wire.end()


def test_idle_workers_subscribe_again_by_heartbeat_when_redis_lost_its_data(
    workers: Workers,
) -> None:
    with workers.server.client() as client:
        client.flushall()
        workers.deliver("next")  # for nobody: so no worker is called
        eventually(lambda: workers.runs("next"), "it is handled", shown=workers.output)
        eventually(lambda: client.hlen(keys.WORKERS) == 2, "both have subscribed")
    eventually(lambda: workers.state("next") == "done", "it is settled")
    assert descendants(workers._process.pid) == workers.pids


def test_workers_that_wait_for_redis_can_be_stopped(workers: Workers) -> None:
    with killed(workers.server):
        eventually(lambda: len(workers.said(AWAY)) == 2, "both wait", shown=workers.output)
        workers.signal(signal.SIGTERM)
        assert workers.await_end(within=20 + slack()) == 0
    assert "Traceback" not in workers.output()
    assert [line for line in workers.lines() if line["message"].startswith("Worker")] == []


def test_workers_wait_for_a_redis_that_still_loads_when_they_start(
    tmp_path: Path, server: Server
) -> None:
    with loading(server):
        house = House(tmp_path, server.url)
        house.handlers(HANDLER)
        house.start("worker")
        eventually(lambda: "loads its data" in house.output(), "it waits", shown=house.output)
    eventually(lambda: "worker ready" in house.output(), "it is ready", shown=house.output)
    house.end()
