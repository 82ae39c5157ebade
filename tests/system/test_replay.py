"""`bellhop replay`: what happened before is given to handlers again, beside what happens now."""

import os
import re
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from bellhop.events import parse
from bellhop.ledger import Arrival, Ledger, Query, Record
from bellhop.queue import enqueue_shifts
from bellhop.testing import make_event
from tests.system.conftest import House, eventually

OLD = """
@on("lock.*", name="old")
def old(event, context: Context):
    ran("old", event.event_id, context.replay, context.attempt)
"""
NEW = """
@on("lock.*", name="new")
def new(event, context: Context):
    ran("new", event.event_id, context.replay, context.attempt)
"""
QUIET = """
@on("*", name="quiet")
def quiet(event): pass
"""


def arrive(redis: Redis, *event_ids: str, device: str = "", ago: timedelta = timedelta()) -> None:
    """Let events arrive, each at a device of its own unless one is named."""
    accept(redis, [arrival(event_id, device or event_id, ago) for event_id in event_ids])


def arrival(event_id: str, device: str, ago: timedelta = timedelta()) -> Arrival:
    created = (datetime.now(UTC) - ago).isoformat()
    event = make_event("lock.unlocked", event_id=event_id, device_id=device, created_at=created)
    return Arrival.of(f"msg_{event_id}", parse(event.raw))


def accept(redis: Redis, arrivals: list[Arrival]) -> None:
    ledger = Ledger(redis, timedelta(days=14))
    for start in range(0, len(arrivals), 100):
        enqueue_shifts(redis, ledger.accept(arrivals[start:][:100]).wake)


def await_states(redis: Redis, state: str, count: int) -> None:
    record = Record(redis)

    def reached() -> bool:
        return len(record.page(Query(states=[state]), limit=count + 1).events) == count  # type: ignore[list-item]

    eventually(reached, f"{count} are {state}")


def at_work(house: House, handlers: str) -> None:
    """Start a worker with these handlers."""
    house.handlers(handlers)
    house.start("worker", "-n", "1")
    eventually(lambda: "worker ready" in house.output(), "it is ready", shown=house.output)


def test_a_handler_that_was_added_today_gets_what_came_before(house: House, redis: Redis) -> None:
    house.handlers(OLD)
    first = house.start("worker", "-n", "1")
    arrive(redis, "too-old", ago=timedelta(days=3))
    house.await_lines(1)
    arrive(redis, "e1", "e2", "e3", device="d1")
    house.await_lines(4)
    first.terminate()
    first.wait(30)
    at_work(house, OLD + NEW)

    tried = house.run("replay", "--handler", "new", "--since", "1d", "--dry-run")
    assert tried.stdout.split() == ["3", "new", "lock.unlocked", "for", "the", "first", "time"]
    assert len(house.lines()) == 4
    replayed = house.run("replay", "--handler", "new", "--since", "1d", "--yes")
    assert replayed.returncode == 0, replayed.stderr
    assert "3 runs replayed in " in replayed.stdout
    assert house.lines()[4:] == [f"new e{number} True 1" for number in (1, 2, 3)]

    again = house.run("replay", "--device", "d1", "--yes")
    assert "3  new  lock.unlocked  again" in again.stdout
    assert "3  old  lock.unlocked  again" in again.stdout
    assert sorted(house.lines()[7:]) == sorted(
        f"{name} e{number} True 1" for name in ("old", "new") for number in (1, 2, 3)
    )
    told = house.run("device", "d1", "--table").stdout
    assert re.search(r"old: done in \S+ ms, in a replay, 2 attempts", told)


def test_it_is_asked_first_and_one_may_say_no(house: House, redis: Redis) -> None:
    at_work(house, OLD)
    arrive(redis, "e1")
    house.await_lines(1)
    refused = house.run("replay", "*")  # nobody answers
    assert refused.returncode == 1
    assert "Replay 1 run?" in refused.stdout
    assert len(house.lines()) == 1


def test_only_what_failed_is_replayed_if_that_is_asked_for(house: House, redis: Redis) -> None:
    at_work(
        house,
        '@on("*", name="picky", attempts=1)\n'
        "def picky(event):\n"
        '    if event.event_id == "bad" and not os.path.exists("mended"): raise ValueError("no")\n',
    )
    arrive(redis, "good", "bad")
    await_states(redis, "dead", 1)
    await_states(redis, "done", 1)

    assert "1  given up: bellhop dead" in house.run("replay", "--only-failed", "--yes").stdout
    (house.path / "mended").touch()
    assert "1 run replayed" in house.run("replay", "--only-failed", "--yes").stdout
    await_states(redis, "done", 2)
    assert house.run("replay", "--only-failed", "--yes").stdout == "Nothing to replay.\n"


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        ([], "say which events", 2),
        (["lock.unlokced"], "did you mean lock.unlocked", 1),
        (["--handler", "odl"], "there is no handler named odl; did you mean old?", 1),
        (["--device", "nope"], "not found", 1),
        (["*", "--yes"], "no worker is running that would handle them", 1),
        (["*", "--since", "noon"], "30m, 2h or 7d", 2),
    ],
)
def test_what_cannot_be_done_is_said(
    house: House, redis: Redis, arguments: list[str], said: str, code: int
) -> None:
    house.handlers(OLD)
    arrive(redis, "e1")
    redis.hset("{bellhop}:event:e1", "state", "done")
    redis.hdel("{bellhop}:event:e1", "h:old")
    refused = house.run("replay", *arguments)
    assert refused.returncode == code, refused
    assert said in " ".join(refused.stderr.split())


