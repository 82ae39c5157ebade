"""A handler whose time is up is interrupted, and no other is."""

import asyncio
import signal
import threading
import time

from bellhop import SeamEvent
from tests.workers.conftest import Workplace


def test_a_sync_handler_is_interrupted_when_its_time_is_up(workplace: Workplace) -> None:
    @workplace.on("lock.*", timeout=0.2)
    def hangs(event: SeamEvent) -> None:
        try:
            threading.Event().wait(30)
        except Exception:  # the usual way to swallow a timeout
            raise AssertionError from None

    @workplace.on("lock.*")
    def after(event: SeamEvent) -> None:
        time.sleep(0.3)  # outlives any alarm that was left behind

    event_id = workplace.deliver()
    workplace.work()

    record = workplace.record(event_id, hangs)
    assert "took longer than its timeout of 0.2 s" in record["error"]
    assert "threading.Event().wait(30)" in record["error"]  # where it was
    assert record["state"] == "retrying"
    assert workplace.record(event_id, after)["state"] == "done"


def test_an_async_handler_is_cancelled_when_its_time_is_up(workplace: Workplace) -> None:
    cleaned = threading.Event()

    @workplace.on("lock.*", timeout=0.2)
    async def hangs(event: SeamEvent) -> None:
        try:
            await asyncio.sleep(30)
        finally:
            cleaned.set()

    event_id = workplace.deliver()
    workplace.work()

    assert cleaned.is_set()
    assert "took longer than its timeout of 0.2 s" in workplace.record(event_id, hangs)["error"]


def test_a_timeout_error_of_its_own_is_an_ordinary_failure(workplace: Workplace) -> None:
    @workplace.on("lock.*")
    async def fails(event: SeamEvent) -> None:
        raise TimeoutError("the lock did not answer")

    event_id = workplace.deliver()
    workplace.work()

    assert "TimeoutError: the lock did not answer" in workplace.record(event_id, fails)["error"]


def test_a_handlers_library_may_take_the_alarm(workplace: Workplace) -> None:
    @workplace.on("lock.*")
    def takes_it(event: SeamEvent) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    @workplace.on("lock.*", timeout=0.1)
    def hangs(event: SeamEvent) -> None:
        threading.Event().wait(30)

    event_id = workplace.deliver()
    workplace.work()

    assert "timeout" in workplace.record(event_id, hangs)["error"]
