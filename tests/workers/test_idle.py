"""With no mail left, a shift waits a moment for more before it ends."""

import threading
import time
from collections.abc import Callable

import pytest

from bellhop import SeamEvent
from bellhop.ledger import Ledger
from tests.system.conftest import eventually
from tests.workers.conftest import Workplace

A_WHILE = 60.0


def is_idle(place: Workplace) -> bool:
    """Say whether the worker waits to be woken."""
    key = f"{{bellhop}}:idle:{place.runtime.ledger.handlers.fingerprint}"
    return place.ledger.redis.zcard(key) == 1


@pytest.fixture
def place(ledger: Ledger) -> Workplace:
    """A worker that is idle for as long as its shifts last, with one handler."""
    place = Workplace(ledger, slice=2.0, idle=A_WHILE)
    place.on("*", name="note")(lambda event: None)
    return place


def work_and(place: Workplace, step: Callable[[], None]) -> float:
    """Do a shift, and the step as soon as the worker is idle; return when that was begun."""
    began: list[float] = []

    def wait_and_step() -> None:
        eventually(lambda: is_idle(place), "the worker is idle")
        began.append(time.monotonic())
        step()

    thread = threading.Thread(target=wait_and_step)
    thread.start()
    place.work()
    thread.join()
    return began[0]


def test_what_comes_while_it_is_idle_is_handled_in_the_same_shift(ledger: Ledger) -> None:
    place = Workplace(ledger, idle=A_WHILE)
    seen: list[str] = []

    @place.on("*")
    def note(event: SeamEvent) -> None:
        seen.append(event.event_id)
        place.runtime.stopping = len(seen) == 5

    def deliver() -> None:
        for number in range(1, 6):
            eventually(lambda: is_idle(place), "the worker is idle")
            place.deliver()
            eventually(lambda number=number: len(seen) == number, "it was woken")  # type: ignore[misc]

    work_and(place, deliver)
    assert seen == ["e1", "e2", "e3", "e4", "e5"]


def test_it_is_idle_until_the_end_of_its_slice(place: Workplace) -> None:
    began = time.monotonic()
    place.work()
    assert 2.0 <= time.monotonic() - began < A_WHILE / 2


def test_one_that_is_asked_to_stop_is_idle_no_longer(ledger: Ledger) -> None:
    place = Workplace(ledger, slice=A_WHILE, idle=A_WHILE)

    def stop() -> None:
        place.runtime.stopping = True

    began = work_and(place, stop)
    assert time.monotonic() - began < A_WHILE / 2
    assert not is_idle(place)


def test_one_that_stops_leaves_what_it_was_woken_for_to_others(ledger: Ledger) -> None:
    place = Workplace(ledger, slice=A_WHILE, idle=A_WHILE)
    place.on("*", name="note")(lambda event: None)

    def deliver_and_stop() -> None:
        place.runtime.stopping = True
        place.deliver()

    work_and(place, deliver_and_stop)
    assert place.state("e1") == "accepted"
    place.next_worker().work()
    assert place.state("e1") == "done"


def test_a_connection_that_breaks_keeps_it_from_hearing_nothing(place: Workplace) -> None:
    seen: list[float] = []
    place.on("*", name="when")(lambda event: seen.append(time.monotonic()))

    def break_and_deliver() -> None:
        place.ledger.redis.client_kill_filter(_type="normal", skipme=True)
        place.deliver()

    began = work_and(place, break_and_deliver)
    assert seen[0] - began < 2.0  # within its slice
