"""Async handlers of many devices at a time: whose time runs, and who gets the next place."""

import asyncio
import time
from typing import Any

import pytest

from bellhop import SeamEvent
from bellhop.ledger import Ledger
from bellhop.vault import Sealed
from bellhop_workers.loop import HandlerLoop
from bellhop_workers.mailbox import ClaimedMailbox
from bellhop_workers.running import Run
from tests.workers.conftest import Workplace


def test_async_handlers_of_many_devices_run_at_a_time(workplace: Workplace) -> None:
    together = 20
    all_began = asyncio.Barrier(together)

    @workplace.on("lock.*", attempts=1, timeout=10)
    async def waits_for_the_others(event: SeamEvent) -> None:
        await all_began.wait()

    ids = [workplace.deliver(device=f"door{number}") for number in range(together)]
    workplace.work()

    assert {workplace.state(event_id) for event_id in ids} == {"done"}


def test_no_more_mailboxes_of_a_handler_are_at_work_than_it_has_places(ledger: Ledger) -> None:
    place = Workplace(ledger, concurrency=3)
    running = 0
    most = 0

    @place.on("*")
    async def counts(event: SeamEvent) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    for number in range(20):
        place.deliver(device=f"d{number}")
    place.work()
    assert most == 3


def test_an_async_handler_sees_a_devices_events_one_at_a_time_in_order(
    workplace: Workplace,
) -> None:
    seen: list[str] = []

    @workplace.on("lock.*")
    async def slower_first(event: SeamEvent) -> None:
        await asyncio.sleep(0.05 if not seen else 0)
        seen.append(event.event_id)

    ids = [workplace.deliver() for _ in range(5)]
    workplace.work()

    assert seen == ids


def test_once_a_handler_is_known_to_be_slow_each_device_has_one_event_in_its_turn(
    ledger: Ledger,
) -> None:
    place = Workplace(ledger, concurrency=2)
    order: list[str] = []

    @place.on("*")
    async def slow(event: SeamEvent) -> None:
        order.append(str(getattr(event, "device_id", None)))
        await asyncio.sleep(0.05)

    [handler] = place.registry
    place.runtime.run_times.learn(handler, 10.0)
    for device in ("a", "a", "b", "b", "c", "c"):
        place.deliver(device=device)
    place.work()
    assert sorted(order[:2]) == ["a", "b"]
    assert order[2] == "c"  # not the second one of a device that had its turn
    assert sorted(order) == ["a", "a", "b", "b", "c", "c"]


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


def test_a_mailbox_that_is_claimed_again_before_its_place_is_free_ends_well(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mailbox is through a moment before the event loop's thread goes on from it."""
    go_on = HandlerLoop._go_on

    def late(self: HandlerLoop, mailbox: ClaimedMailbox, line: Any) -> None:
        if mailbox.through:
            time.sleep(0.03)
        go_on(self, mailbox, line)

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


def test_of_two_mailboxes_that_fail_at_a_time_neither_is_overlooked(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the worker would wait for ever for the one whose failure it did not see."""
    next_run = ClaimedMailbox.next_run

    def fails(mailbox: ClaimedMailbox) -> Run | None:
        if mailbox.name == "device:broken":
            raise RuntimeError("broken")
        mailbox.sealed = Sealed("no key")
        return next_run(mailbox)

    monkeypatch.setattr(ClaimedMailbox, "next_run", fails)

    @workplace.on("*")
    async def ends(event: SeamEvent) -> None:
        pass

    for device in ("broken", "sealed"):
        workplace.deliver(device=device)
    with pytest.raises(RuntimeError, match="broken"):
        workplace.work()
