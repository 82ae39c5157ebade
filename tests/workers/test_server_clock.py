"""A clock of the server that jumps is told from one that was looked at late, or that slept."""

from typing import Any

import pytest

from bellhop_workers.server_clock import ServerClock


class Server:
    """A server and a caller, whose clocks the test sets. `slow`: how long an answer takes (s)."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000
        self.own = 50.0
        self.slow = 0.0

    def time(self) -> tuple[int, int]:
        self.own += self.slow
        return self.ms // 1000, self.ms % 1000 * 1000

    def clock(self) -> float:
        return self.own

    def go_on(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)
        self.own += seconds


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def clock(server: Server) -> ServerClock:
    """A clock that was looked at, and believed."""
    redis: Any = server
    clock = ServerClock(redis, server.clock)
    assert clock.jumped_ms() == 0
    clock.believe()
    return clock


@pytest.mark.parametrize("seconds", [3_600, -3_600, 6, -6])
def test_a_jump_is_seen_until_it_was_made_up_for(
    server: Server, clock: ServerClock, seconds: int
) -> None:
    server.go_on(1)
    server.ms += seconds * 1000

    assert [clock.jumped_ms(), clock.jumped_ms()] == [seconds * 1000] * 2
    clock.believe()
    server.go_on(1)
    assert clock.jumped_ms() == 0


@pytest.mark.parametrize("seconds", [4.9, -4.9])
def test_a_clock_that_goes_a_little_wrong_did_not_jump(
    server: Server, clock: ServerClock, seconds: float
) -> None:
    server.go_on(1)
    server.ms += round(seconds * 1000)
    assert clock.jumped_ms() == 0


def test_time_that_passed_is_no_jump(server: Server, clock: ServerClock) -> None:
    server.go_on(86_400)
    assert clock.jumped_ms() == 0


def test_an_answer_that_took_long_is_no_jump(server: Server, clock: ServerClock) -> None:
    server.slow = 60.0
    assert clock.jumped_ms() == 0
