"""What `bellhop doctor`, and a part that starts, find when they look at something."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Level(Enum):
    """How a finding is to be taken."""

    OK = "ok"
    UNKNOWN = "unknown"
    """It could not be looked at. That is no problem by itself."""
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    `remedy` says what mends it; empty if nothing has to. The others are for programs: the name of
    the `check`, how many there are of what it counts, and what else it measured.
    """

    level: Level
    text: str
    remedy: str = ""
    check: str = field(default="", compare=False)
    count: int | None = field(default=None, compare=False)
    measured: Mapping[str, object] = field(default_factory=dict, compare=False)
