"""Group commit: many deliveries, few calls, and one that fails or leaves harms no other."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from structlog.testing import capture_logs

from bellhop.connections import connect_async
from bellhop.ledger import Arrival, AsyncLedger, Ledger, Quarantined, keys
from bellhop.queue import ShiftQueue, shift_queue
from bellhop_receiver.intake import MOST_BYTES, MOST_DELIVERIES, Intake, Item, Unavailable
from tests.one_worker import OneWorker, queued_shifts

_numbers = itertools.count(1)


def arrival(device: str = "d1", body: bytes = b"{}") -> Arrival:
    number = next(_numbers)
    return Arrival(f"msg_{number}", f"e{number}", "lock.unlocked", f"device:{device}", body)


class Desk:
    """An intake and what it stands on, for one event loop."""

    def __init__(self, url: str) -> None:
        self.redis = connect_async(url)
        self.intake = Intake(AsyncLedger(self.redis, timedelta(days=1)), ShiftQueue(self.redis))

    async def __aenter__(self) -> Intake:
        # The script is sent whole the first time only; here the calls are counted.
        await self.intake.accept(arrival("warming up"))
        return self.intake

    async def __aexit__(self, *_: object) -> None:
        await self.intake.close()
        await self.redis.aclose()


@contextmanager
def counted_calls(redis: Redis) -> Iterator[list[int]]:
    """Yield a list that holds, at the end, how many scripts were called meanwhile."""
    calls: list[int] = []
    before = _script_calls(redis)
    yield calls
    calls.append(_script_calls(redis) - before)


def _script_calls(redis: Redis) -> int:
    statistics: dict[str, Any] = redis.info("commandstats")
    return sum(
        int(statistics[name]["calls"])
        for name in ("cmdstat_eval", "cmdstat_evalsha")
        if name in statistics
    )


def test_what_arrives_together_is_one_call(redis: Redis, redis_url: str) -> None:
    async def run() -> None:
        async with Desk(redis_url) as intake:
            with counted_calls(redis) as calls:
                accepted = await asyncio.gather(*(intake.accept(arrival()) for _ in range(100)))
        assert accepted == [True] * 100
        assert calls == [1]

    asyncio.run(run())


def test_what_arrives_during_a_call_is_the_next_one(redis: Redis, redis_url: str) -> None:
    async def sender(intake: Intake, events: int) -> list[bool]:
        return [await intake.accept(arrival()) for _ in range(events)]

    async def run() -> None:
        async with Desk(redis_url) as intake:
            with counted_calls(redis) as calls:
                answers = await asyncio.gather(*(sender(intake, 10) for _ in range(50)))
        assert answers == [[True] * 10] * 50
        assert calls == [10]

    asyncio.run(run())


def test_one_alone_waits_for_nobody(redis: Redis, redis_url: str) -> None:
    async def run() -> None:
        async with Desk(redis_url) as intake:
            with counted_calls(redis) as calls:
                assert await intake.accept(arrival())
                assert await intake.accept(arrival())
        assert calls == [2]

    asyncio.run(run())


def test_a_call_carries_so_many_deliveries_and_no_more(redis: Redis, redis_url: str) -> None:
    async def run() -> None:
        async with Desk(redis_url) as intake:
            with counted_calls(redis) as calls:
                many = (intake.accept(arrival()) for _ in range(2 * MOST_DELIVERIES + 1))
                assert all(await asyncio.gather(*many))
        assert calls == [3]

    asyncio.run(run())


def test_a_call_carries_so_many_bytes_and_no_more(redis: Redis, redis_url: str) -> None:
    body = b"x" * (MOST_BYTES // 2)

    async def run() -> None:
        async with Desk(redis_url) as intake:
            with counted_calls(redis) as calls:
                assert all(
                    await asyncio.gather(*(intake.accept(arrival(body=body)) for _ in "1234"))
                )
        assert calls == [2]

    asyncio.run(run())


def test_a_body_larger_than_a_call_goes_alone(redis: Redis, redis_url: str) -> None:
    async def run() -> None:
        async with Desk(redis_url) as intake:
            large = arrival(body=b"x" * (MOST_BYTES + 1))
            with counted_calls(redis) as calls:
                assert all(await asyncio.gather(*map(intake.accept, (large, arrival()))))
        assert calls == [2]

    asyncio.run(run())


def test_each_is_told_of_its_own_delivery(redis_url: str) -> None:
    first, other = arrival(), arrival()
    again = first._replace(delivery_id="msg_again")
    strange = Quarantined("msg_strange", b"{}", ("no event",))

    async def run() -> list[bool]:
        async with Desk(redis_url) as intake:
            items: list[Item] = [first, first, again, other, strange, strange]
            return await asyncio.gather(*map(intake.accept, items))

    assert asyncio.run(run()) == [True, False, False, True, True, False]


@pytest.mark.usefixtures("worker")
def test_events_stay_in_the_order_of_their_arrival(redis: Redis, redis_url: str) -> None:
    arrivals = [arrival() for _ in range(1200)]

    async def run() -> None:
        async with Desk(redis_url) as intake:
            await asyncio.gather(*map(intake.accept, arrivals))

    asyncio.run(run())
    mail: Any = redis.lrange(keys.mail("bell", "device:d1"), 0, -1)
    assert [entry.decode() for entry in mail] == [one.event_id for one in arrivals]


@pytest.mark.usefixtures("worker")
def test_many_calls_enqueue_one_shift(redis: Redis, redis_url: str) -> None:
    async def run() -> None:
        async with Desk(redis_url) as intake:
            for number in range(20):
                await intake.accept(arrival(f"d{number}"))

    asyncio.run(run())
    assert queued_shifts(redis) == 1


@pytest.mark.usefixtures("worker")
def test_for_each_set_of_handlers_a_shift_is_enqueued(
    redis: Redis, redis_url: str, ledger: Ledger
) -> None:
    OneWorker(ledger, "bell", "log", name="other")

    async def run() -> None:
        async with Desk(redis_url) as intake:
            await intake.accept(arrival())

    asyncio.run(run())
    assert queued_shifts(redis) == 2


@pytest.mark.usefixtures("worker")
def test_when_redis_does_not_take_a_batch_nobody_is_told_otherwise(
    redis: Redis, redis_url: str
) -> None:
    async def run() -> list[bool | BaseException]:
        async with Desk(redis_url) as intake:
            redis.config_set("min-replicas-to-write", 1)
            try:
                return await asyncio.gather(
                    *(intake.accept(arrival("other")) for _ in range(20)), return_exceptions=True
                )
            finally:
                redis.config_set("min-replicas-to-write", 0)

    answers = asyncio.run(run())
    assert [type(answer) for answer in answers] == [Unavailable] * 20
    assert not redis.exists(keys.mail("bell", "device:other"))


def test_when_redis_is_not_there_nobody_is_accepted(tmp_path: Path) -> None:
    async def run() -> list[bool | BaseException]:
        desk = Desk(f"unix://{tmp_path}/nothing.sock")
        answers = await asyncio.gather(
            *(desk.intake.accept(arrival()) for _ in range(20)), return_exceptions=True
        )
        await desk.intake.close()
        await desk.redis.aclose()
        return answers

    assert [type(answer) for answer in asyncio.run(run())] == [Unavailable] * 20


def test_a_batch_after_one_that_failed_is_accepted(redis: Redis, redis_url: str) -> None:
    async def run() -> bool:
        async with Desk(redis_url) as intake:
            redis.config_set("min-replicas-to-write", 1)
            try:
                with pytest.raises(Unavailable):
                    await intake.accept(arrival())
            finally:
                redis.config_set("min-replicas-to-write", 0)
            return await intake.accept(arrival())

    assert asyncio.run(run())


def test_one_that_leaves_harms_no_other_of_its_batch(redis_url: str, ledger: Ledger) -> None:
    gone = arrival()

    async def run() -> list[bool]:
        async with Desk(redis_url) as intake:
            leaving = asyncio.create_task(intake.accept(gone))
            others = [asyncio.create_task(intake.accept(arrival())) for _ in range(10)]
            await asyncio.sleep(0)  # all have handed in what they have
            leaving.cancel()
            answers = await asyncio.gather(*others)
            assert leaving.cancelled()
            return answers

    assert asyncio.run(run()) == [True] * 10
    assert ledger.event(gone.event_id), "it was handed in, so it is kept"


@pytest.mark.usefixtures("worker")
def test_closing_waits_for_what_was_handed_in(redis: Redis, redis_url: str) -> None:
    async def run() -> list[bool]:
        desk = Desk(redis_url)
        tasks = [asyncio.create_task(desk.intake.accept(arrival())) for _ in range(10)]
        await asyncio.sleep(0)
        await desk.intake.close()
        assert queued_shifts(redis) == 1
        answers = await asyncio.gather(*tasks)
        await desk.redis.aclose()
        return answers

    assert asyncio.run(run()) == [True] * 10


def test_a_connection_that_was_cut_is_made_anew(redis: Redis, redis_url: str) -> None:
    async def run() -> bool:
        async with Desk(redis_url) as intake:
            redis.client_kill_filter(_type="normal", skipme=True)
            return await intake.accept(arrival())

    assert asyncio.run(run())


def test_a_shift_that_cannot_be_enqueued_takes_nothing_back(
    redis: Redis, redis_url: str, ledger: Ledger, worker: OneWorker
) -> None:
    kept = arrival()

    async def run() -> bool:
        desk = Desk(redis_url)
        redis.set(shift_queue(redis, worker.fingerprint).key, "not a list")
        accepted = await desk.intake.accept(kept)
        await desk.intake.close()
        await desk.redis.aclose()
        return accepted

    with capture_logs() as lines:
        assert asyncio.run(run())
    assert [line["event"] for line in lines] == ["could not enqueue a shift"]
    assert ledger.event(kept.event_id)["open"] == b"1"
