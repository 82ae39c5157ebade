"""Times as other programs write them; what cannot be read is drift, and no reason to refuse."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellhop.events import parse
from bellhop.events.instants import read_instant
from bellhop.events.parsing import parse_again
from bellhop.ledger import Arrival
from tests.bellhop.bodies import body, of_type, problems

TEN = datetime(2026, 11, 27, 10, tzinfo=UTC)
OF_TEN = {
    "Seam, JavaScript": "2026-11-27T10:00:00.000Z",
    "Postgres": "2026-11-27 10:00:00+00",
    "Postgres, with a fraction": "2026-11-27 10:00:00.000000+00",
    "Postgres, elsewhere": "2026-11-27 15:30:00+05:30",
    "Postgres, hours alone": "2026-11-27 02:00:00-08",
    "Postgres, in JSON": "2026-11-27T10:00:00+00:00",
    "Python, str": "2026-11-27 10:00:00+00:00",
    "Python, isoformat": "2026-11-27T10:00:00.000000+00:00",
    "Python, strftime": "2026-11-27T10:00:00+0000",
    "Python, logging": "2026-11-27 10:00:00,000+0000",
    "Java, Instant": "2026-11-27T10:00:00Z",
    "Java, without seconds": "2026-11-27T10:00Z",
    "Java, nanoseconds": "2026-11-27T10:00:00.000000001Z",
    "Java, ZonedDateTime": "2026-11-27T11:00+01:00[Europe/Berlin]",
    "Java, ZonedDateTime in UTC": "2026-11-27T10:00Z[UTC]",
    "Java, a fixed zone": "2026-11-27T11:00+01:00[GMT+01:00]",
    ".NET": "2026-11-27T10:00:00.0000000+00:00",
    "Go, String": "2026-11-27 10:00:00 +0000 UTC",
    "Go, with a zone": "2026-11-27 11:00:00.000000001 +0100 CET",
    "Ruby": "2026-11-27 10:00:00 UTC",
    "Ruby, elsewhere": "2026-11-27 11:00:00 +0100",
    "ISO 8601, basic": "20261127T100000Z",
    "ISO 8601, a comma": "2026-11-27T10:00:00,000Z",
    "RFC 3339, in small letters": "2026-11-27t10:00:00z",
    "an offset in seconds": "2026-11-27 15:30:15+05:30:15",
    "white space around": " 2026-11-27T10:00:00Z\n",
}
NO_TIMES = [
    *("", "yesterday", "2026-01-31", "2026-01-31T12:00:00", "12:00:00Z", "1769860800", "infinity"),
    *("2026-02-30T12:00:00Z", "2026-01-31T25:00:00Z", "2026-01-31T12:00:00+99:00"),
    *("2026-12-31T23:59:60Z", "0000-01-01T00:00:00Z", "+12026-01-01T00:00:00Z", "9" * 4000),
    *("2026-11-27T10:00:00Z2026-11-27T10:00:00Z", "٢٠٢٦-11-27T10:00:00Z", "2026-11-27T10Z"),
    *(1769860800, 1769860800123, 1.5, True, [], [2026, 11, 27, 10, 0], {}, {"seconds": 1}),
]


@pytest.mark.parametrize("text", OF_TEN.values(), ids=OF_TEN)
def test_a_time_is_read_as_whatever_program_wrote_it(text: str) -> None:
    read = parse(body(created_at=text, occurred_at=text))
    assert read.drift == ()
    assert read.event.created_at == read.event.occurred_at == TEN


@given(
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),
    st.integers(-86399, 86399),
    st.sampled_from(["T", " "]),
)
def test_what_python_writes_of_any_time_is_read_as_that(
    moment: datetime, offset: int, separator: str
) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(seconds=offset)))
    assert read_instant(aware.isoformat(separator)) == aware
    (event, drift) = parse(body(created_at=aware.isoformat(separator)))
    assert event.created_at == aware
    assert drift == ()


@pytest.mark.parametrize("no_time", NO_TIMES, ids=lambda value: ascii(value)[:30])
@pytest.mark.parametrize("event_type", ["lock.unlocked", "lock.jammed", "a.b"])
def test_what_is_no_time_is_drift(no_time: Any, event_type: str) -> None:
    data = body(event_type=event_type, created_at=no_time, occurred_at=no_time, code="4711")
    event, drift = parse(data)
    assert event.created_at is None
    assert event.occurred_at is None
    assert event.raw == data
    unreadable = [one.field for one in drift if one.kind == "unreadable_time"]
    assert sorted(unreadable) == ["created_at", "occurred_at"]
    assert {one.kind for one in drift} <= {"unreadable_time", "unknown_type", "unknown_field"}
    assert "4711" not in str(drift)
    again = parse_again(data, event_type)
    assert (again.event_id, again.created_at, again.raw) == (event.event_id, None, data)
    assert Arrival.of("msg", parse(data)).created_ms is None


def test_of_a_time_that_cannot_be_read_nothing_but_type_and_length_is_told() -> None:
    _, (drift,) = parse(body(created_at="code 4711"))
    assert drift.example == "a string of 9 characters"


def test_a_time_inside_an_event_is_no_reason_to_refuse_it_either() -> None:
    errors = [{"created_at": when, "message": "m", "error_code": "c"} for when in ("no", "none")]
    data = of_type(
        "device.disconnected", created_at="no", device_errors=errors, device_warnings=errors[:1]
    )
    event, drift = parse(data)
    told = {one.field for one in drift if one.kind == "unreadable_time"}
    assert {"created_at", "device_errors.created_at"} <= told
    assert [error.message for error in event.device_errors] == ["m", "m"]  # type: ignore[attr-defined]


def test_a_body_with_other_faults_is_refused_with_all_of_them() -> None:
    assert problems(body(created_at="no", event_id=5)) == (
        "event_id: expected a string, got a number",
        "created_at: expected a time with its offset, such as 2026-01-31T12:00:00Z, "
        "got a string of 2 characters",
    )
