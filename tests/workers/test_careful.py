"""After a death: what was in hand is handled with care, and not one after the other for minutes."""

import asyncio
import threading
import time
from datetime import timedelta

from bellhop import SeamEvent
from bellhop.ledger import Ledger
from bellhop_workers.settling import Hand
from tests.workers.conftest import Workplace


def after_a_death(workplace: Workplace) -> bool:
    """Let a worker die with all mail in hand; return whether there was any."""
    workplace.ledger.claim("x/1", lease=timedelta(minutes=1), mailboxes=99, entries=99)
    return workplace.ledger.sweep(queued=0, dead_workers=["x"]).ended == ("x/1",)


def test_async_handlers_of_many_devices_still_run_side_by_side(workplace: Workplace) -> None:
    running: list[str] = []
    together: list[int] = []

    @workplace.on("*")
    async def slow(event: SeamEvent) -> None:
        running.append(event.event_id)
        await asyncio.sleep(0.25)
        together.append(len(running))
        running.remove(event.event_id)

    for number in range(40):
        workplace.deliver(device=f"d{number}")
    assert after_a_death(workplace)
    workplace.work()

    assert len(together) == 40
    assert max(together) > 5


def test_each_sync_outcome_is_written_before_the_next_handler_runs(workplace: Workplace) -> None:
    states: list[list[str]] = []

    @workplace.on("*")
    def look(event: SeamEvent) -> None:
        states.append([workplace.state(f"e{number}") for number in range(1, 7)])

    for number in range(6):
        workplace.deliver(device=f"d{number}")
    assert after_a_death(workplace)
    workplace.work()

    assert [row.count("done") for row in states] == [0, 1, 2, 3, 4, 5]


def test_a_devices_events_stay_in_order(workplace: Workplace) -> None:
    seen: list[str] = []
    workplace.on("*")(lambda event: seen.append(event.event_id))
    for number in range(12):
        workplace.deliver(device=f"d{number % 3}")
    assert after_a_death(workplace)
    workplace.work()

    assert len(seen) == 12
    for device in range(3):
        of_device = [f"e{number + 1}" for number in range(device, 12, 3)]
        assert [name for name in seen if name in of_device] == of_device


def test_a_worker_that_is_never_idle_comes_to_what_a_dead_one_left(ledger: Ledger) -> None:
    place = Workplace(ledger, slice=0.3)
    seen: list[str] = []
    left: list[str] = []

    @place.on("*")
    async def slow(event: SeamEvent) -> None:
        await asyncio.sleep(0.3)
        seen.append(event.event_id)

    def keep_busy() -> None:
        """Deliver so often that some handler is always under way."""
        while not left:
            event_id = place.deliver(device="left")
            if after_a_death(place):  # unless our own worker was quicker
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


def test_what_is_in_hand_can_be_looked_at_while_the_keeper_gives_some_of_it_back(
    workplace: Workplace,
) -> None:
    for number in range(3):
        workplace.deliver(device=f"d{number}")
    hand = Hand(workplace.runtime)
    hand.claim(workplace.runtime.appetite(0))
    lanes = hand._lanes

    class GivesBack:
        """A lane that the keeper gives back while another thread looks at it."""

        @property
        def careful(self) -> bool:
            lanes.popitem()
            return False

        has_results = careful

    for mailbox in list(lanes):
        lanes[mailbox] = GivesBack()  # type: ignore[assignment]
    assert not hand.is_careful
    assert not hand.has_unwritten
    assert not hand
