"""SIGTERM to real workers: whatever runs, they end in time, and no stop counts as a death."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from redis import Redis

from bellhop.ledger import keys
from bellhop.testing import signed_request
from tests.conftest import SECRET
from tests.one_worker import free_mail
from tests.slack import slack
from tests.system.conftest import House, descendants, eventually

HANDLERS = """
@on("lock.*", name="first")
def first(event): ran("first", event.event_id)

def is_back(event):
    ran("began", event.event_id)
    return os.path.exists("stopped")

@on("lock.unlocked", name="sync", timeout=60)
def sync(event):
    if not is_back(event): time.sleep(60)
    ran("done", event.event_id)

@on("lock.locked", name="other", timeout=60)
async def other(event):
    if not is_back(event): await asyncio.sleep(60)
    ran("done", event.event_id)

@on("device.connected", name="clings", timeout=60)
def clings(event):
    if not is_back(event):
        # As C code that runs for long: signals do not get through, other threads do.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGALRM])
        time.sleep(60)
    ran("done", event.event_id)
"""
KINDS = {"lock.unlocked": "first sync", "lock.locked": "first other", "device.connected": "clings"}


@pytest.mark.parametrize("signals", [1, pytest.param(2, marks=pytest.mark.long)])
def test_what_runs_longer_than_the_grace_is_given_back_and_no_death_is_counted(
    house: House, redis: Redis, signals: int
) -> None:
    house.handlers(HANDLERS)
    house.environment["BELLHOP_GRACE"] = "5s" if signals == 1 else "60s"
    house.start("receiver")
    pool = house.start("worker", "-n", "4")
    house.await_ready()
    eventually(lambda: house.output().count("worker ready") == 4, "they are", shown=house.output)
    for event_type in KINDS:
        assert house.post(event_type, event_id=event_type, device_id=event_type).status_code == 202
    began = {f"began {event_type}" for event_type in KINDS}
    eventually(lambda: began <= set(house.lines()), "all hang", shown=house.output)

    asked = time.monotonic()
    pool.terminate()
    if signals == 2:
        eventually(lambda: len(descendants(pool.pid)) < 4, "the idle one has ended")
        time.sleep(0.5)  # two signals at the same moment count as one
        pool.send_signal(signal.SIGTERM)
    assert pool.wait(60) == 0, house.output()
    took = time.monotonic() - asked
    assert took < 7 + slack(), f"it took {took:.1f} s"
    assert "died_of" not in house.output()
    suspects = list(redis.scan_iter(f"{keys.suspects('')}*"))
    free = {one.partition(" ")[2] for one in free_mail(redis)}
    assert (suspects, free) == ([], {f"device:{one}" for one in KINDS})

    (house.path / "stopped").touch()
    house.start("worker")
    for event_type in KINDS:
        eventually(
            lambda one=event_type: redis.hget(keys.event(one), "state") == b"done",  # type: ignore[misc]
            "it is handled",
            shown=house.output,
        )
    assert sorted(house.lines()) == sorted(
        line
        for one in KINDS
        for line in (
            [f"began {one}"] * 2 + [f"done {one}"] + [f"first {one}"] * ("first" in KINDS[one])
        )
    )
    for one in KINDS:
        fields: Any = redis.hkeys(keys.event(one))
        assert not [name for name in fields if name.startswith((b"deaths", b"interrupted"))]


def test_a_second_signal_to_a_worker_itself_counts_as_well(house: House) -> None:
    house.handlers(HANDLERS)
    house.environment["BELLHOP_GRACE"] = "60s"
    house.start("receiver")
    pool = house.start("worker")
    house.await_ready()
    house.post("lock.unlocked", event_id="lock.unlocked")
    eventually(lambda: "began lock.unlocked" in house.lines(), "it hangs", shown=house.output)
    [worker] = descendants(pool.pid)

    asked = time.monotonic()
    os.kill(worker, signal.SIGTERM)
    time.sleep(1)  # two signals at the same moment count as one
    (house.path / "stopped").touch()
    os.kill(worker, signal.SIGTERM)
    eventually(lambda: "done lock.unlocked" in house.lines(), "another goes on", shown=house.output)
    assert time.monotonic() - asked < 20 + slack()
    assert house.lines().count("first lock.unlocked") == 1
    assert "died_of" not in house.output()


@pytest.mark.long
def test_a_handler_that_keeps_the_whole_worker_is_ended_by_the_pool(house: House) -> None:
    house.handlers(
        "import ctypes\n"
        '@on("lock.*", timeout=1)\n'
        "def handle(event):\n"
        "    ran('began', event.event_id, os.getpid())\n"
        "    if event.event_id == 'stuck' and not os.path.exists('clung'):\n"
        "        open('clung', 'w').close()\n"
        "        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\n"
        "        ctypes.PyDLL(None).sleep(100)\n"  # with Python's lock in hand
        "    ran('done', event.event_id)\n"
    )
    house.start("receiver")
    house.start("worker")
    house.await_ready()
    house.post(event_id="stuck", device_id="front")
    eventually((house.path / "clung").exists, "it clings", shown=house.output)
    began = (house.path / "clung").stat().st_mtime
    house.post(event_id="other", device_id="back")

    for event_id in ("stuck", "other"):
        eventually(
            lambda one=event_id: f"done {one}" in house.lines(),  # type: ignore[misc]
            f"{event_id} is handled",
            shown=house.output,
        )
    assert 6 < time.time() - began < 15 + slack()
    worker = int(next(line for line in house.lines() if line.startswith("began stuck")).split()[2])
    assert not psutil.pid_exists(worker)
    assert "a handler keeps its whole worker; ending it" in house.output()
    assert "mine.py" in house.output()  # where it was, from faulthandler


def test_a_receiver_waits_for_a_slow_sender_only_as_long_as_the_grace_allows(house: House) -> None:
    house.environment["BELLHOP_GRACE"] = "4s"
    receiver = house.start("receiver")
    house.await_ready()
    with half_sent(house):
        asked = time.monotonic()
        receiver.terminate()
        assert receiver.wait(30) == 0
    assert 2 < time.monotonic() - asked < 8 + slack()


def test_a_second_signal_ends_a_receiver_at_once(house: House) -> None:
    receiver = house.start("receiver")
    house.await_ready()
    with half_sent(house):
        receiver.terminate()
        eventually(lambda: not house.listens(), "it takes nothing new")
        time.sleep(0.5)  # two signals at the same moment count as one
        assert receiver.poll() is None
        asked = time.monotonic()
        receiver.terminate()
        assert receiver.wait(30) == -signal.SIGTERM
    assert time.monotonic() - asked < 5 + slack()


def test_two_signals_at_the_same_moment_are_one(house: House) -> None:
    receiver = house.start("receiver")
    house.await_ready()
    with half_sent(house) as send_the_rest:
        receiver.terminate()
        receiver.terminate()
        eventually(lambda: not house.listens(), "it takes nothing new")
        assert send_the_rest().startswith(b"HTTP/1.1 202")
    assert receiver.wait(30) == 0


@contextmanager
def half_sent(house: House) -> Iterator[Callable[[], bytes]]:
    """A request whose headers are read; what is given sends its body and returns the answer."""
    request = signed_request("lock.unlocked", secret=SECRET)
    headers = {**request.headers, "content-length": str(len(request.body)), "host": "here"}
    headers["expect"] = "100-continue"
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", house.port), timeout=30) as connection:
        connection.sendall(f"POST /webhooks/seam HTTP/1.1\r\n{head}\r\n".encode())
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"

        def send_the_rest() -> bytes:
            connection.sendall(request.body)
            return connection.recv(1000)

        yield send_the_rest


AT_THE_END = """
import atexit, threading

