"""What people do while a soak runs: deploys of one version or the other, moves, and pauses.

Each command is given again until it succeeds, as people do while Redis is away, and at the latest
until the next step. The steps of a release come in turn; the first round has all of them.

1. The pools of the first program are restarted one after the other, with the new version.
2. What waits for the handler that was renamed is moved to its new name, or left for a rollback.
3. and 4. The same the other way round.
"""

import subprocess
import time
from collections.abc import Iterator
from random import Random

from tests.soak.fates import RENAMED
from tests.soak.faults import Faults
from tests.soak.history import Paused
from tests.soak.stage import Stage

STEP = 9.0
"""Seconds from one step of a release to the next, on average."""

PAUSE_EVERY = 12.0
"""Seconds from one pause of a handler to the next, on average."""

MAY_PAUSE = ("doors", "codes", "climate", "strict", "leaks")

_AGAIN = 1.0
"""Seconds after which a command that failed is given again."""


class Command:
    """A command of Bellhop's that is given until it succeeds."""

    def __init__(self, stage: Stage, *arguments: str) -> None:
        self._stage = stage
        self._arguments = arguments
        self._process: subprocess.Popen[str] | None = None
        self._next = 0.0
        self.exit_code: int | None = None
        """Of the last time that it came to its end."""
        self.output = ""
        self.began = 0.0
        """When it was given for the first time."""

    def step(self) -> bool:
        """Give it, or look what became of it; return whether it has succeeded."""
        if self._process is None:
            if time.monotonic() >= self._next:
                self.began = self.began or time.monotonic()
                self._process = self._stage.run(*self._arguments)
            return False
        if self._process.poll() is None:
            return False
        self.stop()
        return self.exit_code == 0

    def stop(self) -> None:
        """Wait until it has ended, if it runs."""
        if self._process is not None:
            self.output, _ = self._process.communicate()
            self.exit_code = self._process.returncode
            self._process = None
            self._next = time.monotonic() + _AGAIN


class Releases:
    """Deploys both versions in turn, and moves what waits for the handler that is renamed."""

    def __init__(self, stage: Stage, seed: int, faults: Faults) -> None:
        self._stage = stage
        self._faults = faults
        self._chance = Random(f"releases {seed}")
        self._steps = self._all_steps()
        self._next = time.monotonic()
        self._to_restart: list[tuple[float, int]] = []
        self._move: Command | None = None

    def step(self, *, calm: bool) -> None:
        """Go on, and begin with the next step if it is time for it."""
        now = time.monotonic()
        if now >= self._next and not calm:
            self._next = now + STEP * self._chance.uniform(0.8, 1.2)
            self._give_up_move()
            kind, *names = next(self._steps)
            if kind == "move":
                self._move = Command(self._stage, "handlers", "move", *names, "--yes")
            elif kind == "deploy":
                self.deploy(names[0])
        for one in [one for one in self._to_restart if one[0] <= now]:
            if self._restart(one[1]):
                self._to_restart.remove(one)
        if self._move and self._move.step():
            self._move = None
            self._faults.note("move a handler")

    def deploy(self, version: str) -> None:
        """Have the pools come back with a version, one after the other."""
        self._faults.note(f"deploy the {version} version")
        later = time.monotonic() + self._chance.uniform(2.0, 5.0)
        self._to_restart = [(0.0, 0), (later, 1)]
        for pool in self._stage.front:
            pool.environment["SOAK_VERSION"] = version

    def finish(self) -> None:
        """End what runs, and begin nothing more."""
        self._give_up_move()

    @property
    def is_over(self) -> bool:
        """Whether all pools were restarted with the version that was deployed last."""
        return not self._to_restart

    def _restart(self, number: int) -> bool:
        pool = self._stage.front[number]
        return not pool.alive or self._faults.stop(pool)

    def _give_up_move(self) -> None:
        if self._move:
            self._move.stop()
            self._move = None

    def _all_steps(self) -> Iterator[tuple[str, ...]]:
        [(old_name, new_name)] = RENAMED.items()
        is_first = True
        while True:
            for version, *names in (("new", old_name, new_name), ("old", new_name, old_name)):
                yield "deploy", version
                moves = is_first or self._chance.random() < 0.6
                yield ("move", *names) if moves else ("wait",)
            is_first = False


class Pauses:
    """Pauses a handler by hand, now and then, and has it go on."""

    def __init__(self, stage: Stage, seed: int, faults: Faults) -> None:
        self.done: list[Paused] = []
        self._stage = stage
        self._faults = faults
        self._chance = Random(f"pauses {seed}")
        self._next = time.monotonic()
        self._handler = ""
        self._pause: Command | None = None
        self._since = 0.0
        self._resume: Command | None = None

    def step(self, *, calm: bool) -> None:
        """Go on, and pause the next handler if it is time for it."""
        now = time.monotonic()
        if self._pause:
            if self._pause.step():
                self._pause, self._since = None, now
                self._faults.note(f"pause the handler {self._handler}")
                self._resume = Command(self._stage, "handlers", "resume", self._handler, "--yes")
                self._next = now + self._chance.uniform(4.0, 7.0)
        elif self._resume:
            if (now >= self._next or calm) and self._resume.step():
                self.done.append(Paused(self._handler, self._since, self._resume.began))
                self._resume = None
                self._next = now + PAUSE_EVERY * self._chance.uniform(0.3, 0.7)
        elif now >= self._next and not calm:
            self._handler = self._chance.choice(MAY_PAUSE)
            self._pause = Command(self._stage, "handlers", "pause", self._handler, "--yes")

    @property
    def is_over(self) -> bool:
        """Whether no handler is paused."""
        return not self._pause and not self._resume
