"""What `bellhop doctor` makes of clocks and memory."""

from datetime import UTC, datetime, timedelta

import pytest

from bellhop.finding import Level
from bellhop.machine_checks import judge_clock, judge_memory

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("apart", "level"), [(0, Level.OK), (4, Level.OK), (6, Level.WARNING), (301, Level.PROBLEM)]
)
def test_clocks_that_differ_are_told(apart: int, level: Level) -> None:
    for here in (NOW - timedelta(seconds=apart), NOW + timedelta(seconds=apart)):
        assert judge_clock(here, NOW).level is level
    assert "behind" in judge_clock(NOW - timedelta(seconds=6), NOW).text
    assert "ahead of" in judge_clock(NOW + timedelta(seconds=6), NOW).text


@pytest.mark.parametrize(
    ("info", "level", "words"),
    [
        ({"used_memory": 2**20}, Level.OK, "1 MiB used"),
        ({"used_memory": 2**30, "maxmemory": 2**31}, Level.OK, "1.0 GiB of 2.0 GiB used"),
        ({"used_memory": 85, "maxmemory": 100}, Level.WARNING, "answered 503"),
        ({"used_memory": 96, "maxmemory": 100}, Level.PROBLEM, "answered 503"),
        (
            {"used_memory": 96, "maxmemory": 0, "total_system_memory": 100},
            Level.PROBLEM,
            "the machine's memory",
        ),
    ],
)
def test_memory_that_runs_out_is_told(info: dict[str, int], level: Level, words: str) -> None:
    found = judge_memory(info)
    assert found.level is level
    assert words in found.text
