"""How outages are told and waited out, with a clock of the test."""

from collections.abc import Callable, Iterator

import pytest
import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from structlog.testing import capture_logs

from bellhop.outages import Outages, wait_out


class Clock:
    """A clock that is set by hand, or by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outages(clock: Clock) -> Outages:
    return Outages(structlog.get_logger(), "away", lambda: clock.now)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    with capture_logs() as logged:
        lines = _Lines(logged)
        yield lines


class _Lines(list[str]):
    def __init__(self, logged: object) -> None:
        self.logged = logged

    def __eq__(self, other: object) -> bool:
        return [line["event"] for line in self.logged] == other  # type: ignore[attr-defined]


AWAY = RedisConnectionError("gone")


def failing(times: int, error: RedisError = AWAY) -> Callable[[], str]:
    """Return a call that fails so often before it answers."""
    left = iter(range(times))

    def call() -> str:
        if next(left, None) is not None:
            raise error
        return "answer"

    return call


def test_an_outage_is_told_once_and_its_end_once(outages: Outages, lines: list[str]) -> None:
    for _ in range(1000):
        outages.failed(AWAY)
    assert lines == ["away"]
    for _ in range(1000):
        outages.succeeded()
    assert lines == ["away", "Redis is back"]


def test_a_server_that_comes_and_goes_does_not_fill_the_log(
    outages: Outages, clock: Clock, lines: list[str]
) -> None:
    while clock.now < 60:
        outages.failed(AWAY)
        outages.succeeded()
        clock.now += 0.01
    assert lines == ["away", "Redis is back"] * 6


def test_an_outage_soon_after_another_is_told_when_it_lasts(
    outages: Outages, clock: Clock, lines: list[str]
) -> None:
    outages.failed(AWAY)
    outages.succeeded()
    while clock.now < 9:
        outages.failed(AWAY)
        clock.now += 1
    assert lines == ["away", "Redis is back"]
    clock.now = 10
    outages.failed(AWAY)
    assert lines == ["away", "Redis is back", "away"]


def test_the_lines_say_why_and_how_long(outages: Outages, clock: Clock) -> None:
    with capture_logs() as logged:
        outages.failed(AWAY)
        clock.now = 12.3
        outages.succeeded()
    assert logged == [
        {"event": "away", "error": "gone", "log_level": "error"},
        {"event": "Redis is back", "after": "12.3s", "log_level": "warning"},
    ]


def test_a_call_is_repeated_until_it_is_answered(
    outages: Outages, clock: Clock, lines: list[str]
) -> None:
    assert wait_out(failing(7), outages, sleep=clock.sleep) == "answer"
    assert clock.slept == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert lines == ["away", "Redis is back"]


def test_a_call_that_succeeds_says_nothing(
    outages: Outages, clock: Clock, lines: list[str]
) -> None:
    assert wait_out(failing(0), outages, sleep=clock.sleep) == "answer"
    assert (clock.slept, lines == []) == ([], True)


def test_a_call_that_is_wrong_is_not_repeated(
    outages: Outages, clock: Clock, lines: list[str]
) -> None:
    with pytest.raises(ResponseError):
        wait_out(failing(1, ResponseError("WRONGTYPE")), outages, sleep=clock.sleep)
    assert (clock.slept, lines == []) == ([], True)


def test_who_gives_up_meets_the_outage(outages: Outages, clock: Clock, lines: list[str]) -> None:
    with pytest.raises(RedisConnectionError):
        wait_out(failing(9), outages, give_up=lambda: clock.now > 1, sleep=clock.sleep)
    assert clock.slept == [0.1, 0.2, 0.4, 0.8]
    assert lines == ["away"]
