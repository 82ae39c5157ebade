"""What there is to say about the machines: whether their clocks agree, and memory is left."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bellhop.finding import Finding, Level
from bellhop.signature import TOLERANCE
from bellhop.times import span

_CLOCKS_DIFFER = timedelta(seconds=5)
_FULL, _NEARLY_FULL = 0.95, 0.8


def judge_clock(here: datetime, there: datetime) -> Finding:
    """Compare our clock with that of Redis. Both are aware."""
    apart = abs(here - there)
    if apart < _CLOCKS_DIFFER:
        return Finding(
            Level.OK,
            "clock agrees with that of Redis",
            check="clock",
            measured={"seconds": apart.total_seconds()},
        )
    return Finding(
        Level.PROBLEM if apart.total_seconds() > TOLERANCE else Level.WARNING,
        f"clock is {span(apart)} {'behind' if here < there else 'ahead of'} that of Redis; "
        f"webhooks are refused if ours is {TOLERANCE} s wrong",
        "synchronise both machines' clocks (NTP: chronyd or systemd-timesyncd)",
        check="clock",
        measured={"seconds": apart.total_seconds()},
    )


def judge_memory(info: Mapping[str, Any]) -> Finding:
    """Say how much memory is left, from the section `memory` of INFO."""
    if "used_memory" not in info:
        return Finding(
            Level.UNKNOWN, "memory: the server does not tell how much is used", check="memory"
        )
    used = int(info["used_memory"])
    limit = int(info.get("maxmemory", 0))
    whose = "maxmemory"
    if not limit:
        limit, whose = int(info.get("total_system_memory", 0)), "the machine's memory"
    measured = {"used_bytes": used, "limit_bytes": limit or None}
    if not limit:
        return Finding(Level.OK, f"memory: {_size(used)} used", check="memory", measured=measured)
    share = used / limit
    text = f"memory: {_size(used)} of {_size(limit)} used ({whose})"
    if share < _NEARLY_FULL:
        return Finding(Level.OK, text, check="memory", measured=measured)
    return Finding(
        Level.PROBLEM if share >= _FULL else Level.WARNING,
        f"{text}: when it is full, deliveries are answered 503",
        "give Redis more memory, or shorten BELLHOP_RETENTION",
        check="memory",
        measured=measured,
    )


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB" if count >= 1024**3 else f"{count / 1024**2:.0f} MiB"
