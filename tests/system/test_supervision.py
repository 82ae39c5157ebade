"""A pool looks after its workers whatever happens: while it stops, and while Redis hangs."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis import Redis

from tests.one_worker import free_mail
from tests.slack import slack
from tests.system.conftest import House, descendants, eventually
from tests.system.redis_outages import frozen
from tests.system.redis_server import Server

HANDLER = """
@on("lock.*", timeout=60)
def handle(event):
    ran("began", event.event_id, os.getpid())
    while not os.path.exists("go"): time.sleep(0.01)
    ran("done", event.event_id)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "redis")
    server.start()
    yield server
    server.end()


def workers_at_work(house: House, count: int) -> dict[str, int]:
    """Have so many workers run a handler each, and return their pids by event."""
    house.start("receiver")
    house.await_ready()
    events = [f"e{number}" for number in range(count)]
    for event_id in events:
        assert house.post(event_id=event_id, device_id=event_id).status_code == 202
    house.await_lines(count)
    return {event_id: int(pid) for _, event_id, pid in map(str.split, house.lines())}


def await_workers(house: House, pool: int, count: int) -> set[int]:
    """Wait until so many workers were started, and return the pids of those that live."""
    eventually(
        lambda: house.output().count("worker ready") == count, "they are ready", shown=house.output
    )
    return set(descendants(pool))


def test_what_a_worker_held_that_dies_while_its_pool_stops_is_free_at_once(
    house: House, redis: Redis
) -> None:
    house.handlers(HANDLER)
    pool = house.start("worker", "-n", "3")
    await_workers(house, pool.pid, 3)
    at_work = workers_at_work(house, 2)
    pool.terminate()
    eventually(lambda: len(descendants(pool.pid)) < 3, "the idle one has ended")
    os.kill(at_work["e0"], signal.SIGKILL)

    eventually(
        lambda: any(one.endswith(" device:e0") for one in free_mail(redis)),
        "its mail is free",
        within=5 + slack(),
        shown=house.output,
    )
    assert pool.poll() is None
    assert psutil.pid_exists(at_work["e1"])
    (house.path / "go").touch()
    assert pool.wait(20) == 0
    assert "done e1" in house.lines()
    assert house.output().count("worker ready") == 3, "none was replaced"


def test_a_signal_to_a_worker_and_its_pools_much_later_are_one(house: House) -> None:
    house.handlers(HANDLER)
    pool = house.start("worker", "-n", "2")
    workers = await_workers(house, pool.pid, 2)
    [busy] = workers_at_work(house, 1).values()
    [idle] = workers - {busy}

    os.kill(pool.pid, signal.SIGSTOP)  # its loop stands still
    for pid in (busy, pool.pid):
        os.kill(pid, signal.SIGTERM)
    time.sleep(0.5)  # later than two signals that are one by their time
    os.kill(pool.pid, signal.SIGCONT)
    eventually(lambda: idle not in descendants(pool.pid), "it is passed on", shown=house.output)
    (house.path / "go").touch()

    assert pool.wait(20) == 0
    assert house.lines() == [f"began e0 {busy}", "done e0"]


@pytest.mark.long
def test_while_redis_hangs_workers_are_replaced_and_the_pool_stops_in_time(
    house: House, server: Server
) -> None:
    house.environment |= {"BELLHOP_REDIS_URL": server.url, "BELLHOP_GRACE": "4s"}
    house.handlers(HANDLER)
    pool = house.start("worker", "-n", "2")
    workers = await_workers(house, pool.pid, 2)
    with frozen(server):
        eventually(lambda: "Redis is away" in house.output(), "it hangs", shown=house.output)
        os.kill(workers.pop(), signal.SIGKILL)
        eventually(
            lambda: len(set(descendants(pool.pid)) - workers) == 1,
            "another takes its place",
            within=4 + slack(),
            shown=house.output,
        )

        asked = time.monotonic()
        pool.terminate()
        assert pool.wait(60) == 0, house.output()
        took = time.monotonic() - asked
    assert took < 6 + slack(), f"it took {took:.1f} s"
    assert house.output().count('"Redis is away"') == 1
