"""Handlers are apart, in time too: slow ones, versions side by side, programs on one Redis."""

import os
import signal
import time
from collections import Counter
from uuid import uuid4

import pytest
from redis import Redis

from bellhop.ledger import read_subscriptions
from tests.slack import slack
from tests.system.conftest import House, descendants, eventually

SLOW = """
@on("lock.unlocked", name="slow")
{kind} slow(event):
    ran("slow", event.event_id)
    {waits}
    ran("over", event.event_id)

@on("access_code.failed_to_set_on_device", name="tell")
{kind} tell(event): ran("tell", time.time() - event.occurred_at.timestamp())
"""
ASYNC = {"kind": "async def", "waits": "await asyncio.sleep(6)"}
SYNC = {"kind": "def", "waits": "time.sleep(6)"}


@pytest.mark.parametrize(("kind", "workers"), [(ASYNC, 1), (SYNC, 2)], ids=["async", "sync"])
def test_an_alarm_does_not_wait_for_a_slow_handler_of_the_same_door(
    house: House, kind: dict[str, str], workers: int
) -> None:
    house.handlers(SLOW.format(**kind))
    house.start("receiver")
    house.start("worker", "-n", str(workers))
    house.await_ready()
    eventually(lambda: house.output().count("worker ready") == workers, "they are ready")
    for number in range(5):
        house.post("lock.unlocked", event_id=f"e{number}", device_id="door")
    house.await_lines(1)

    house.post("access_code.failed_to_set_on_device", event_id="alarm", device_id="door")
    eventually(lambda: any("tell" in line for line in house.lines()), "it is told", within=5)
    assert not any(line.startswith("over") for line in house.lines())
    [late] = [float(line.split()[1]) for line in house.lines() if line.startswith("tell")]
    assert late < 1 + slack()


HANGS_FROM_NOW_ON = """
@on("lock.unlocked", name="hangs")
{kind}def hangs(event):
    if os.path.exists("hanging"): time.sleep(2)
    ran("over", event.event_id)

@on("access_code.failed_to_set_on_device", name="tell")
{kind}def tell(event): ran("tell", time.time() - event.occurred_at.timestamp())
"""


@pytest.mark.parametrize("kind", ["", pytest.param("async ", marks=pytest.mark.long)])
def test_when_a_quick_handler_begins_to_hang_an_alarm_waits_for_one_of_its_runs_at_most(
    house: House, kind: str
) -> None:
    """Both workers may be at it by then, each for another door; then one is left for the alarm.

    An async one that does not await blocks the event loop.
    """
    house.handlers(HANGS_FROM_NOW_ON.format(kind=kind))
    house.start("receiver")
    house.start("worker", "-n", "2")
    house.await_ready()
    eventually(lambda: house.output().count("worker ready") == 2, "they are ready")
    doors = ("front", "back")
    for number in range(20):
        for door in doors:
            house.post("lock.unlocked", event_id=f"{door}{number}", device_id=door)
    house.await_lines(40)

    (house.path / "hanging").touch()
    for number in range(6):
        for door in doors:
            house.post("lock.unlocked", event_id=f"{door}later{number}", device_id=door)
    house.post("access_code.failed_to_set_on_device", event_id="alarm", device_id="front")
    eventually(lambda: any("tell" in line for line in house.lines()), "it is told", within=30)
    [late] = [float(line.split()[1]) for line in house.lines() if line.startswith("tell")]
    assert late < 2 + 1 + slack()


KEPT = '@on("lock.*", name="kept")\ndef kept(event): ran("kept", event.event_id)\n'
ADDED = """
@on("lock.*", name="added", backoff=[1])
def added(event):
    if not os.path.exists("open"): raise ConnectionError("closed")
    ran("added", event.event_id)
"""
GONE = '@on("lock.*", name="gone")\ndef gone(event): ran("gone", event.event_id)\n'


def test_old_and_new_workers_side_by_side_lose_nothing(house: House) -> None:
    """As in a rolling deploy, with a rollback, while retries of the new handler come due."""
    house.start("receiver")
    house.await_ready()
    house.handlers(KEPT + ADDED)
    new = house.start("worker", "-n", "1")
    eventually(lambda: "worker ready" in house.output(), "the new one is ready")
    before = [post(house) for _ in range(20)]
    house.handlers(KEPT + GONE)
    old = house.start("worker", "-n", "2")
    eventually(lambda: house.output().count("worker ready") == 3, "the old ones are ready")
    during = [post(house) for _ in range(20)]
    new.terminate()
    assert new.wait(30) == 0
    alone = [post(house) for _ in range(20)]
    gone = {f"gone {one}" for one in during + alone}
    eventually(lambda: gone <= set(house.lines()), "what goes has all", shown=house.output)
    old.terminate()
    assert old.wait(30) == 0

    house.handlers(KEPT + ADDED)
    (house.path / "open").touch()
    house.start("worker", "-n", "2")
    expected = {f"{name} {one}" for name in ("kept", "added") for one in before + during + alone}
    expected |= gone
    eventually(lambda: expected <= set(house.lines()), "each has all", shown=house.output)
    assert Counter(house.lines()) == Counter(expected)


