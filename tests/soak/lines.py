"""The lines that the handlers write, read while they are written."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from tests.soak.history import Killed, Run

_DYING = 30.0
"""Seconds that a process may take to die by itself: it may be paused in that very moment."""


class Lines:
    """What the handlers did so far: `runs`, and `deaths` by their own hand."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._runs: dict[str, Run] = {}
        self.deaths: list[Killed] = []
        self.told: set[str] = set()
        """What hooks were called about."""

    @property
    def runs(self) -> list[Run]:
        """The runs, in the order in which they began."""
        return list(self._runs.values())

    def __len__(self) -> int:
        return len(self._runs)

    def hung(self, handlers: Collection[str], seconds: float) -> int:
        """Return how often one of these handlers hung until its time, so many seconds, was up."""
        return sum(
            run.handler in handlers and run.ended is not None and run.ended - run.began >= seconds
            for run in self._runs.values()
        )

    def update(self) -> None:
        """Read what was written since the last time."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            new, _, _unfinished = file.read().rpartition(b"\n")
        self._read += len(new) + 1 if new else 0
        for line in new.decode().splitlines():
            self._take(line.split(" "))

    def _take(self, words: list[str]) -> None:
        match words:
            case ["began", time, name, handler, event_id, attempt]:
                pid = int(name.partition(".")[0])
                self._runs[name] = Run(handler, event_id, int(attempt), pid, float(time))
            case ["done" | "failed" as outcome, time, name]:
                self._runs[name] = replace(self._runs[name], ended=float(time), outcome=outcome)
            case ["dies", time, name]:
                pid = self._runs[name].pid
                self.deaths.append(Killed(pid, float(time), float(time) + _DYING))
            case ["told", *about]:
                self.told.add(" ".join(about))
