"""What a worker opens once: it is there for every handler, and closed when the worker stops."""

import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from bellhop.settings import Settings
from bellhop_workers import process
from bellhop_workers.process import WorkerProcess
from bellhop_workers.starting import Loaded
from bellhop_workers.usage import Usage
from tests.slack import slack
from tests.system.conftest import House, descendants, eventually, lines_until_ended

SYNC = """
import threading, atexit

def at_exit(): ran("atexit")

@lifespan
def opened():
    atexit.register(at_exit)
    ran("open", os.getpid(), threading.current_thread().name)
    yield {"opened": 1}
    ran("close", os.getpid(), threading.current_thread().name)

@on("lock.unlocked")
def sync(event, context): ran("sync", context.state)

@on("lock.locked")
async def other(event, context): ran("async", context.state)
"""

ASYNC = """
import threading

@lifespan
async def opened():
    async with asyncio.TaskGroup() as group:
        loop, thread = asyncio.get_running_loop(), threading.current_thread().name
        background = group.create_task(asyncio.sleep(1000))
        ran("open", os.getpid(), thread)
        yield loop
        assert asyncio.get_running_loop() is loop
        ran("close", os.getpid(), threading.current_thread().name)
        background.cancel()

@on("lock.unlocked")
def sync(event, context): ran("sync", context.state.is_running())

@on("lock.locked")
async def other(event, context): ran("async", context.state is asyncio.get_running_loop())
"""


def at_work(house: House, handlers: str, workers: int = 1) -> int:
    """Start a pool of workers that are ready, and return its pid."""
    house.handlers(handlers)
    house.start("receiver")
    pool = house.start("worker", "-n", str(workers))
    house.await_ready()
    eventually(
        lambda: house.output().count("worker ready") == workers, "they are", shown=house.output
    )
    return pool.pid


def awaited_end(house: House, pool: int) -> None:
    """Ask a pool to stop, and wait for its end in order."""
    process = next(one for one in house.processes if one.pid == pool)
    process.terminate()
    assert process.wait(30) == 0
    assert "died_of" not in house.output()
    assert "did not end in time" not in house.output()


@pytest.mark.parametrize(
    ("code", "thread", "state", "after"),
    [(SYNC, "MainThread", "{'opened': 1}", ["atexit"]), (ASYNC, "async-handlers", "True", [])],
)
def test_a_lifespan_is_open_for_every_handler_and_closed_in_the_same_place(
    house: House, code: str, thread: str, state: str, after: list[str]
) -> None:
    pool = at_work(house, code)
    [worker] = descendants(pool)
    assert house.lines() == [f"open {worker} {thread}"]
    for event_type in ("lock.unlocked", "lock.locked"):
        assert house.post(event_type).status_code == 202
    house.await_lines(3)
    assert set(house.lines()[1:]) == {f"sync {state}", f"async {state}"}

    awaited_end(house, pool)
    assert house.lines()[3:] == [f"close {worker} {thread}", *after]


def test_the_example_of_the_readme_works(house: House) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    [example] = [
        part.partition("```")[0] for part in readme.split("```python\n") if "sqlite3" in part
    ]
    pool = at_work(house, example)
    for event_id in ("e1", "e2"):
        house.post(event_id=event_id, device_id="front")
    with sqlite3.connect(house.path / "doors.db") as database:
        eventually(
            lambda: (
                sorted(database.execute("select * from unlocked"))
                == [("e1", "front"), ("e2", "front")]
            ),
            "both are noted",
            shown=house.output,
        )
    awaited_end(house, pool)


def test_each_worker_opens_its_own_and_one_that_is_asked_to_end_closes_it(house: House) -> None:
    pool = at_work(house, SYNC, workers=2)
    first, other = descendants(pool)
    os.kill(first, signal.SIGTERM)
    eventually(lambda: house.output().count("worker ready") == 3, "another", shown=house.output)
    opened = {line.split()[1] for line in house.lines() if line.startswith("open")}
    assert opened >= {str(first), str(other)}
    assert len(opened) == 3
    assert [line for line in house.lines() if line.startswith("close")] == [
        f"close {first} MainThread"
    ]


FAILS = """
import sys

@lifespan
def opened():
    if not os.path.exists("here"):
        ran("tried", time.monotonic())
        raise ConnectionError("postgres is away")
    yield "database"

@on("lock.*")
def handle(event, context): ran(context.state)
"""


def test_workers_whose_lifespan_fails_are_tried_again_with_growing_waits(house: House) -> None:
    house.handlers(FAILS)
    house.start("receiver")
    pool = house.start("worker", "-n", "2")
    house.await_ready()
    house.await_lines(10)  # five of each
    assert "worker ready" not in house.output()
    assert pool.poll() is None
    line = next(line for line in house.output().splitlines() if "the lifespan failed" in line)
    for word in ("this worker cannot start", "handlers.mine.opened", "postgres is away", "mine.py"):
        assert word in line
    for line in house.output().splitlines():
        assert "died_of" not in line
    assert '"retry_in": "1.0s"' in house.output()
    assert house.post().status_code == 202

    (house.path / "here").touch()
    eventually(lambda: "database" in house.lines(), "it is handled", shown=house.output)
    tries = [float(line.split()[1]) for line in house.lines() if line.startswith("tried")]
    assert tries[-1] - tries[-3] > 0.9
    pool.terminate()
    assert pool.wait(30) == 0


