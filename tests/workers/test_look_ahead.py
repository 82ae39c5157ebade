"""Quick handlers run while Redis writes down the last results, whatever comes between."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from bellhop import SeamEvent
from bellhop.ledger import Asked, keys
from bellhop.ledger.calls import Call, Script
from bellhop.ledger.claims import SETTLE
from bellhop_workers.run_times import MOST_ENTRIES
from tests.workers.conftest import Workplace

Ask = Callable[[Redis, Call[Any]], Asked[Any]]

DEVICES = 40
EVENTS = 4 * MOST_ENTRIES
HELD = keys.held("w")


def break_connections(redis: Redis) -> None:
    redis.client_kill_filter(_type="normal", skipme=True)


def forget_scripts(redis: Redis) -> None:
    redis.script_flush()


def do_nothing(redis: Redis) -> None:
    pass


def work_quickly(workplace: Workplace) -> None:
    """Do a shift with handlers known to be quick, and more mail than is claimed at once."""
    for handler in workplace.registry:
        for _ in range(40):
            workplace.runtime.run_times.learn(handler, 0.0)
    workplace.runtime.subscribe()
    workplace.deliver_many(EVENTS, devices=DEVICES)
    workplace.work()


@pytest.mark.parametrize("trouble", [do_nothing, break_connections, forget_scripts])
def test_every_event_is_handled_once_and_in_order(
    redis: Redis, workplace: Workplace, trouble: Callable[[Redis], None]
) -> None:
    seen: list[str] = []
    in_hand: list[int] = []

    @workplace.on("*", name="note")
    def note(event: SeamEvent) -> None:
        seen.append(event.event_id)
        if len(seen) % 300 == 0:
            trouble(redis)
            in_hand.append(sum(map(int, redis.hvals(HELD))))

    work_quickly(workplace)
    assert Counter(seen) == {f"e{number}": 1 for number in range(1, EVENTS + 1)}
    for device in range(DEVICES):
        ids = [f"e{number + 1}" for number in range(device, EVENTS, DEVICES)]
        assert [one for one in seen if one in set(ids)] == ids
    assert {workplace.state(event_id) for event_id in seen} == {"done"}
    assert max(in_hand) > MOST_ENTRIES  # it did look ahead
    assert not redis.exists(HELD, keys.ready("note"))


@pytest.mark.parametrize("kinds", [("async",), ("sync", "async")], ids="+".join)
def test_so_it_is_with_async_handlers(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, kinds: Sequence[str]
) -> None:
    seen: dict[str, list[str]] = {kind: [] for kind in kinds}
    sent: list[int] = []

    def ask(redis: Redis, call: Call[Any]) -> Asked[Any]:
        sent.append(sum(map(len, seen.values())))
        return Asked(redis, call)

    def note(event: SeamEvent) -> None:
        seen["sync"].append(event.event_id)

    async def note_async(event: SeamEvent) -> None:
        seen["async"].append(event.event_id)

    for kind in kinds:
        workplace.on("*", name=kind)(note if kind == "sync" else note_async)
    monkeypatch.setattr("bellhop.ledger.ledger.Asked", ask)
    work_quickly(workplace)
    for ids in seen.values():
        assert Counter(ids) == {f"e{number}": 1 for number in range(1, EVENTS + 1)}
        for device in range(DEVICES):
            own = [f"e{number + 1}" for number in range(device, EVENTS, DEVICES)]
            assert [one for one in ids if one in set(own)] == own
    assert {workplace.state(f"e{number}") for number in range(1, EVENTS + 1)} == {"done"}
    assert [before for before in sent if 0 < before < EVENTS]  # while much was still to come


def unsent(redis: Redis, call: Call[Any]) -> Asked[Any]:
    raise RedisConnectionError("no way")


def done_but_lost(redis: Redis, call: Call[Any]) -> Asked[Any]:
    asked = Asked(redis, call)
    time.sleep(0.05)  # unless it is refused, since the one before was, Redis is through with it
    asked._connection.disconnect()
    return asked


def broken_behind(redis: Redis, call: Call[Any]) -> Asked[Any]:
    asked = Asked(redis, call)
    asked._connection.disconnect()  # Redis may see it, or not
    return asked


def refused(redis: Redis, call: Call[Any]) -> Asked[Any]:
    return Asked(redis, replace(call, script=Script(call.script.source, "0" * 40)))


TROUBLES = [unsent, done_but_lost, broken_behind, refused]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param(first, then, marks=() if then in (Asked, first) else pytest.mark.long)
        for first in TROUBLES
        for then in (Asked, *TROUBLES)
    ],
)
def test_whatever_becomes_of_two_settles_in_a_row_nothing_is_lost_or_doubled(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, first: Ask, then: Ask
) -> None:
    seen: list[str] = []
    workplace.on("*", name="note")(lambda event: seen.append(event.event_id))
    asks = iter([Asked, first, then])
    workplace.ledger.redis.script_load(SETTLE.source)
    monkeypatch.setattr(
        "bellhop.ledger.ledger.Asked", lambda redis, call: next(asks, Asked)(redis, call)
    )

    work_quickly(workplace)
    assert Counter(seen) == {f"e{number}": 1 for number in range(1, EVENTS + 1)}
    assert {workplace.state(event_id) for event_id in seen} == {"done"}
    assert len(list(asks)) <= 1  # behind one that is lost nothing is sent ahead


def test_one_that_is_asked_to_stop_gives_back_what_it_looked_ahead_to(workplace: Workplace) -> None:
    seen: list[str] = []

    @workplace.on("*", name="note")
    def note(event: SeamEvent) -> None:
        seen.append(event.event_id)
        if len(seen) == 700:
            workplace.runtime.stopping = True

    work_quickly(workplace)
    assert 700 <= len(seen) < EVENTS
    workplace.runtime.stopping = False
    workplace.work()
    assert Counter(seen) == {f"e{number}": 1 for number in range(1, EVENTS + 1)}


def test_a_lease_that_was_lost_meanwhile_ends_the_shift(redis: Redis, workplace: Workplace) -> None:
    seen: list[str] = []

    @workplace.on("*", name="note")
    def note(event: SeamEvent) -> None:
        seen.append(event.event_id)
        if len(seen) == 700:
            workplace.die(under=f"{event.event_id} note")

    work_quickly(workplace)
    assert len(seen) < EVENTS
    done = sum(workplace.state(f"e{number}") == "done" for number in range(1, EVENTS + 1))
    assert done < len(seen)  # what was not written by then is somebody else's to do
    workplace.work_through()
    assert set(seen) == {f"e{number}" for number in range(1, EVENTS + 1)}
    assert not redis.exists(keys.ready("note"), keys.suspects("note"))
