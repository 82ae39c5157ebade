"""The sign of life of a shift: its main thread comes round, runs a handler, or waits for Redis."""

import asyncio
import math
import threading
import time
from typing import Any

import pytest
from redis.exceptions import ConnectionError as NoConnection

from bellhop import SeamEvent
from tests.workers.conftest import Workplace


def test_a_main_thread_that_is_stuck_gives_none_though_others_go_on(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its mail would be nobody's: its pool speaks for the worker as long as that lives."""
    overdue: list[float] = []
    seen = threading.Event()

    @workplace.on("*", timeout=3_600)
    async def waits(event: SeamEvent) -> None:
        await asyncio.to_thread(seen.wait, 30)

    def hang() -> None:
        if workplace.runtime.loop.under_way() and not overdue:
            overdue.append(workplace.runtime.deadlines.handlers)
            time.sleep(0.8)  # three rounds of the keeper
            overdue.append(workplace.runtime.deadlines.handlers)
            seen.set()

    monkeypatch.setattr(workplace.runtime.surroundings, "restore", hang)
    workplace.deliver()
    workplace.work()
    before, after = overdue
    assert before == after < time.monotonic() + 90


def test_one_that_waits_for_redis_gives_some(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace.on("*")(lambda event: None)
    workplace.deliver()
    overdue: list[float] = []
    settle = workplace.ledger.settle

    def away(*arguments: Any, **options: Any) -> Any:
        overdue.append(workplace.runtime.deadlines.handlers)
        if len(overdue) < 3:
            raise NoConnection("away")
        return settle(*arguments, **options)

    monkeypatch.setattr(workplace.ledger, "settle", away)
    workplace.work()
    first, second, third = overdue
    assert first < second < third < time.monotonic() + 90
    assert workplace.runtime.deadlines.handlers == math.inf


def test_without_a_shift_none_is_expected(workplace: Workplace) -> None:
    seen: list[float] = []
    workplace.on("*", timeout=500)(lambda event: seen.append(workplace.runtime.deadlines.handlers))
    workplace.work()
    assert workplace.runtime.deadlines.handlers == math.inf
    workplace.deliver()
    workplace.work()
    assert workplace.runtime.deadlines.handlers == math.inf
    assert seen[0] > time.monotonic() + 400
