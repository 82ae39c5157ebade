"""Who is to blame for a worker's end, as its pool sees it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from bellhop.ledger import Arrival, Ledger
from bellhop.queue import enqueue_shifts
from bellhop.settings import Settings
from bellhop_workers import deadlines
from bellhop_workers.process import WorkerProcess
from bellhop_workers.shift import Shift
from bellhop_workers.starting import Loaded
from bellhop_workers.usage import Usage
from tests.system.conftest import eventually, lines_until_ended

IGNORES_INTERRUPTS = """while True:
        try: time.sleep(60)
        except BaseException: pass"""
BODY = b'{"event_id": "e1", "event_type": "lock.unlocked", "device_id": "1"}'
KEEPS_ALL_THREADS = "ctypes.PyDLL(None).sleep(60)"

AWAITS = """pass

@on("lock.*", name="waits", timeout=60)
async def waits(event):
    await asyncio.sleep(60)"""

Start = Callable[[str], WorkerProcess]

_numbers = count(1)


@pytest.fixture
def started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, redis_url: str, ledger: Ledger
) -> Iterator[Start]:
    """Return a function that starts a worker whose handler does this, and waits until it does."""
    workers: list[WorkerProcess] = []
    monkeypatch.syspath_prepend(tmp_path)

    def start(code: str) -> WorkerProcess:
        name, began = f"blame_{next(_numbers)}", tmp_path / "began"
        (tmp_path / f"{name}.py").write_text(
            "import asyncio, ctypes, os, pathlib, time\nfrom bellhop import on\n"
            '@on("lock.*", name="stuck", timeout=60)\n'
            f"def stuck(event):\n    pathlib.Path({str(began)!r}).touch()\n    {code}\n"
        )
        settings = Settings(handlers=(name,), grace=timedelta(seconds=4))
        worker = WorkerProcess(settings, redis_url, "w", Loaded(), Usage())
        workers.append(worker)
        receipt = ledger.accept([Arrival("msg_1", "e1", "lock.unlocked", "device:1", BODY)])
        enqueue_shifts(ledger.redis, receipt.wake)  # if the worker was there first
        eventually(began.exists, "the handler runs")
        return worker

    yield start
    for worker in workers:
        worker.kill()


def ended(worker: WorkerProcess) -> int | None:
    eventually(lambda: worker.poll() is not None, "it has ended")
    return worker.poll()


def test_one_that_is_killed_dies_under_what_it_runs(started: Start) -> None:
    worker = started("time.sleep(60)")
    os.kill(worker.pid, signal.SIGKILL)
    assert ended(worker) == -signal.SIGKILL
    assert worker.culprit == "e1 stuck"


def test_so_does_one_whose_handler_ends_it_without_an_error(started: Start) -> None:
    worker = started("os._exit(0)")
    assert ended(worker) == 0
    assert worker.culprit == "e1 stuck"


def test_nobody_is_to_blame_for_an_end_in_order_though_a_handler_goes_on(started: Start) -> None:
    """Its mail may not be given back: Redis may be away at that moment."""
    worker = started(IGNORES_INTERRUPTS)
    worker.terminate()
    assert ended(worker) == 0
    assert worker.culprit is None


def test_nor_for_one_that_did_not_stop_in_time(started: Start) -> None:
    worker = started(KEEPS_ALL_THREADS)
    worker.terminate()
    worker.kill()
    assert ended(worker) == -signal.SIGKILL
    assert worker.culprit is None


def test_one_whose_main_thread_is_stuck_outside_of_handlers_is_ended_though_others_wait(
    started: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its pool would speak for it, and nobody get its mail, for as long as it lives."""
    monkeypatch.setattr(deadlines, "_LONGEST_SILENCE", 1.0)
    monkeypatch.setattr(Shift, "_settle", lambda _shift: time.sleep(60))
    worker = started(AWAITS)

    lines = lines_until_ended(worker)
    assert "a worker's shift does not go on; ending it" in [line["event"] for line in lines]
    assert worker.poll() == -signal.SIGKILL
    assert worker.culprit == ""
