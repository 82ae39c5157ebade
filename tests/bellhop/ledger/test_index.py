"""Events can be found by what they are about."""

from datetime import timedelta

import pytest
from redis import Redis

from bellhop.ledger import Ledger, keys
from tests.bellhop.ledger.conftest import Desk, arrival

FOURTEEN_DAYS = timedelta(days=14) // timedelta(milliseconds=1)


def index(desk: Desk, most: int = 500) -> int:
    return desk.ledger.index(most, now_ms=desk.now)


def test_an_event_is_found_by_what_it_is_about_and_when_it_was_created(desk: Desk) -> None:
    about = ("device_id 1", "event_type lock.unlocked")
    desk.accept(arrival("e1")._replace(subjects=about, created_ms=desk.now - 5))
    desk.accept(arrival("e2")._replace(subjects=about[:1], created_ms=desk.now - 7))

    assert index(desk) == 0
    assert desk.found["created"] == {"1": desk.now - 5, "2": desk.now - 7}
    assert desk.found["indexes"] == {
        "device_id 1": {"1": desk.now - 5, "2": desk.now - 7},
        "event_type lock.unlocked": {"1": desk.now - 5},
    }


def test_names_with_odd_characters_are_indexed_as_they_are(desk: Desk) -> None:
    odd = 'device_id ü€😀 "\n\x00/%s'
    desk.accept(arrival("e1")._replace(subjects=(odd,)))

    index(desk)
    assert list(desk.found["indexes"]) == [odd]


def test_a_call_does_no_more_than_it_is_asked_for_and_says_what_is_left(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")

    assert index(desk, most=2) == 1
    assert set(desk.found["created"]) == {"1", "2"}
    assert index(desk, most=2) == 0
    assert index(desk, most=2) == 0
    assert set(desk.found["created"]) == {"1", "2", "3"}


@pytest.mark.parametrize("away", [-FOURTEEN_DAYS, 1])
def test_an_event_of_the_future_or_before_the_retention_counts_from_when_it_came(
    desk: Desk, away: int
) -> None:
    desk.accept(arrival("e1")._replace(subjects=("a 1",), created_ms=desk.now + away))

    index(desk)
    assert desk.found["created"] == desk.found["indexes"]["a 1"] == {"1": desk.now}


def test_an_event_that_was_created_before_1970_is_found_too(redis: Redis) -> None:
    ledger = Ledger(redis, timedelta(days=36_500))
    ledger.accept([arrival("e1")._replace(subjects=("a 1",), created_ms=-1)])

    assert ledger.index() == 0
    assert redis.zscore(keys.CREATED, "1") == -1


def test_an_index_is_rid_of_what_is_older_than_the_retention(desk: Desk) -> None:
    desk.accept(arrival("e1")._replace(subjects=("a 1",)))
    index(desk)
    desk.now += FOURTEEN_DAYS
    desk.accept(arrival("e2")._replace(subjects=("a 1",)))
    index(desk)

    assert desk.found["indexes"]["a 1"] == desk.found["created"] == {"2": desk.now}


def test_a_full_batch_of_events_with_many_ids_is_indexed(desk: Desk) -> None:
    subjects = tuple(f"space_id {number}" for number in range(50))
    desk.accept(*(arrival(f"e{n}")._replace(subjects=subjects) for n in range(500)))

    assert index(desk) == 0
    assert len(desk.found["indexes"]["space_id 49"]) == 500


def test_what_a_ledger_of_version_1_noted_is_kept_as_long_as_it_says(desk: Desk) -> None:
    note = f'1 {desk.now} {FOURTEEN_DAYS} ["device_id 1"]'
    desk.ledger.redis.rpush(keys.UNINDEXED, note)
    assert index(desk) == 0
    lives_ms = desk.ledger.redis.pttl(f"{keys.PREFIX}index:device_id 1")
    assert lives_ms == pytest.approx(FOURTEEN_DAYS, abs=10_000)
