"""Async handlers of many devices at a time: how much is claimed for them, and who comes back."""

import asyncio
import time
from queue import SimpleQueue

import pytest

from bellhop import SeamEvent
from bellhop_workers.lanes import Lane
from bellhop_workers.loop import HandlerLoop
from tests.workers.conftest import Workplace


def test_of_slow_ones_each_device_gets_one_event_at_a_time(workplace: Workplace) -> None:
    order: list[str] = []
    workplace.runtime.concurrency = 2

    @workplace.on("*")
    async def slow(event: SeamEvent) -> None:
        order.append(str(getattr(event, "device_id", None)))
        await asyncio.sleep(0.1)

    for device in ("a", "a", "b", "b", "c", "c"):
        workplace.deliver(device=device)
    workplace.work()
    assert sorted(order[:2]) == ["a", "b"]
    assert order[2] == "c"  # not the second one of a device that had its turn
    assert sorted(order) == ["a", "a", "b", "b", "c", "c"]


def test_of_quick_ones_many_events_are_claimed_together(workplace: Workplace) -> None:
    @workplace.on("*")
    async def quick(event: SeamEvent) -> None:
        pass

    before = workplace.runtime.appetite(0)
    for _ in range(20):  # on a busy machine, one may take long
        workplace.deliver_many(200, devices=60)
        workplace.work()
        if (after := workplace.runtime.appetite(0)).share > 1:
            break
    assert before.share == 1
    assert after.share > 1


def test_half_of_the_places_are_filled_at_a_time_so_that_one_half_runs_while_the_other_is_written(
    workplace: Workplace,
) -> None:
    @workplace.on("*")
    async def quick(event: SeamEvent) -> None:
        pass

    away = (0, 25, 40, 50)
    assert [workplace.runtime.appetite(one).mailboxes for one in away] == [25, 25, 10, 0]


def test_the_time_of_one_that_waits_for_its_turn_has_not_begun(workplace: Workplace) -> None:
    begun: list[float] = []
    under_way: list[list[float]] = []

    @workplace.on("*")
    async def blocks(event: SeamEvent) -> None:
        begun.append(time.monotonic())
        under_way.append([since for _, since in workplace.runtime.loop.under_way()])
        time.sleep(0.1)  # noqa: ASYNC251 - the whole event loop, with all who are in line

    for number in range(5):
        workplace.deliver(device=f"d{number}")
    workplace.work()
    assert len(begun) == 5
    for earlier, [since] in zip(begun[:-1], under_way[1:], strict=True):
        assert since >= earlier + 0.1


def test_a_slow_sync_handler_beside_a_quick_async_one_keeps_claims_small(
    workplace: Workplace,
) -> None:
    workplace.on("*", name="slow")(lambda event: time.sleep(0.2))

    @workplace.on("*", name="quick")
    async def quick(event: SeamEvent) -> None:
        pass

    for number in range(6):
        workplace.deliver(device=f"d{number}")
    workplace.work()
    assert workplace.runtime.appetite(0).share <= 3


def test_a_mailbox_that_is_claimed_again_before_its_lane_is_back_ends_well(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lane is through a moment before the event loop's thread hands it back."""
    go_on = HandlerLoop._go_on

    def late(self: HandlerLoop, lane: Lane, returned: SimpleQueue[Lane]) -> None:
        if lane.through:
            time.sleep(0.03)
        go_on(self, lane, returned)

    monkeypatch.setattr(HandlerLoop, "_go_on", late)
    seen: list[str] = []

    @workplace.on("*")
    async def note(event: SeamEvent) -> None:
        seen.append(event.event_id)
        if len(seen) < 20:
            workplace.deliver()
            workplace.deliver(device=f"other {len(seen)}")
        await asyncio.sleep(0)

    workplace.deliver()
    workplace.work()
    workplace.work()
    assert len(seen) == len(set(seen)) == 39
