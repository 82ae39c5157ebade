"""Handlers that a deploy takes away: what becomes of their subscriptions, and of what waits."""

import json
import os
import signal
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from bellhop.connections import connect
from bellhop.embedded import embedded_url
from bellhop.ledger import keys
from tests.system.conftest import House, command_line, descendants, eventually

ONE = '@on("lock.*", name="one")\ndef one(event): ran("one", event.event_id)\n'
TWO = '@on("lock.*", name="two")\ndef two(event): ran("two", event.event_id)\n'


def subscribed(redis: Redis) -> set[str]:
    """Return the names of all handlers that are subscribed."""
    names: Any = redis.hkeys(keys.SUBSCRIPTIONS)
    return {name.decode() for name in names}


def test_what_waits_for_a_handler_that_nobody_has_is_abandoned_after_the_time_that_is_set(
    house: House, redis: Redis
) -> None:
    house.environment["BELLHOP_FORGET_AFTER"] = "5s"
    house.handlers(ONE + TWO)
    old = house.start("worker")
    house.start("receiver")
    house.await_ready()
    eventually(lambda: subscribed(redis) == {"one", "two"}, "it subscribes", shown=house.output)

    os.kill(old.pid, signal.SIGTERM)
    old.wait()
    event_id = delivery_of(house)
    house.handlers(ONE)
    house.start("worker")

    eventually(lambda: subscribed(redis) == {"one"}, "it is forgotten", shown=house.output)
    house.await_lines(1)
    assert house.lines() == [f"one {event_id}"]
    record = redis.hget(keys.event(event_id), "h:two")
    assert record
    assert json.loads(record)["state"] == "abandoned"
    assert "no worker had a handler for too long" in house.output()


@pytest.mark.parametrize("reloads", [3, pytest.param(10, marks=pytest.mark.long)])
def test_reloads_leave_no_waste_behind(lonely_house: House, reloads: int) -> None:
    house = lonely_house
    house.handlers(named(0))
    up = house.start("up", "--port", str(house.port), "--workers", "2", "--reload")
    house.await_ready()
    url = embedded_url(house.path / ".bellhop/private")
    assert url
    old: set[str] = set()
    with connect(url) as redis:
        for number in range(1, reloads + 1):
            await_only(house, redis, f"h{number - 1}")
            house.run("send", "lock.unlocked")
            house.await_lines(number)
            old |= {one.decode() for one in found(redis.hkeys(keys.SETS))}
            if number == 2:
                kill_pool(up.pid)
                # As if half a minute had passed, in which nobody spoke for its workers.
                for worker in found(redis.hkeys(keys.WORKERS)):
                    redis.zadd(keys.ALIVE, {worker: 1})
            house.handlers(named(number))
        await_only(house, redis, f"h{reloads}")
        house.run("send", "lock.unlocked")
        house.await_lines(reloads + 1)

        def waste() -> list[str]:
            names = [name.decode() for name in redis.scan_iter("*")]
            workers = {one.decode() for one in found(redis.hkeys(keys.WORKERS))}
            return [
                name
                for name in names
                if any(one in name for one in old)
                or (name.startswith("rq:worker:") and name.split(":")[2] not in workers)
            ]

        eventually(lambda: not waste(), "nothing is left of old sets", shown=waste)
        [queue] = found(redis.smembers("rq:queues"))
        [current] = found(redis.hkeys(keys.SETS))
        assert len(old) == reloads
        assert queue == b"rq:queue:bellhop:" + current
        assert found(redis.scard("rq:workers")) == found(redis.hlen(keys.WORKERS)) == 2
        assert not redis.exists(keys.LIMITS, keys.PAUSED, keys.DUE, keys.LEASES)


def test_mail_that_waits_for_what_a_reload_took_away_is_kept(lonely_house: House) -> None:
    house = lonely_house
    house.handlers(
        '@on("lock.*", name="away")\ndef away(event): raise Retry("later", after=600)\n' + named(0)
    )
    house.start("up", "--port", str(house.port), "--workers", "1", "--reload")
    house.await_ready()
    url = embedded_url(house.path / ".bellhop/private")
    assert url
    with connect(url) as redis:
        house.run("send", "lock.unlocked")
        eventually(lambda: redis.zcard(keys.DUE) == 1, "it is to be tried again")
        house.handlers(named(0) + named(1))
        eventually(lambda: "h1" in subscribed(redis), "it is reloaded", shown=house.output)
        house.run("send", "lock.unlocked")
        house.await_lines(3)
        assert "away" in subscribed(redis)

        moved = house.run("handlers", "move", "away", "h1", "--yes")

        assert moved.stdout.endswith(
            "1 event moved to h1, 1 that it had itself; away is forgotten\n"
        ), moved.stderr
        assert subscribed(redis) == {"h0", "h1"}


def named(number: int) -> str:
    """Return the code of a handler of that number."""
    return f'@on("lock.*", name="h{number}")\ndef h{number}(event): ran({number})\n'


def await_only(house: House, redis: Redis, name: str) -> None:
    """Wait until this handler alone is subscribed."""
    eventually(lambda: subscribed(redis) == {name}, f"{name} alone", shown=house.output)


def kill_pool(up: int) -> None:
    """Kill the pool of an `up` with all its workers."""
    [pool] = [pid for pid in descendants(up) if "bellhop_launch.py worker" in command_line(pid)][:1]
    for pid in [pool, *descendants(pool)]:
        os.kill(pid, signal.SIGKILL)


def found(answer: Any) -> Any:
    """Return an answer of Redis, which has no type."""
    return answer


def delivery_of(house: House) -> str:
    """Post an event, and return its id."""
    event_id = str(uuid4())
    assert house.post(event_id=event_id).status_code == 202
    return event_id
