"""Among a hundred thousand events, some are found at once."""

import time
from collections.abc import Callable

import pytest
from redis import Redis

from bellhop.ledger import Ledger, Page, Query, Record
from tests.bellhop.ledger.a_day import DAY, record_a_day


@pytest.fixture
def record(ledger: Ledger, redis: Redis) -> Record:
    """The record of a day."""
    record_a_day(ledger, redis)
    return Record(redis)


def best(read: Callable[[], Page]) -> tuple[float, Page]:
    """Return how long it takes at best, in seconds: other tests run beside it."""
    times = []
    for _ in range(7):
        began = time.perf_counter()
        page = read()
        times.append(time.perf_counter() - began)
    return min(times), page


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_last_hour_of_a_device_takes_less_than_100_ms_and_500_events_less_than_200(
    record: Record,
) -> None:
    seconds, _ = record.redis.time()
    an_hour = Query(about={"device_id": ["7"]}, since_ms=seconds * 1000 - DAY // 24)
    took, page = best(lambda: record.page(an_hour, limit=500))
    assert 5 <= len(page.events) <= 15
    assert took < 0.1

    for query in (
        Query(),
        Query(types=["lock.*"]),
        Query(about={"account_id": ["3"]}, types=["access_code.*", "lock.locked"]),
        Query(about={"account_id": ["3", "4"], "device_id": [str(n) for n in range(20)]}),
    ):
        took, page = best(lambda query=query: record.page(query, limit=500))  # type: ignore[misc]
        assert len(page.events) == 500
        assert page.next
        assert took < 0.2, query
