"""Nobody waits longer than the sender does, whatever Redis does: by a clock that we set."""

import asyncio
from collections.abc import Sequence
from typing import cast

from structlog.testing import capture_logs

from bellhop.ledger import Arrival, AsyncLedger, Receipt
from bellhop.queue import ShiftQueue
from bellhop_receiver.intake import (
    LONGEST_CALL,
    LONGEST_WAIT,
    MOST_DELIVERIES,
    Intake,
    Item,
    Unavailable,
)

SENDER_WAITS = 15.0


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time passes only when it is told to."""

    now = 0.0

    def time(self) -> float:
        return self.now


class SlowLedger:
    """Takes `seconds` for each call, and counts them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.calls = 0

    async def accept(self, items: Sequence[Item]) -> Receipt:
        self.calls += 1
        await asyncio.sleep(self._seconds)
        return Receipt((True,) * len(items), ())


async def pass_time(clock: Clock, seconds: float) -> None:
    """Let so much time pass, a quarter of a second at a time."""
    for _ in range(int(seconds * 4)):
        clock.now += 0.25
        for _ in range(10):  # what is due is done, and what follows from it
            await asyncio.sleep(0)


def waits(ledger: SlowLedger, arrivals: Sequence[tuple[float, int]]) -> list[tuple[float, bool]]:
    """Return how long each of so many deliveries, in order, waited, and whether it was accepted.

    `arrivals`: a time, and how many come then.
    """

    async def run() -> list[tuple[float, bool]]:
        clock = asyncio.get_running_loop()
        assert isinstance(clock, Clock)
        intake = Intake(cast("AsyncLedger", ledger), cast("ShiftQueue", None))

        async def deliver(number: int) -> tuple[float, bool]:
            begun = clock.now
            try:
                await intake.accept(Arrival(f"msg_{number}", f"e{number}", "t", "d", b"{}"))
            except Unavailable:
                return clock.now - begun, False
            return clock.now - begun, True

        tasks: list[asyncio.Task[tuple[float, bool]]] = []
        for moment, count in arrivals:
            await pass_time(clock, moment - clock.now)
            tasks += [asyncio.create_task(deliver(len(tasks) + n)) for n in range(count)]
            await asyncio.sleep(0)
        while not all(task.done() for task in tasks):
            assert clock.now < 200
            await pass_time(clock, 0.25)
        return [task.result() for task in tasks]

    with asyncio.Runner(loop_factory=Clock) as runner:
        return runner.run(run())


def test_a_redis_that_hangs_fails_all_that_wait_and_not_one_batch_after_the_other() -> None:
    ledger = SlowLedger(1000)
    with capture_logs() as lines:
        found = waits(ledger, [(0, 1), (1, 6 * MOST_DELIVERIES)])
    assert not any(accepted for _, accepted in found)
    assert max(waited for waited, _ in found) <= LONGEST_CALL + 0.5
    assert ledger.calls == 1
    assert [line["event"] for line in lines] == ["Redis cannot take events; answering 503"]


def test_what_comes_while_redis_hangs_waits_for_one_call() -> None:
    found = waits(SlowLedger(1000), [(moment, 700) for moment in range(40)])
    assert not any(accepted for _, accepted in found)
    assert max(waited for waited, _ in found) <= LONGEST_CALL + 0.5


def test_a_redis_that_is_slow_takes_what_it_can_in_time() -> None:
    with capture_logs() as lines:
        found = waits(SlowLedger(LONGEST_CALL - 1), [(0, 1), (0.25, 6 * MOST_DELIVERIES), (10, 50)])
    assert max(waited for waited, _ in found) <= LONGEST_WAIT + 0.5 < SENDER_WAITS
    accepted = [number for number, (_, accepted) in enumerate(found) if accepted]
    assert accepted[:3] == [0, 1, 2]  # the oldest first
    assert accepted[-1] == len(found) - 1  # and what came when there was room again
    assert MOST_DELIVERIES < len(accepted) < 4 * MOST_DELIVERIES
    assert [line["event"] for line in lines] == [
        "Redis cannot take events; answering 503",
        "Redis is back",
    ]
