"""Deadlines by which the pool knows, from outside, that a worker is stuck."""

import math
import threading
import time

import pytest

from bellhop_workers.deadlines import Deadlines


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


def test_a_shift_is_silent_for_too_long_unless_a_handler_keeps_it() -> None:
    deadlines = Deadlines()
    deadlines.set_shift(5)
    assert deadlines.handlers == 5
    deadlines.set_main(3_600)
    assert deadlines.handlers == 3_600
    deadlines.set_main(math.inf)
    deadlines.set_shift(math.inf)
    assert deadlines.handlers == math.inf


def test_a_thread_that_cannot_be_started_leaves_no_deadline() -> None:
    deadlines = Deadlines()

    class Thread(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    with pytest.raises(RuntimeError):
        deadlines.start(Thread())
    assert deadlines.handlers == math.inf
