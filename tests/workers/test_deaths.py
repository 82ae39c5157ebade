"""After a death: the entry to blame is counted, or found by running suspects alone."""

import asyncio
import threading
import time
from typing import Any

import pytest

from bellhop import SeamEvent
from bellhop.ledger import Ledger, keys
from bellhop_workers.mailbox import ClaimedMailbox
from tests.workers.conftest import Workplace


def die(workplace: Workplace, under: str = "") -> None:
    """Let another worker with the same handlers die with all mail in hand."""
    other = workplace.next_worker("dies")
    assert other.claim()
    other.die(under)


@pytest.fixture
def seen(workplace: Workplace) -> list[str]:
    """The events that a handler named `note` saw."""
    seen: list[str] = []
    workplace.on("*", name="note")(lambda event: seen.append(event.event_id))
    return seen


def test_an_entry_under_which_three_workers_died_becomes_a_dead_letter(
    workplace: Workplace, seen: list[str]
) -> None:
    poison, next_one = workplace.deliver(), workplace.deliver()
    for _ in range(3):
        die(workplace, under=f"{poison} note")
    workplace.work_through()

    assert seen == [next_one]
    [handler] = workplace.registry
    error = workplace.record(poison, handler.function)["error"]
    assert error == "worker died: 3 workers ended under it"
    assert [workplace.state(one) for one in (poison, next_one)] == ["dead", "done"]


def test_one_that_is_given_up_for_that_is_not_read(workplace: Workplace, seen: list[str]) -> None:
    """Perhaps that is what they ended under."""
    poison = workplace.deliver()
    for _ in range(3):
        die(workplace, under=f"{poison} note")
    [handler] = workplace.registry
    [mail] = workplace.claim()
    mailbox = ClaimedMailbox(mail, handler, workplace.runtime.vault)
    assert mailbox.next_run() is None
    assert mailbox.through
    assert mail.entries[0].event.opened is None


def test_one_under_which_two_died_is_run_once_more(workplace: Workplace, seen: list[str]) -> None:
    poison = workplace.deliver()
    for _ in range(2):
        die(workplace, under=f"{poison} note")
    workplace.work_through()
    assert seen == [poison]


def test_a_death_under_one_handler_is_not_counted_for_another_of_the_event(
    workplace: Workplace, seen: list[str]
) -> None:
    other: list[str] = []
    workplace.on("*", name="other")(lambda event: other.append(event.event_id))
    poison = workplace.deliver()
    for _ in range(3):
        die(workplace, under=f"{poison} note")
    assert workplace.suspects("other") == []
    workplace.work_through()
    assert (seen, other) == ([], [poison])
    assert workplace.state(poison) == "dead"


def test_if_it_is_known_under_what_it_died_all_else_goes_straight_back(
    workplace: Workplace, seen: list[str]
) -> None:
    poison = workplace.deliver(device="poison")
    for number in range(5):
        workplace.deliver(device=f"d{number}")
    for _ in range(3):
        die(workplace, under=f"{poison} note")
    assert workplace.suspects("note") == ["device:poison"]
    assert sorted(workplace.ready("note")) == [f"device:d{number}" for number in range(5)]


def test_an_entry_that_was_all_that_the_worker_held_is_not_to_blame_for_that(
    workplace: Workplace, seen: list[str]
) -> None:
    workplace.deliver()
    die(workplace)
    assert workplace.suspects("note") == []
    assert workplace.ready("note") == ["device:front"]


def test_if_nobody_knows_one_death_makes_no_suspects(workplace: Workplace, seen: list[str]) -> None:
    for number in range(3):
        workplace.deliver(device=f"d{number}")
    die(workplace)
    assert workplace.suspects("note") == []
    assert sorted(workplace.ready("note")) == ["device:d0", "device:d1", "device:d2"]


def test_if_nobody_knows_two_deaths_make_the_first_of_each_mailbox_a_suspect(
    workplace: Workplace, seen: list[str]
) -> None:
    for number in range(3):
        workplace.deliver(device=f"d{number}")
        workplace.deliver(device=f"d{number}")
    die(workplace)
    die(workplace)
    assert sorted(workplace.suspects("note")) == ["device:d0", "device:d1", "device:d2"]
    assert workplace.ready("note") == []


def test_a_suspect_is_run_with_nothing_else_in_hand(workplace: Workplace) -> None:
    in_hand: dict[str, dict[bytes, bytes]] = {}

    @workplace.on("*", name="look")
    def look(event: SeamEvent) -> None:
        held: Any = workplace.ledger.redis.hgetall(keys.held("w"))
        in_hand[event.event_id] = held

    poison = workplace.deliver(device="poison")
    for _ in range(3):
        workplace.deliver(device="poison")
        workplace.deliver(device="other")
    die(workplace, under=f"{poison} look")
    workplace.work_through()

    assert len(in_hand) == 7
    assert in_hand[poison] == {b"look device:poison": b"1"}


def test_an_async_suspect_is_run_with_nothing_else_in_hand(workplace: Workplace) -> None:
    running = 0
    beside: dict[str, int] = {}

    @workplace.on("*", name="slow")
    async def slow(event: SeamEvent) -> None:
        nonlocal running
        running += 1
        await asyncio.sleep(0.05)
        beside[event.event_id] = running - 1
        running -= 1

    poison = workplace.deliver(device="poison")
    for number in range(10):
        workplace.deliver(device=f"d{number}")
    die(workplace, under=f"{poison} slow")
    workplace.work_through()

    assert len(beside) == 11
    assert beside[poison] == 0
    assert max(beside.values()) > 5


def test_a_suspect_that_went_well_is_one_no_more(workplace: Workplace, seen: list[str]) -> None:
    poison, behind = workplace.deliver(), workplace.deliver()
    die(workplace, under=f"{poison} note")
    workplace.work_through()
    assert seen == [poison, behind]
    assert [workplace.state(one) for one in (poison, behind)] == ["done", "done"]
    assert workplace.suspects("note") == workplace.ready("note") == []


def test_a_devices_events_stay_in_order_though_workers_died_with_them(
    workplace: Workplace, seen: list[str]
) -> None:
    for number in range(12):
        workplace.deliver(device=f"d{number % 3}")
    for _ in range(3):
        die(workplace)
    workplace.work_through()

    assert len(seen) == 12
    for device in range(3):
        of_device = [f"e{number + 1}" for number in range(device, 12, 3)]
        assert [name for name in seen if name in of_device] == of_device


def test_a_worker_that_is_never_idle_comes_to_what_a_dead_one_left(ledger: Ledger) -> None:
    place = Workplace(ledger, slice=0.3)
    seen: list[str] = []
    left: list[str] = []

    @place.on("*", name="slow")
    async def slow(event: SeamEvent) -> None:
        await asyncio.sleep(0.3)
        seen.append(event.event_id)

    def keep_busy() -> None:
        """Deliver so often that some handler is always under way."""
        while not left:
            event_id = place.deliver(device="left")
            other = place.next_worker("dies")
            if other.claim():  # unless our own worker was quicker
                other.die(under=f"{event_id} slow")
                left.append(event_id)
        for number in range(40):
            place.deliver(device=f"d{number}")
            time.sleep(0.1)

    place.deliver()
    busy = threading.Timer(0.1, keep_busy)
    busy.start()
    while busy.is_alive() or left[0] not in seen:
        place.work()
    assert seen.index(left[0]) < 30  # otherwise it comes when nothing else does