def test_two_programs_on_one_redis_see_all_events_each(house: House) -> None:
    house.start("receiver")
    house.await_ready()
    house.handlers(KEPT)
    house.start("worker")
    eventually(lambda: "worker ready" in house.output(), "the first is ready")
    house.handlers(GONE)
    second = house.start("worker")
    eventually(lambda: house.output().count("worker ready") == 2, "both are ready")
    events = [post(house) for _ in range(20)]
    house.await_lines(40)

    # One that is down for a while has all of it when it is back.
    second.terminate()
    assert second.wait(30) == 0
    events += [post(house) for _ in range(20)]
    house.await_lines(60)
    house.start("worker")
    house.await_lines(80)
    assert Counter(house.lines()) == Counter(
        f"{name} {one}" for name in ("kept", "gone") for one in events
    )


@pytest.mark.long
def test_a_worker_with_a_hook_of_the_name_of_another_programs_handler_ends(house: House) -> None:
    """It waits for 35 s: the workers of the last version may be about to end."""
    house.handlers('@on("lock.*", name="shared")\ndef handle(event): ran(event.event_id)\n')
    house.start("receiver")
    house.await_ready()
    house.start("worker", "-n", "1")
    eventually(lambda: "worker ready" in house.output(), "the first is ready")
    house.handlers('@on_dead(name="shared")\ndef hook(letter): ran("hook")\n')
    second = house.start("worker", "-n", "1")

    eventually(lambda: second.poll() == os.EX_CONFIG, "it ends", within=60, shown=house.output)
    assert "'shared' is a handler in the live worker" in house.output()
    events = [post(house) for _ in range(9)]
    eventually(lambda: len(house.lines()) == 9, "all are handled", shown=house.output)
    assert sorted(house.lines()) == sorted(events)


@pytest.mark.long
def test_a_program_that_was_down_under_load_handles_all_of_it_when_it_is_back(
    house: House, redis: Redis
) -> None:
    """Down for 40 s, which is the same as for five minutes.

    A worker that is silent for 30 s is forgotten, and with it its set of handlers. From then on
    nothing changes until the handler itself is forgotten, after a day.
    """
    house.start("receiver")
    house.await_ready()
    house.handlers(KEPT)
    house.start("worker", "-n", "1")
    eventually(lambda: "worker ready" in house.output(), "the first is ready")
    house.handlers(GONE)
    down = house.start("worker", "-n", "1")
    eventually(lambda: house.output().count("worker ready") == 2, "both are ready")

    events = [post(house) for _ in range(20)]
    for pid in (down.pid, *descendants(down.pid)):
        os.kill(pid, signal.SIGKILL)
    ends = time.monotonic() + 40
    for left in range(380, 0, -1):
        events.append(post(house))
        time.sleep(max(0.0, (ends - time.monotonic()) / left))
    [found] = [one for one in read_subscriptions(redis) if one.name == "gone"]
    assert not found.workers
    assert found.mailboxes > 300

    house.start("worker", "-n", "1")
    expected = {f"{name} {one}" for name in ("kept", "gone") for one in events}
    eventually(lambda: expected <= set(house.lines()), "each has all 400", shown=house.output)
    assert len(events) == 400
    assert set(house.lines()) == expected
    # What it was at when it was killed may have been handled twice, but nothing of the other's.
    kept = Counter(line for line in house.lines() if line.startswith("kept"))
    assert set(kept.values()) == {1}


LONG = """
@on("lock.*", name="long", timeout=3600)
def long(event):
    ran("long", event.event_id, os.getpid())
    if not os.path.exists("open"): time.sleep(3600)
"""


@pytest.mark.long
def test_mail_of_a_machine_that_is_gone_is_free_within_half_a_minute(house: House) -> None:
    house.handlers(LONG)
    house.start("receiver")
    lost = house.start("worker", "-n", "2")
    house.await_ready()
    event_id = post(house)
    house.await_lines(1)
    workers = descendants(lost.pid)
    for pid in (lost.pid, *workers):
        os.kill(pid, signal.SIGKILL)

    (house.path / "open").touch()
    house.start("worker")
    eventually(
        lambda: len([line for line in house.lines() if event_id in line]) == 2,
        "another worker has it",
        within=30 + slack(),
        shown=house.output,
    )


def post(house: House) -> str:
    """Post an event of a door of its own, and return its id."""
    event_id = str(uuid4())
    response = house.post("lock.unlocked", event_id=event_id, device_id=event_id)
    assert response.status_code == 202
    return event_id
