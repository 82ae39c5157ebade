"""When an event may be handled twice: the rule, and nothing softer.

1. A worker writes its results down at the latest a second after they are there: `SETTLED_WITHIN`,
   with room for a slow machine. The clock of that stands still while the worker is paused, while
   Redis is away (and until the worker has found it again: `RECOVERY`), and while the whole machine
   stands still.
2. A run is unwritten if its worker was killed before it ended, or sooner after than that. Then,
   and only then, it may be repeated; the repetition has the same number of attempt.
3. A worker that could not write for nearly as long as its lease may have lost it: others have its
   mail. So it may if it was away for nearly a handler's timeout and the 5 s more after which a
   handler that clings to its worker has it ended. What it ran then is as if it had been killed;
   and what it goes on with until it notices may be a repetition itself.
4. A handler that was through at the very moment when its time was up may count as failed.

Stopping a worker with SIGTERM, killing its pool, a receiver or Redis, and pauses shorter than that
excuse nothing.
"""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

from bellhop_workers.running import KILL_AFTER
from tests.soak.history import Away, History, Killed, Run

SETTLED_WITHIN = 3.0
"""Seconds in which a worker that runs, and reaches Redis, has written the outcome of a run."""

RECOVERY = 2.5
"""Seconds until a worker finds Redis again: it looks for it every two, at least."""

_MOMENT = 0.1
"""Seconds between the last line of a handler and the end of its time limit, at most."""

Window = tuple[float, float]


class Excuses:
    """What the faults of a history excuse."""

    def __init__(self, history: History) -> None:
        self._timeout = history.timeout
        self._timeouts = history.timeouts
        shortest = min(history.timeout, *history.timeouts.values(), math.inf)
        self._patience = min(history.lease, shortest + KILL_AFTER) - SETTLED_WITHIN
        self._deaths: dict[int, list[Killed]] = defaultdict(list)
        for death in sorted(history.killed, key=lambda death: death.since):
            self._deaths[death.pid].append(death)
        self._of_all: list[Window] = []
        self._own: dict[int, list[Window]] = defaultdict(list)
        for away in history.away:
            (self._of_all if away.pid is None else self._own[away.pid]).append(_window(away))
        self._windows: dict[int, list[Window]] = {}

    def redis_was_away(self, since: float, until: float) -> bool:
        """Say whether Redis was away at any time in between."""
        return any(begin <= until and end >= since for begin, end in self._of_all)

    def was_away(self, pid: int, since: float, until: float) -> bool:
        """Say whether a worker was paused, or all were away, at any time in between."""
        return any(begin <= until and end >= since for begin, end in self._away(pid))

    def death(self, run: Run) -> Killed | None:
        """Return how the run's worker was killed, if it was."""
        deaths = self._deaths.get(run.pid, [])
        at = bisect_left(deaths, run.began, key=lambda death: death.until)
        return deaths[at] if at < len(deaths) else None

    def unwritten(self, run: Run) -> bool:
        """Say whether the run's worker may have been killed before it wrote the outcome."""
        death = self.death(run)
        return death is not None and not self._written(run, death.since)

    def adrift(self, run: Run) -> bool:
        """Say whether the run's worker may have lost its lease under it, or ended itself."""
        for since, until in stretches(self._away(run.pid)):
            if (
                until - since >= self._patience
                and run.began <= until + SETTLED_WITHIN
                and not self._written(run, since)
            ):
                return True
        return False

    def timed_out(self, run: Run) -> bool:
        """Say whether the time of a run was up in the moment when it was through."""
        if run.ended is None:
            return False
        up = run.began + self._timeouts.get(run.handler, self._timeout)
        return run.ended + _MOMENT >= up or any(
            since <= run.ended + _MOMENT and until >= up for since, until in self._away(run.pid)
        )

    def repetition(self, run: Run, following: Run) -> bool:
        """Say whether `following` may have come after `run`, for the same handler and event."""
        if following.attempt == run.attempt + 1 and (
            run.outcome == "failed" or self.timed_out(run)
        ):
            return True
        return self.unwritten(run) or self.adrift(run) or self.adrift(following)

    def _written(self, run: Run, by: float) -> bool:
        if run.ended is None or run.ended >= by:
            return False
        lost = sum(
            max(0.0, min(until, by) - max(since, run.ended)) for since, until in self._away(run.pid)
        )
        return by - run.ended - lost >= SETTLED_WITHIN

    def _away(self, pid: int) -> list[Window]:
        if pid not in self._windows:
            self._windows[pid] = merged(list(chain(self._of_all, self._own.get(pid, ()))))
        return self._windows[pid]


def merged(windows: list[Window]) -> list[Window]:
    """Return the windows in order, those as one that overlap."""
    result: list[Window] = []
    for since, until in sorted(windows):
        if result and since <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], until))
        else:
            result.append((since, until))
    return result


def stretches(windows: list[Window]) -> Iterator[Window]:
    """Return, from the start of each window, how long there was no time to write in all."""
    for number, (since, until) in enumerate(windows):
        able = 0.0
        for following in windows[number + 1 :]:
            able += following[0] - until
            if able >= SETTLED_WITHIN:
                break
            until = following[1]
        yield since, until


def _window(away: Away) -> Window:
    return away.since, away.until + (RECOVERY if away.why == "redis" else 0.0)
