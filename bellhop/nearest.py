"""Which names somebody may have meant who wrote one that nobody knows."""

import difflib
from collections.abc import Collection, Sequence

_MOST = 3


def nearest(name: str, known: Collection[str], *, patterns: bool = False) -> list[str]:
    """Return up to three of the known names that `name` may stand for.

    Those that begin with it, as those of `lock` and `lock.*` do, those of which it is the end, as
    `audit` is of `doors.audit`, or else those that look like it, in capitals or not.
    `patterns`: it may also stand for a pattern of them, such as `lock.*`.
    """
    start = name.rstrip("*") if name.endswith("*") else f"{name.rstrip('.')}."
    if below := [one for one in known if one.startswith(start)]:
        return [f"{start}*"] if patterns else below[:_MOST]
    if name and (above := [one for one in known if one.endswith(f".{name}")]):
        return above[:_MOST]
    candidates = list(known)
    if patterns and "*" in name:
        candidates += sorted({f"{one.rpartition('.')[0]}.*" for one in known})
    by_lower = {one.lower(): one for one in candidates}
    return [by_lower[one] for one in difflib.get_close_matches(name.lower(), by_lower, n=_MOST)]


def did_you_mean(near: Sequence[str], otherwise: str = "") -> str:
    """Return the end of a message about an unknown name: those `near` it, or else `otherwise`."""
    return f"did you mean {' or '.join(near)}?" if near else otherwise
