"""Deadlines by which the pool knows, from outside, that a worker is stuck."""

import math
import threading
import time

import pytest

from bellhop import SeamEvent
from bellhop_workers.deadlines import Deadlines
from tests.workers.conftest import Workplace


def test_a_thread_that_does_not_start_is_overdue_some_seconds_later() -> None:
    deadlines = Deadlines()
    while_starting: list[float] = []

    class Thread(threading.Thread):
        def start(self) -> None:
            while_starting.append(deadlines.handlers)

    began = time.monotonic()
    deadlines.start(Thread())
    assert began + 1 < while_starting[0] < time.monotonic() + 10
    assert deadlines.handlers == math.inf


def test_a_shift_is_silent_for_too_long_unless_a_handler_keeps_the_main_thread() -> None:
    deadlines = Deadlines()
    began = time.monotonic()
    deadlines.shift_goes_on()
    silent = deadlines.handlers
    assert began + 30 < silent < time.monotonic() + 90
    deadlines.set_main(math.nextafter(math.inf, 0))
    assert deadlines.handlers > silent
    deadlines.set_main(math.inf)
    deadlines.shift_is_over()
    assert deadlines.handlers == math.inf


def test_an_async_handler_that_takes_its_time_hides_no_main_thread_that_is_stuck() -> None:
    deadlines = Deadlines()
    deadlines.shift_goes_on()
    deadlines.set_loop(time.monotonic() + 3_600)
    assert deadlines.handlers < time.monotonic() + 90
    deadlines.set_main(time.monotonic() + 1_800)
    assert deadlines.handlers > time.monotonic() + 1_000
    deadlines.set_loop(time.monotonic() + 5)
    assert deadlines.handlers < time.monotonic() + 10


def test_a_worker_that_waits_for_redis_without_a_shift_is_not_overdue() -> None:
    deadlines = Deadlines()
    deadlines.shift_waits()
    assert deadlines.handlers == math.inf


def test_a_thread_that_cannot_be_started_leaves_no_deadline() -> None:
    deadlines = Deadlines()

    class Thread(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    with pytest.raises(RuntimeError):
        deadlines.start(Thread())
    assert deadlines.handlers == math.inf


def test_no_other_thread_sets_the_deadline_of_the_main_one(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it would put back when it is through could be that of a handler that has ended."""
    set_by: set[str] = set()
    set_main = Deadlines.set_main

    def noting(self: Deadlines, moment: float) -> None:
        set_by.add(threading.current_thread().name)
        set_main(self, moment)

    monkeypatch.setattr(Deadlines, "set_main", noting)
    ran: list[str] = []

    @workplace.on("lock.*", name="waits")
    async def waits(event: SeamEvent) -> None:
        ran.append(event.event_id)

    @workplace.on("device.*", name="keeps_the_worker")
    def keeps_the_worker(event: SeamEvent) -> None:
        late = workplace.deliver()
        while late not in ran:  # the keeper claims it
            time.sleep(0.02)

    workplace.deliver("device.connected")
    workplace.work()
    assert ran
    assert set_by == {"MainThread"}
