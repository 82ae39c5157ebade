"""Points in time as programs write them: ISO 8601 with an offset, and what is near it."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_INSTANT: Final = re.compile(
    r"(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)"
    r"(?:[Tt_]| +)"
    r"(?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r" ?(?:[Zz]|UTC|GMT|"
    r"(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d)(?::?(?P<seconds>\d\d))?)?)"
    r"(?: [A-Z]{1,5}| [+-]\d{2,4})?(?:\[[\w/+:-]+\])?",
    re.ASCII,
)
"""Beside ISO 8601 with colons or without, with an offset of hours alone, or no seconds: what
Postgres (`2026-11-27 10:00:00+00`), Ruby (`… 10:00:00 UTC`), Go (`… +0000 UTC`) and Java
(`2026-11-27T10:00+01:00[Europe/Berlin]`) write."""


def read_instant(text: str) -> datetime:
    """Return the aware time that a text names; digits beyond the microsecond are cut off.

    Raises `ValueError`, also if it has no offset.
    """
    match = _INSTANT.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a time with its offset")
    part = {name: int(digits) for name, digits in match.groupdict("0").items() if digits.isdigit()}
    offset = timedelta(hours=part["hours"], minutes=part["minutes"], seconds=part["seconds"])
    if match["sign"] == "-":
        offset = -offset
    return datetime(
        part["year"],
        part["month"],
        part["day"],
        part["hour"],
        part["minute"],
        part["second"],
        int((match["fraction"] or "")[:6].ljust(6, "0")),
        timezone(offset) if offset else UTC,
    )
