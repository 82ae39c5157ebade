"""Calls are answered at once, and webhooks need not wait for them."""

import asyncio
import time
from typing import Any

import pytest
from redis import Redis

from bellhop.ledger import Ledger
from bellhop_receiver.api.bearer import ApiKey
from bellhop_receiver.api.endpoint import Desk
from bellhop_receiver.api.refusal import Refusal
from bellhop_receiver.refusals import Refusals
from tests.bellhop.ledger.a_day import record_a_day
from tests.receiver.api.conftest import KEY, Api, ago

SLOWER = 2
"""How much more time there is here than was promised: other tests run beside it."""


@pytest.mark.long
@pytest.mark.timeout(300)
def test_among_100_000_events_those_of_a_device_are_listed_within_100_ms_and_500_within_200(
    api: Api, ledger: Ledger, redis: Redis
) -> None:
    record_a_day(ledger, redis)
    took, events = best(api, {"since": ago(hours=1), "device_id": "7"})
    assert 5 <= len(events) <= 15
    assert took < 0.1 * SLOWER

    a_day = {"since": ago(hours=23)}
    devices = {"device_ids": [str(number) for number in range(0, 400, 2)]}
    for asked in (a_day, {**a_day, "event_type": "lock.unlocked"}, {**a_day, **devices}):
        took, events = best(api, asked)
        assert len(events) == 500
        assert took < 0.2 * SLOWER, asked


def best(api: Api, asked: dict[str, Any]) -> tuple[float, list[Any]]:
    """Return how long a call takes at best, in seconds, and which events it lists."""
    times = []
    for _ in range(10):
        began = time.perf_counter()
        response = api.get("/events/list", asked)
        times.append(time.perf_counter() - began)
    events: list[Any] = response.json()["events"]
    return min(times), events


def test_the_loop_goes_on_during_a_call_and_a_call_that_waits_too_long_is_refused() -> None:
    done: list[str] = []

    def slow() -> bytes:
        time.sleep(0.5)
        done.append("slow")
        return b"at last"

    async def call_both() -> None:
        desk = Desk(ApiKey(KEY), Refusals(), patience=0.2)
        try:
            for _ in range(2):
                calls = [asyncio.create_task(desk.run(slow)) for _ in range(2)]
                await asyncio.sleep(0.05)
                assert not any(call.done() for call in calls)
                for call in calls:
                    with pytest.raises(Refusal) as refused:
                        await call
                    assert refused.value.reason == "service_unavailable"
            # Those that nobody waits for any more were not begun.
            await asyncio.sleep(0.4)
            assert done == ["slow"]
            assert await desk.run(lambda: b"next") == b"next"
        finally:
            desk.close()

    asyncio.run(call_both())
