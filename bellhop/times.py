"""Times as people write them on a command line, and as they are shown: all in UTC."""

import re
from datetime import UTC, datetime, timedelta

from bellhop.errors import BellhopError
from bellhop.setting_values import read_duration

_AGO = re.compile(r"[0-9]+(\.[0-9]+)?\s*[smhd]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9].*)?")
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


class UnreadableTime(BellhopError):
    """A time is not in one of the forms that can be read; the message names them."""


def read_time(text: str, now: datetime) -> datetime:
    """Return the time that is meant: `2h` is two hours before `now`.

    Dates and times are in UTC unless they have an offset. Raises `UnreadableTime`.
    """
    text = text.strip()
    try:
        if _AGO.fullmatch(text):
            time: datetime = now - read_duration(text)
            return time
        if _DATE.fullmatch(text):
            time = datetime.fromisoformat(text)
            return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise UnreadableTime(
        f"{text!r} is no time that can be read: give how long ago, such as 30m, 2h or 7d, or a "
        "date such as 2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00+02:00; it is in UTC if it "
        "has no offset"
    )


def shown(time: datetime, *, exact: bool = False) -> str:
    """Return a time as every command writes it: `2026-01-31 12:00:00Z`, or `exact` to the ms."""
    utc = time.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(' ', 'milliseconds' if exact else 'seconds')}Z"


def written(time: datetime) -> str:
    """Return a time as it stands in JSON: `2026-01-31T12:00:00.000Z`, as in Seam's events."""
    return shown(time, exact=True).replace(" ", "T")


def span(duration: timedelta) -> str:
    """Return how long something took, short enough for a column: `3 min`, `2 d`."""
    seconds = max(0, int(duration.total_seconds()))
    for unit, name in _UNITS:
        if seconds >= 2 * unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