def test_what_goes_to_a_paused_handler_is_not_waited_for(house: House, redis: Redis) -> None:
    at_work(house, OLD + NEW)
    arrive(redis, "e1", "e2")
    house.await_lines(4)
    assert house.run("handlers", "pause", "old", "--yes").returncode == 0

    replayed = house.run("replay", "*", "--yes").stdout
    assert "2 runs replayed in " in replayed
    assert "2  wait for a handler that is paused, or that no worker has" in replayed
    assert sorted(house.lines()[4:]) == ["new e1 True 1", "new e2 True 1"]

    assert house.run("handlers", "resume", "old", "--yes").returncode == 0
    house.await_lines(8)
    assert sorted(house.lines()[6:]) == ["old e1 True 1", "old e2 True 1"]


@pytest.mark.long
def test_ten_thousand_are_replayed_at_half_the_rate_of_live_ones_or_faster(
    house: House, redis: Redis
) -> None:
    at_work(house, QUIET)
    arrivals = [arrival(f"e{number}", f"d{number % 500}") for number in range(10_000)]
    began = time.monotonic()
    accept(redis, arrivals)
    await_mail_is_empty(redis)
    live = time.monotonic() - began

    took = []
    for _ in range(3):  # another test may have the cores for a while, hardly three times
        replayed = house.run("replay", "*", "--yes")
        found = re.search(r"10,000 runs replayed in ([0-9.]+) s", replayed.stdout)
        assert found, replayed
        took.append(float(found[1]))
    assert min(took) < 2 * live, took
    [page] = [Record(redis).page(Query(states=["done"]), limit=10_000).events]
    assert len(page) == 10_000
    assert all(event.handlers["quiet"].for_people()["replay"] == len(took) for event in page)


def await_mail_is_empty(redis: Redis) -> None:
    def empty() -> bool:
        return not redis.exists("{bellhop}:ready", "{bellhop}:shifts")

    eventually(empty, "all is handled")


def test_one_that_is_stopped_leaves_nothing_half_done(house: House, redis: Redis) -> None:
    at_work(house, '@on("*", name="slow")\ndef slow(event):\n    time.sleep(0.01)\n')
    arrive(redis, *(f"e{number}" for number in range(300)), device="d1")
    await_states(redis, "done", 300)

    process = house.start("replay", "*", "--yes")
    record = Record(redis)

    def begun() -> bool:
        events = record.page(Query(), limit=300).events
        return any(event.handlers["slow"].is_replay for event in events)

    eventually(begun, "it has begun", shown=house.output)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(30) == 130
    eventually(lambda: "Stopped after" in house.output(), "it says so", shown=house.output)
    await_states(redis, "done", 300)
    assert not redis.exists("{bellhop}:replaying")
    replayed = [one for one in record.all(Query()) if one.handlers["slow"].is_replay]
    assert 0 < len(replayed) < 300
    # In the order in which they came, so what was replayed is the first of them.
    assert sorted(one.about.order for one in replayed) == list(range(1, len(replayed) + 1))


@pytest.mark.long
def test_live_events_do_not_wait_for_a_replay(house: House, redis: Redis) -> None:
    at_work(
        house,
        '@on("*", name="slow")\n'
        "def slow(event, context: Context):\n"
        "    time.sleep(0.005)\n"
        "    if not context.replay: ran(event.event_id)\n",
    )
    arrive(redis, *(f"e{number}" for number in range(1_000)), device="d1")
    house.await_lines(1_000)
    process = house.start("replay", "*", "--yes")
    eventually(lambda: redis.exists("{bellhop}:replaying"), "it has begun", shown=house.output)
    start = time.monotonic()
    waits = []
    for number in range(3):
        began = time.monotonic()
        arrive(redis, f"live{number}", device=["d1", "d2", "d1"][number])
        house.await_lines(1_001 + number)
        waits.append(time.monotonic() - began)
    busy = process.poll() is None
    assert process.wait(60) == 0
    assert busy, "the replay was over before: nothing was seen"
    # What is before them is half a second of five or more.
    assert max(waits) < (time.monotonic() - start) / 2, waits
