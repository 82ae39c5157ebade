"""Workers that are replaced in order after so many events, or when they use too much memory."""

import subprocess
from collections import Counter

import pytest

from tests.system.conftest import House, eventually

COUNTS = """
@lifespan
def opened():
    yield
    ran("close", os.getpid())

@on("lock.unlocked")
def sync(event): ran("handled", event.event_id, os.getpid())

@on("lock.locked")
async def other(event):
    await asyncio.sleep(0.01)
    ran("handled", event.event_id, os.getpid())
"""

LEAKS = """
kept = []

@on("lock.*")
def leaks(event):
    kept.append(b"x" * (40 * 1024**2))
    ran("handled", event.event_id, os.getpid())

@on("device.*")
def does_not(event): ran("other", event.event_id, os.getpid())
"""

TOLD = ("died", "ended without being asked", "rror", '"level": "warning"')


def start_leaking(house: House) -> subprocess.Popen[str]:
    """Start a receiver and two workers, one of whose handlers leaks; return the pool."""
    house.handlers(LEAKS)
    house.start("receiver")
    pool = house.start("worker", "-n", "2")
    house.await_ready()
    return pool


def handled(house: House) -> Counter[str]:
    """Return how many events each worker handled, by its pid."""
    lines = [line.split() for line in house.lines()]
    return Counter(pid for what, *_, pid in lines if what == "handled")


@pytest.mark.parametrize("event_type", ["lock.unlocked", "lock.locked"])
def test_after_so_many_runs_a_worker_is_replaced_and_nothing_is_lost_or_doubled(
    house: House, event_type: str
) -> None:
    house.handlers(COUNTS)
    house.environment["BELLHOP_MAX_EVENTS"] = "5"
    house.start("receiver")
    house.await_ready()
    events = [f"e{number}" for number in range(17)]
    for number, event_id in enumerate(events):
        house.post(event_type, event_id=event_id, device_id=f"d{number % 2}")
    pool = house.start("worker")

    def all_handled() -> bool:
        return sum(handled(house).values()) == len(events)

    eventually(all_handled, "all are handled", shown=house.output)
    pool.terminate()
    assert pool.wait(30) == 0
    names = [line.split()[1] for line in house.lines() if line.startswith("handled")]
    assert sorted(names) == sorted(events)
    # Async handlers of two devices run at a time.
    assert max(handled(house).values()) <= (5 if event_type == "lock.unlocked" else 6)
    closed = [line.split()[1] for line in house.lines() if line.startswith("close")]
    assert set(closed) == set(handled(house))
    assert house.output().count("a worker handled its 5 events and is replaced") in (2, 3)
    for word in TOLD:
        assert word not in house.output(), house.output()


def test_a_handler_under_way_has_its_timeout_and_not_the_grace_of_a_stop(house: House) -> None:
    house.handlers(
        '@on("lock.*", name="first")\ndef first(event): ran("first")\n'
        '@on("lock.*", name="long")\ndef long(event):\n'
        '    ran("began")\n    time.sleep(4)\n    ran("done")\n'
    )
    house.environment |= {"BELLHOP_MAX_EVENTS": "1", "BELLHOP_GRACE": "4s"}
    house.start("receiver")
    house.start("worker")
    house.await_ready()
    house.post()
    house.await_lines(3)
    eventually(lambda: house.output().count("worker ready") == 2, "another", shown=house.output)
    assert house.lines() == ["first", "began", "done"]


def test_workers_that_leak_are_replaced_one_after_the_other(house: House) -> None:
    house.environment["BELLHOP_MAX_MEMORY"] = "300MiB"
    pool = start_leaking(house)
    eventually(lambda: house.output().count("worker ready") == 2, "both", shown=house.output)
    sent = 0

    def two_are_replaced() -> bool:
        nonlocal sent
        sent += 1
        assert house.post(event_id=f"e{sent}", device_id=f"d{sent}").status_code == 202
        return house.output().count("MiB and is replaced") >= 2

    eventually(two_are_replaced, "two leave", shown=house.output)
    eventually(lambda: sum(handled(house).values()) == sent, "all are handled", shown=house.output)
    pool.terminate()
    assert pool.wait(30) == 0
    names = Counter(line.split()[1] for line in house.lines())
    assert set(names.values()) == {1}
    for word in TOLD:
        assert word not in house.output(), house.output()


def test_a_limit_that_is_too_low_replaces_no_worker_that_is_idle(house: House) -> None:
    house.environment["BELLHOP_MAX_MEMORY"] = "1MiB"
    pool = start_leaking(house)
    eventually(
        lambda: "BELLHOP_MAX_MEMORY is below what a worker needs" in house.output(),
        "it is told",
        shown=house.output,
    )
    for number in range(10):
        house.post("device.connected", event_id=f"e{number}", device_id=f"d{number}")
    house.await_lines(10)
    assert "is replaced" not in house.output().replace("it is replaced when", "")
    assert house.output().count("BELLHOP_MAX_MEMORY") == 1

    for number in range(5):
        house.post(event_id=f"leak{number}", device_id="front")
    eventually(lambda: "MiB and is replaced" in house.output(), "it leaves", shown=house.output)
    pool.terminate()
    assert pool.wait(30) == 0
