"""Two Bellhops on one database: neither sees, takes or finds what is the other's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from bellhop import wait_for_action_attempt_sync
from bellhop.ledger import keys
from tests.system.conftest import House, eventually

HANDLER = '@on("*")\ndef handle(event): ran(event.event_id)\n'


@pytest.fixture
def houses(tmp_path: Path, redis_url: str) -> Iterator[list[House]]:
    """Two houses on one Redis."""
    made = []
    for name in ("bellhop", "hotel"):
        (tmp_path / name).mkdir()
        house = House(tmp_path / name, redis_url)
        house.environment["BELLHOP_KEY_PREFIX"] = name
        house.handlers(HANDLER)
        made.append(house)
    yield made
    for house in made:
        house.end()


def test_two_on_one_database_are_apart(
    houses: list[House], redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = houses
    for house in houses:
        house.start("receiver")
        house.await_ready()
    # The first has no worker yet: the second's must not take its mail.
    unlocked = "action_attempt.unlock_door.succeeded"
    assert first.post("lock.locked", event_id="e1").status_code == 202
    assert second.post("lock.locked", event_id="e1").status_code == 202
    assert second.post(unlocked, event_id="e2", action_attempt_id="a1").status_code == 202
    second.start("worker")
    second.await_lines(2)
    assert first.lines() == []
    assert not redis.keys("rq:queue:bellhop:*")
    told = first.run("doctor", "--table").stdout
    assert "no worker is alive" in told
    assert "BELLHOP_KEY_PREFIX = bellhop: from environment" in told
    assert "no worker is alive" not in second.run("doctor", "--table").stdout
    assert len(first.run("events", "--json").stdout.splitlines()) == 1
    assert len(second.run("events", "--json").stdout.splitlines()) == 2

    first.start("worker")
    first.await_lines(1)
    eventually(lambda: not redis.exists("{bellhop}:shifts"), "it is settled")
    assert (first.lines(), sorted(second.lines())) == (["e1"], ["e1", "e2"])
    begin = {key.decode().partition(":")[0] for key in redis.scan_iter()}
    assert begin == {"{bellhop}", "{hotel}", "rq"}

    monkeypatch.setenv("BELLHOP_REDIS_URL", first.environment["BELLHOP_REDIS_URL"])
    monkeypatch.setenv("BELLHOP_KEY_PREFIX", "hotel")
    try:
        assert wait_for_action_attempt_sync("a1", timeout=60).status == "success"
    finally:
        keys.use("bellhop")


def test_all_names_move_and_come_back() -> None:
    before = {name: value for name, value in vars(keys).items() if name.isupper()}
    keys.use("a.b")
    try:
        moved = {name: value for name, value in vars(keys).items() if name.isupper()}
        assert {name: value.replace("a.b", "bellhop") for name, value in moved.items()} == before
        assert all("a.b" in value for value in moved.values())
        assert keys.event("e1") == "{a.b}:event:e1"
    finally:
        keys.use("bellhop")
    assert {name: value for name, value in vars(keys).items() if name.isupper()} == before