stopped = threading.Event()

def end_of_thread():
    stopped.wait()
    ran("thread")
    if os.path.exists("endless"): time.sleep(1000)

def at_exit(): ran("atexit")

@on("lock.*")
def handle(event):
    threading.Thread(target=end_of_thread, name="never-ends").start()
    atexit.register(at_exit)
    signal.signal(signal.SIGUSR1, lambda *_: stopped.set())
    ran("handled", os.getpid())
"""


def test_threads_and_callbacks_for_the_end_of_a_process_run_within_the_grace(house: House) -> None:
    house.handlers(AT_THE_END)
    house.environment["BELLHOP_GRACE"] = "4s"
    house.start("receiver")
    house.await_ready()
    for endless, lines in ((False, ["thread", "atexit"]), (True, ["thread"])):
        if endless:
            (house.path / "endless").touch()
            (house.path / "ran").unlink()
        pool = house.start("worker")
        house.post()
        house.await_lines(1)
        worker = int(house.lines()[0].split()[1])
        os.kill(worker, signal.SIGUSR1)
        eventually(lambda: "thread" in house.lines(), "the thread goes on")
        asked = time.monotonic()
        pool.terminate()
        assert pool.wait(30) == 0
        assert time.monotonic() - asked < 5 + slack()
        assert house.lines()[1:] == lines
        assert ("did not end in time" in house.output()) == endless
        assert ("never-ends" in house.output()) == endless
    assert "died_of" not in house.output()
