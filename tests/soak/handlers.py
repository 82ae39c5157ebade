"""The handlers that the soak's workers run: quick, slow, failing and deadly ones.

Each writes a line when it begins and one when it ends, and one before it kills its process. A line
is one write to a file that is only appended to, so it is whole, and outlives the process.
"""

import asyncio
import itertools
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bellhop import Context, Retry, SeamEvent, on
from tests.soak.fates import ATTEMPTS, NEVER, TIMEOUT, Fate, fate

_HERE = Path(os.environ["SOAK_DIRECTORY"])
_LOG = os.open(_HERE / "lines", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
_numbers = itertools.count(1)


class Broken(Exception):
    """What a failing handler raises."""


def _write(*words: object) -> None:
    os.write(_LOG, f"{' '.join(map(str, words))}\n".encode())


@contextmanager
def _run(event: SeamEvent, context: Context) -> Iterator[Fate]:
    run = f"{os.getpid()}.{next(_numbers)}"
    _write("began", time.monotonic(), run, context.handler, event.event_id, context.attempt)
    try:
        chosen = fate(event.event_id, context.handler)
        yield chosen
        _die_of(chosen, event.event_id, run)
        if context.attempt <= chosen.fails:
            _fail(chosen)
    except BaseException:
        _write("failed", time.monotonic(), run)
        raise
    _write("done", time.monotonic(), run)


def _fail(chosen: Fate) -> None:
    if chosen.again is None:
        raise Broken
    raise Retry(after=chosen.again)


def _die_of(chosen: Fate, event_id: str, run: str) -> None:
    deaths = _HERE / "deaths" / event_id
    if not chosen.kills or (deaths.exists() and deaths.stat().st_size >= chosen.kills):
        return
    with deaths.open("a") as file:
        file.write("x")
    _write("dies", time.monotonic(), run)
    if chosen.exits:
        os._exit(1)
    os.kill(os.getpid(), signal.SIGKILL)


def _sync(event: SeamEvent, context: Context) -> None:
    with _run(event, context) as chosen:
        time.sleep(chosen.takes)


async def _async(event: SeamEvent, context: Context) -> None:
    with _run(event, context) as chosen:
        await asyncio.sleep(chosen.takes)


@on("*", name="audit", timeout=TIMEOUT)
def audit(event: SeamEvent, context: Context) -> None:
    """Gets every event."""
    _sync(event, context)


@on("lock.*", name="doors", timeout=TIMEOUT)
def doors(event: SeamEvent, context: Context) -> None:
    """Is slow with some."""
    _sync(event, context)


@on("access_code.*", name="codes", timeout=TIMEOUT)
async def codes(event: SeamEvent, context: Context) -> None:
    """Is slow with many, and does many at a time."""
    await _async(event, context)


@on("thermostat.*", name="climate", timeout=TIMEOUT, attempts=ATTEMPTS)
def climate(event: SeamEvent, context: Context) -> None:
    """Fails with some."""
    _sync(event, context)


@on("device.*", name="upkeep", timeout=TIMEOUT, attempts=ATTEMPTS)
async def upkeep(event: SeamEvent, context: Context) -> None:
    """Fails with some, too."""
    await _async(event, context)


@on("device.*", name="frail", timeout=TIMEOUT, attempts=NEVER)
def frail(event: SeamEvent, context: Context) -> None:
    """Kills its process, now and then."""
    _sync(event, context)


@on("lock.*", name="strict", timeout=TIMEOUT, attempts=ATTEMPTS, in_order=True)
def strict(event: SeamEvent, context: Context) -> None:
    """Fails with some, and lets none of a device pass meanwhile."""
    _sync(event, context)
