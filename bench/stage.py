"""Where a run takes place: a directory, a Redis server, and the processes of the moment."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from bench.processes import Command, Running
from bench.server import Server
from bench.tally import COUNTS, STAMPS, Counts, Stamps

ROOT = Path(__file__).parents[1]
PYTHON = sys.executable
"""The Python that Bellhop runs on."""


class Stage:
    """Use it as a context manager: when it closes, all that was started has ended."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.started = time.monotonic()

    def __enter__(self) -> "Stage":
        directory = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bellhop-bench-"))
        self.directory = Path(directory)
        self.redis = Server(self.directory / "redis")
        self._stack.callback(self.redis.stop)
        self.redis.start()
        self.counts = Counts(self.directory / "counts")
        self.stamps = Stamps(self.directory / "stamps")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def at_the_end(self, call: Callable[[], object]) -> None:
        """Have something called when the stage closes."""
        self._stack.callback(call)

    @contextmanager
    def run(self, name: str, command: Command) -> Iterator[Running]:
        """Run a program until the end of the block."""
        running = self.start(name, command)
        try:
            yield running
        finally:
            running.end()

    def start(self, name: str, command: Command) -> Running:
        """Start a program; who asked for it ends it."""
        environment = {
            "PYTHONPATH": str(ROOT),
            COUNTS: str(self.directory / "counts"),
            STAMPS: str(self.directory / "stamps"),
            **command.environment,
        }
        log = self.directory / f"{name}.log"
        return Running(Command(command.arguments, environment), self.directory, log)
