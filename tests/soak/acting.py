"""What the handlers of a soak do, and how they write it down.

Each writes a line when it begins and one when it ends, and one before it kills its process. A line
is one write to a file that is only appended to, so it is whole, and outlives the process.
"""

import asyncio
import itertools
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bellhop import Context, Retry, SeamEvent
from bellhop.handler import HandlerTimeout
from tests.soak.fates import HANGS_FOR, Fate, fate

_HERE = Path(os.environ["SOAK_DIRECTORY"])
_LOG = os.open(_HERE / "lines", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
_FOR_EVER = 3600.0
_MIB = 1024**2
_numbers = itertools.count(1)
_leaked: list[bytes] = []


class Broken(Exception):
    """What a failing handler raises."""


@dataclass(frozen=True, slots=True)
class _Run:
    name: str
    event_id: str
    attempt: int
    fate: Fate

    @property
    def hangs(self) -> bool:
        return self.attempt <= self.fate.hangs


def write(*words: object) -> None:
    """Write a line."""
    os.write(_LOG, f"{' '.join(map(str, words))}\n".encode())


def act(event: SeamEvent, context: Context) -> None:
    """Do what the fates say, as a sync handler."""
    with _run(event, context) as run:
        if run.hangs and run.fate.clings and _may_die(run, 1):
            _cling(run)
        time.sleep(_FOR_EVER if run.hangs else run.fate.takes)


async def act_async(event: SeamEvent, context: Context) -> None:
    """Do what the fates say, as an async handler."""
    with _run(event, context) as run:
        await asyncio.sleep(_FOR_EVER if run.hangs else run.fate.takes)


@contextmanager
def _run(event: SeamEvent, context: Context) -> Iterator[_Run]:
    chosen = fate(event.event_id, context.handler)
    run = _Run(f"{os.getpid()}.{next(_numbers)}", event.event_id, context.attempt, chosen)
    write("began", time.monotonic(), run.name, context.handler, run.event_id, run.attempt)
    try:
        yield run
        if chosen.kills and _may_die(run, chosen.kills):
            _die(run)
        _leaked.append(os.urandom(1024) * 1024 * chosen.leaks)
        if run.attempt <= chosen.fails:
            _fail(chosen)
    except BaseException:
        write("failed", time.monotonic(), run.name)
        raise
    write("done", time.monotonic(), run.name)


def _fail(chosen: Fate) -> None:
    if chosen.again is None:
        raise Broken
    raise Retry(after=chosen.again)


def _may_die(run: _Run, times: int) -> bool:
    """Say whether fewer workers died of the event so far, and note that one more does."""
    deaths = _HERE / "deaths" / run.event_id
    if deaths.exists() and deaths.stat().st_size >= times:
        return False
    with deaths.open("a") as file:
        file.write("x")
    return True


def _die(run: _Run) -> None:
    write("dies", time.monotonic(), run.name)
    if run.fate.exits:
        os._exit(1)
    os.kill(os.getpid(), signal.SIGKILL)


def _cling(run: _Run) -> None:
    """Let nothing interrupt it, so that its worker is ended some seconds after its time is up."""
    write("dies", time.monotonic() + HANGS_FOR, run.name)
    while True:
        with suppress(HandlerTimeout):
            time.sleep(_FOR_EVER)