def test_up_is_not_ready_while_its_lifespan_fails_and_a_reload_opens_another(
    lonely_house: House,
) -> None:
    house = lonely_house
    house.handlers(FAILS)
    house.start("up", "--port", str(house.port), "--workers", "1", "--reload")
    eventually(lambda: "Not ready: the lifespan failed" in house.output(), "it is told")
    house.await_ready()
    assert "handlers.mine.opened  lifespan of each worker" in house.output()
    assert "Ready." not in house.output()
    (house.path / "here").touch()
    eventually(lambda: "Ready." in house.output(), "now it is", shown=house.output)
    assert house.output().count("Not ready") == 1

    house.handlers(SYNC)
    eventually(lambda: any(one.startswith("open") for one in house.lines()), "it is opened")
    house.handlers(FAILS)
    eventually(lambda: "atexit" in house.lines(), "it is closed", shown=house.output)
    assert [line.split()[0] for line in house.lines() if "tried" not in line] == [
        "open",
        "close",
        "atexit",
    ]


ENDS = """
@lifespan
def opened():
    yield
    ran("close")
    if os.path.exists("fails"): raise OSError("cannot flush")
    time.sleep(1000)
    ran("never")

@on("lock.*")
def handle(event): pass
"""


def test_an_end_that_fails_or_hangs_lets_the_worker_end_in_time(house: House) -> None:
    house.handlers(ENDS)
    house.environment["BELLHOP_GRACE"] = "4s"
    for fails in (False, True):
        if fails:
            (house.path / "fails").touch()
        pool = house.start("worker")
        eventually(
            lambda fails=fails: house.output().count("worker ready") == 1 + fails,  # type: ignore[misc]
            "it is ready",
        )
        asked = time.monotonic()
        pool.terminate()
        assert pool.wait(30) == 0
        assert time.monotonic() - asked < 5 + slack()
        assert house.lines() == ["close"] * (1 + fails)
    assert house.output().count("the end of the lifespan did not end in time") == 1
    assert house.output().count("the end of the lifespan failed") == 1
    assert "OSError: cannot flush" in house.output()
    assert "died_of" not in house.output()


OPENS = """
@lifespan
def opened():
    try:
        ran("opens")
        time.sleep(1000)
        yield
    finally: ran("gives up")
"""


@pytest.mark.parametrize("is_async", [False, True])
def test_a_stop_while_it_opens_gives_up_in_order(house: House, is_async: bool) -> None:
    house.handlers(
        OPENS.replace("def ", "async def ").replace("time.sleep", "await asyncio.sleep")
        if is_async
        else OPENS
    )
    pool = house.start("worker")
    house.await_lines(1)
    asked = time.monotonic()
    pool.terminate()
    assert pool.wait(60) == 0
    assert time.monotonic() - asked < 5 + slack()
    assert house.lines() == ["opens", "gives up"]
    for word in ("rror", "arning", "Traceback", "ready"):
        assert word not in house.output(), house.output()


FORKS = """
import sys

@lifespan
def opened():
    if not (pid := os.fork()): return
    os.waitpid(pid, 0)
    yield
    ran("close", os.getpid())

@on("lock.unlocked")
def forks(event):
    for leave in (lambda: None, sys.exit):
        if not (pid := os.fork()): return leave()
        os.waitpid(pid, 0)
    ran("forked", os.getpid())
"""


def test_what_is_forked_does_not_run_the_end_of_it(house: House) -> None:
    pool = at_work(house, FORKS)
    [worker] = descendants(pool)
    house.post()
    house.await_lines(1)
    assert house.output().count("came back into the worker") == 3
    awaited_end(house, pool)
    assert house.lines() == [f"forked {worker}", f"close {worker}"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("os._exit(3)", ["a worker ended while its lifespan opened"]),
        (
            # With Python's lock in hand, no thread of the worker can end it.
            "import ctypes\n    while True: ctypes.PyDLL(None).sleep(100)",
            [
                "a worker still opens its lifespan; it handles nothing until that is done",
                "the lifespan ends_it.opened does not come to its `yield`; ending it",
                "a worker ended while its lifespan opened",
            ],
        ),
    ],
)
def test_what_a_worker_cannot_tell_itself_is_told_by_its_pool(
    code: str, told: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, redis_url: str
) -> None:
    monkeypatch.setattr(process, "_SLOW", 0.05)
    monkeypatch.setattr(process, "LONGEST_OPENING", 1.0)
    monkeypatch.setattr(process, "TO_INTERRUPT", 0.0)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "ends_it.py").write_text(
        "import os\nfrom bellhop import lifespan\n"
        f"@lifespan\ndef opened():\n    {code}\n    yield\n"
    )
    worker = WorkerProcess(Settings(handlers=("ends_it",)), redis_url, "w", Loaded(), Usage())

    lines = lines_until_ended(worker)
    assert list(dict.fromkeys(line["event"] for line in lines)) == told
    assert {line["lifespan"] for line in lines if "lifespan" in line} == {"ends_it.opened"}
