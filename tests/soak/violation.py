"""How a clause of the promise is broken."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tests.soak.case import Case
from tests.soak.history import Run

_AROUND = 5.0
"""Seconds before and after the events of a violation in which what was broken may be its cause."""

_SHOWN = 8


class Clause(Enum):
    """A clause of the promise, or of what must hold so that it can be judged."""

    KEPT = "accepted means kept"
    ONCE_IN = "once in"
    HANDLED = "at least once out"
    GIVEN = "every handler that is subscribed is given the event"
    ONCE_OUT = "handled again only if its worker was killed under it"
    APART = "handlers are apart"
    IN_TIME = "handlers are apart, in time too"
    ORDER = "in order for a device"
    TURN = "nothing overtakes an event that is open, if in_order=True"
    AGAIN = "a dead letter that is tried again is handled again"
    ALONE = "one event of a device at a time"
    STRANGE = "nothing is thrown away for being strange"
    TOLD = "nothing fails in silence"
    PAUSED = "nothing of a paused handler is begun"
    INVENTED = "nothing is handled that was not accepted"
    EXPLAINED = "a run ends, unless its worker was killed"


@dataclass(frozen=True, slots=True)
class Violation:
    """How a clause was broken, by which events, in which handler."""

    clause: Clause
    events: tuple[str, ...]
    handler: str
    what: str

    def __str__(self) -> str:
        where = f" [{self.handler}]" if self.handler else ""
        return f"{self.clause.value}: {' '.join(self.events)}{where}: {self.what}"


def described(run: Run) -> str:
    """Return a run in words."""
    end = "had no end" if run.ended is None else f"{run.outcome} at {run.ended:.3f}"
    return f"attempt {run.attempt} (process {run.pid}, began {run.began:.3f}, {end})"


def what_was_broken(case: Case, violation: Violation) -> Sequence[str]:
    """Return what was broken while the events of a violation were delivered and handled."""
    times = [
        time
        for event_id in violation.events
        for one in case.deliveries.get(event_id, ())
        for time in (one.sent, one.answered)
    ]
    times += [run.began for run in case.history.runs if run.event_id in violation.events]
    if not times:
        return []
    found = [
        f"{one.at:.3f} {one.what}"
        for one in case.history.broken
        if min(times) - _AROUND <= one.at <= max(times) + _AROUND
    ]
    others = len(found) - _SHOWN
    return found[-_SHOWN:] if others <= 0 else [f"{others} more before", *found[-_SHOWN:]]
