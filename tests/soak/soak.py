"""A soak: load on real processes while they are killed, paused, deployed, stopped and started."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from bellhop.durations import LEASE
from tests.soak import fates
from tests.soak.checker import check
from tests.soak.ending import (
    have_workers,
    is_empty,
    read_quarantine,
    read_records,
    read_since,
)
from tests.soak.faults import Faults
from tests.soak.figures import Figures, measure
from tests.soak.history import Away, Doctor, History, save
from tests.soak.lines import Lines
from tests.soak.releases import Command, Pauses, Releases
from tests.soak.senders import Senders
from tests.soak.stage import Stage, Stopwatch
from tests.soak.violation import Violation

_STUCK = 90.0
"""Seconds without any progress after which what is open is stuck: longer than any lease or wait."""

_CALM_AT_FIRST = 20.0
_CALM_EVERY = 240.0
_CALM = 50.0
"""Seconds for which nothing is broken, so that it can be seen what is late by itself."""

_STARTED = 2.0
_RECOVERED = 28.0
"""Seconds from the beginning of a calm until what was broken before shows no more: at first, there
was nothing; later, a lease must have ended, and its mail have been handled."""

_DOCTOR_WITHIN = 45.0
"""Seconds after which it must be known that no worker has a handler: 30, and some to ask."""

_PROGRESS_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class Result:
    """How a soak ended."""

    violations: list[Violation]
    history: History
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
        self._faults = Faults(self._stage, seed, LEASE.total_seconds())
        self._releases = Releases(self._stage, seed, self._faults)
        self._pauses = Pauses(self._stage, seed, self._faults)
        self._calm: tuple[tuple[float, float], ...] = ()
        self._doctor: Doctor | None = None
        self._told = 0.0
        self._started = 0.0

    def run(self, seconds: float) -> Result:
        """Break things for so many seconds, let everything come to its end, and judge."""
        try:
            self._stage.start()
            self._await_start()
            self._watch.start()
            since = self._started = time.monotonic()
            calm = list(_calm_times(since, seconds))
            self._calm = tuple((recovered, until) for _, recovered, until in calm)
            self._senders.start()
            while (now := time.monotonic()) < since + seconds:
                self._step(calm=any(begin <= now < until for begin, _, until in calm))
                self._tell(f"{now - since:4.0f} s")
            self._finish()
            until = time.monotonic()
            self._say("The faults are over; everything may come to its end.")
            self._drain()
            history = self._history()
        finally:
            self._stage.end()
        save(history, self._directory / "history")
        hung, replaced = self._lines.hung(fates.HANG, fates.HANGS_FOR), self._stage.replaced()
        counts = {**self._faults.done, "hang": hung, "leak until replaced": replaced}
        figures = measure(history, counts, len(self._lines.deaths), since, until)
        return Result(check(history), history, figures, self._stage.accidents)

    def _step(self, *, calm: bool) -> None:
        self._stage.keep()
        self._faults.step(calm=calm)
        self._releases.step(calm=calm)
        self._pauses.step(calm=calm)
        self._lines.update()
        time.sleep(0.05)

    def _finish(self) -> None:
        """Mend all, have nothing paused any more, and the new version everywhere."""
        self._faults.finish()
        self._releases.finish()
        self._releases.deploy("new")
        while not (self._pauses.is_over and self._releases.is_over):
            self._step(calm=True)
            self._tell("  end ")

    def _drain(self) -> None:
        """Wait until nothing is open; give up when nothing happens any more.

        At first no worker has the handlers of the old version, which the doctor is to tell.
        """
        moved, runs = time.monotonic(), 0
        ends = moved + _DOCTOR_WITHIN
        ask = Command(self._stage, "doctor", "--json")
        has_old = False
        with self._stage.client() as redis:
            while True:
                all_taken = self._senders.finish(0.2)
                if all_taken and has_old and self._stage.ready() and is_empty(redis):
                    return
                self._stage.keep()
                self._lines.update()
                self._tell("  end ")
                if all_taken and not has_old:
                    ask.step()
                    self._doctor = _read_doctor(ask)
                    if self._doctor or time.monotonic() > ends:
                        self._stage.add_old()
                        has_old = True
                if len(self._lines) > runs:
                    moved, runs = time.monotonic(), len(self._lines)
                elif time.monotonic() - moved > _STUCK:
                    self._say(f"Nothing has happened for {_STUCK:g} s, and not all is at its end.")
                    return

    def _history(self) -> History:
        self._watch.stop()
        self._lines.update()
        stalls = (Away(None, since, until, "machine") for since, until in self._watch.stalls)
        faults = self._faults
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
                timeout=fates.TIMEOUT,
                timeouts=dict.fromkeys(fates.HANG, fates.HANGS_FOR),
                lease=LEASE.total_seconds(),
                in_order=fates.IN_ORDER,
                subscribed=self._subscribed(redis),
                renamed=fates.RENAMED,
                calm=self._calm,
                quick=fates.QUICK,
                told=frozenset(self._lines.told),
                paused=tuple(self._pauses.done),
                broken=tuple(faults.broken),
                doctor=self._doctor,
            )

    def _subscribed(self, redis: Redis) -> dict[str, float]:
        """Return since when the handlers are subscribed that not all versions have.

        It is at the latest when they first ran, whatever the ledger says: it must not forget any.
        """
        since = read_since(redis, (*fates.OLD, *fates.NEW))
        for name in fates.OLD:
            since[name] = min(since[name], self._started)
        for run in self._lines.runs:
            if run.handler in since:
                since[run.handler] = min(since[run.handler], run.began)
        return since

    def _await_start(self) -> None:
        """Wait until all are there, so that each handler is given all that is sent."""
        ends = time.monotonic() + _STUCK
        handlers = {*fates.FRONT, *fates.OLD, *fates.DESK}
        with self._stage.client() as redis:
            while not (self._stage.ready() and have_workers(redis, handlers)):
                if time.monotonic() > ends:
                    raise RuntimeError(f"it does not start; see the logs in {self._directory}")
                self._stage.keep()
                time.sleep(0.05)

    def _tell(self, when: str) -> None:
        if time.monotonic() - self._told < _PROGRESS_EVERY:
            return
        self._told = time.monotonic()
        self._say(
            f"{when}  {len(self._senders.sent)} events sent in {len(self._senders.deliveries)} "
            f"deliveries, {len(self._lines)} runs of handlers, {self._faults.done.total()} faults"
        )


def _calm_times(since: float, seconds: float) -> Iterator[tuple[float, float, float]]:
    """Yield when nothing is broken: from when, from when on that must show, and until when."""
    first = min(_CALM_AT_FIRST, seconds / 3)
    yield since, since + _STARTED, since + first
    begin = since + _CALM_EVERY
    while begin + _CALM < since + seconds:
        yield begin, begin + _RECOVERED, begin + _CALM
        begin += _CALM_EVERY


def _read_doctor(asked: Command) -> Doctor | None:
    """Return what the doctor says, once it knows that handlers of the old version have no worker.

    The one that was renamed may have been moved.
    """
    for line in asked.output.splitlines():
        row = json.loads(line)
        if row["check"] == "subscriptions" and asked.exit_code is not None:
            names = tuple(one["handler"] for one in row["handlers"])
            if set(names) >= fates.OLD.keys() - fates.RENAMED.keys():
                return Doctor(asked.exit_code, names)
    return None
