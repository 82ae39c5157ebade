"""Times as people write them."""

from datetime import UTC, datetime, timedelta

import pytest

from bellhop.times import UnreadableTime, read_time, span

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        (" 2 h ", timedelta(hours=2)),
        ("1.5h", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
    ],
)
def test_how_long_ago(text: str, ago: timedelta) -> None:
    assert read_time(text, NOW) == NOW - ago


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31", "2026-01-31T00:00:00+00:00"),
        ("2026-01-31T12:00", "2026-01-31T12:00:00+00:00"),
        ("2026-01-31 12:00:05.25", "2026-01-31T12:00:05.250000+00:00"),
        ("2026-01-31T12:00Z", "2026-01-31T12:00:00+00:00"),
        ("2026-01-31T12:00+02:00", "2026-01-31T10:00:00+00:00"),
    ],
)
def test_dates_and_times_are_in_utc_unless_they_say_otherwise(text: str, time: str) -> None:
    assert read_time(text, NOW).isoformat() == time


@pytest.mark.parametrize(
    "text",
    [
        *("", "2", "yesterday", "h", "-2h", "2w", "2026-02-30", "2026-01-31T", "2026-01-31T25:00"),
        *("20260131", "2026-W05", "12:00", "99999999d", "9" * 400 + "d", "0001-01-01T00:00+23:00"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_forms_that_can(text: str) -> None:
    with pytest.raises(UnreadableTime) as caught:
        read_time(text, NOW)
    assert "30m, 2h or 7d" in str(caught.value)
    assert "2026-01-31T12:00+02:00" in str(caught.value)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "0 s"),
        (59.9, "59 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172_800, "2 d"),
    ],
)
def test_a_span_is_in_the_largest_unit_of_which_it_has_two(seconds: float, shown: str) -> None:
    assert span(timedelta(seconds=seconds)) == shown
