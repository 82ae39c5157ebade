"""How long a handler waits before it is tried again, unless it has a plan of its own."""

from datetime import timedelta

import pytest

from bellhop.retries import ATTEMPTS, backoff

MINUTE, HOUR = 60, 3600


def seconds(attempt: int, jitter: float = 0.0) -> float:
    return backoff(attempt, jitter=jitter).total_seconds()


def test_the_wait_doubles_from_five_seconds_to_an_hour() -> None:
    waits = [seconds(attempt) for attempt in range(1, 13)]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, HOUR, HOUR]
    assert seconds(10**9) == HOUR


@pytest.mark.parametrize("attempt", [1, 5, 100])
def test_jitter_spreads_a_burst_over_the_last_quarter_of_the_wait(attempt: int) -> None:
    whole = seconds(attempt)
    assert seconds(attempt, 0.5) == whole * 0.875
    assert whole * 0.75 < seconds(attempt, 0.999) < whole * 0.76


def test_a_device_that_is_offline_for_a_night_is_still_tried() -> None:
    waits = (backoff(attempt, jitter=0.999) for attempt in range(1, ATTEMPTS))
    assert sum(waits, timedelta()) > timedelta(hours=7.5)
