"""With no mail left, a shift waits a moment for more before it ends."""

import threading
import time

import pytest

from bellhop import SeamEvent
from bellhop.ledger import Ledger, keys
from tests.workers.conftest import Workplace


@pytest.fixture
def place(ledger: Ledger) -> Workplace:
    """A worker whose shifts rest for as long as they last."""
    place = Workplace(ledger, slice=2)
    place.runtime.rest = 60
    return place


def test_what_comes_while_it_rests_is_handled_in_the_same_shift(place: Workplace) -> None:
    seen: list[str] = []

    @place.on("*")
    def note(event: SeamEvent) -> None:
        seen.append(event.event_id)

    def deliver() -> None:
        for _ in range(5):
            place.deliver()
            time.sleep(0.1)

    later = threading.Timer(0.2, deliver)
    later.start()
    began = time.monotonic()
    place.work()
    later.join()
    assert seen == ["e1", "e2", "e3", "e4", "e5"]
    assert time.monotonic() - began >= 2  # it rested until the end of its slice


def test_one_that_is_asked_to_stop_rests_no_longer(place: Workplace) -> None:
    place.runtime.slice = 60

    def stop() -> None:
        place.runtime.stopping = True

    threading.Timer(0.2, stop).start()
    place.work()
    assert not place.ledger.redis.exists(keys.RESTING)


def test_one_that_stops_leaves_what_it_was_rung_for_to_others(place: Workplace) -> None:
    place.runtime.slice = 60
    place.on("*")(lambda event: None)

    def deliver_and_stop() -> None:
        place.runtime.stopping = True
        place.deliver()

    threading.Timer(0.2, deliver_and_stop).start()
    place.work()
    place.runtime.stopping = False
    place.runtime.rest = 0
    place.work()
    assert place.state("e1") == "done"


def test_a_connection_that_breaks_keeps_it_from_hearing_nothing(place: Workplace) -> None:
    seen: list[float] = []
    place.on("*")(lambda event: seen.append(time.monotonic()))
    came: list[float] = []

    def break_and_deliver() -> None:
        place.ledger.redis.client_kill_filter(_type="normal", skipme=True)
        came.append(time.monotonic())
        place.deliver()

    threading.Timer(0.2, break_and_deliver).start()
    place.work()
    assert seen[0] - came[0] < 1.5  # within its slice
