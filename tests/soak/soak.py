"""A soak: load on real processes while they are killed, paused, stopped and started again."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bellhop.durations import LEASE
from tests.soak.checker import Violation, check
from tests.soak.ending import is_empty, read_quarantine, read_records
from tests.soak.fates import IN_ORDER, TIMEOUT
from tests.soak.faults import Faults
from tests.soak.figures import Figures, measure
from tests.soak.history import Away, History, save
from tests.soak.lines import Lines
from tests.soak.senders import Senders
from tests.soak.stage import Stage, Stopwatch

_STUCK = 90.0
"""Seconds without any progress after which what is open is stuck: longer than any lease or wait."""

_PROGRESS_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class Result:
    """How a soak ended."""

    violations: list[Violation]
    figures: Figures
    accidents: int


class Soak:
    """One soak in an empty directory, which keeps its history. `say` is given each line to show."""

    def __init__(self, directory: Path, seed: int, rate: float, say: Callable[[str], None]) -> None:
        self._directory = directory
        self._say = say
        self._stage = Stage(directory)
        self._senders = Senders(seed, [part.port for part in self._stage.receivers], rate)
        self._lines = Lines(directory / "lines")
        self._watch = Stopwatch()
        self._seed = seed
        self._told = 0.0

    def run(self, seconds: float) -> Result:
        """Break things for so many seconds, let everything come to its end, and judge."""
        try:
            self._stage.start()
            self._await_start()
            self._watch.start()
            faults = Faults(self._stage, self._seed, LEASE.total_seconds())
            since = time.monotonic()
            self._senders.start()
            while (now := time.monotonic()) < since + seconds:
                self._stage.keep()
                faults.step()
                self._lines.update()
                self._tell(f"{now - since:4.0f} s", faults)
                time.sleep(0.05)
            faults.finish()
            until = time.monotonic()
            self._say("The faults are over; everything may come to its end.")
            self._drain(faults)
            history = self._history(faults)
        finally:
            self._stage.end()
        save(history, self._directory / "history")
        figures = measure(history, faults.done, len(self._lines.deaths), since, until)
        return Result(check(history), figures, self._stage.accidents)

    def _drain(self, faults: Faults) -> None:
        """Wait until nothing is open; give up when nothing happens any more."""
        moved, runs = time.monotonic(), 0
        with self._stage.client() as redis:
            while not (self._senders.finish(0.2) and self._stage.ready() and is_empty(redis)):
                self._stage.keep()
                self._lines.update()
                self._tell("  end ", faults)
                if len(self._lines) > runs:
                    moved, runs = time.monotonic(), len(self._lines)
                elif time.monotonic() - moved > _STUCK:
                    self._say(f"Nothing has happened for {_STUCK:g} s, and not all is at its end.")
                    return

    def _history(self, faults: Faults) -> History:
        self._watch.stop()
        self._lines.update()
        stalls = (Away(None, since, until, "machine") for since, until in self._watch.stalls)
        with self._stage.client() as redis:
            return History(
                sent=self._senders.sent,
                deliveries=tuple(self._senders.deliveries),
                runs=tuple(self._lines.runs),
                killed=(*faults.killed, *self._lines.deaths),
                away=(*faults.away, *stalls),
                resumed=tuple(faults.resumed),
                records=read_records(redis),
                quarantined=read_quarantine(redis),
                timeout=TIMEOUT,
                lease=LEASE.total_seconds(),
                in_order=IN_ORDER,
            )

    def _await_start(self) -> None:
        ends = time.monotonic() + _STUCK
        while not self._stage.ready():
            if time.monotonic() > ends:
                raise RuntimeError(f"it does not start; see the logs in {self._directory}")
            self._stage.keep()
            time.sleep(0.05)

    def _tell(self, when: str, faults: Faults) -> None:
        if time.monotonic() - self._told < _PROGRESS_EVERY:
            return
        self._told = time.monotonic()
        self._say(
            f"{when}  {len(self._senders.sent)} events sent in {len(self._senders.deliveries)} "
            f"deliveries, {len(self._lines)} runs of handlers, {faults.done.total()} faults"
        )
