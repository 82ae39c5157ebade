"""Action attempts are read from the events about them."""

import json

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from bellhop.ledger import Attempts, keys
from bellhop.vault import Kind, Sealed, Vault
from tests.told import UNLOCKED, Told


@pytest.fixture(params=["plain", "encrypted"])
def told(request: pytest.FixtureRequest, redis: Redis, redis_url: str) -> Told:
    keys = [Fernet.generate_key().decode()] if request.param == "encrypted" else []
    return Told(redis, redis_url, Vault(keys))


def test_an_attempt_that_no_event_told_about_is_not_on_record(told: Told) -> None:
    told.hear()
    assert told.get("other") is None


def test_an_event_tells_how_it_ended_and_nothing_more(told: Told) -> None:
    told.hear(UNLOCKED)
    found = told.get()
    assert found
    assert found.attempt.succeeded
    assert found.attempt.action_type == "UNLOCK_DOOR"
    assert found.device_id == "d1"
    assert found.attempt.model_fields_set == {"action_attempt_id", "action_type", "status"}
    assert (found.fetched, found.given_up) == (False, None)


def test_one_that_is_only_mentioned_is_pending(told: Told) -> None:
    told.hear("lock.unlocked")
    found = told.get()
    assert found
    assert found.attempt.is_pending


def test_what_was_fetched_is_added(told: Told) -> None:
    told.hear(UNLOCKED)
    fetched = {
        "action_attempt_id": "a1",
        "action_type": "UNLOCK_DOOR",
        "status": "success",
        "result": {"was_confirmed_by_device": True},
        "error": None,
    }
    sealed = told.vault.seal(json.dumps(fetched).encode(), Kind.FETCHED, "a1")
    told.redis.hset(keys.attempt("a1"), "body", sealed)
    found = told.get()
    assert found
    assert found.fetched
    assert found.attempt.was_confirmed_by_device is True
    assert found.attempt.model_dump() == fetched


def test_without_the_keys_nothing_is_read(redis: Redis, redis_url: str) -> None:
    Told(redis, redis_url, Vault([Fernet.generate_key().decode()])).hear()
    with pytest.raises(Sealed):
        Attempts(redis).get("a1")


def test_an_event_whose_record_is_gone_tells_nothing(told: Told) -> None:
    told.hear()
    told.redis.delete(keys.event("e1"))
    assert told.get() is None


def test_a_thousand_events_of_one_attempt_are_not_all_read(told: Told) -> None:
    for _ in range(150):
        told.hear("lock.unlocked")
    told.hear(UNLOCKED)
    found = told.get()
    assert found
    assert found.attempt.succeeded
    assert found.order == 1


# Lists


def test_the_newest_are_listed_first_each_once(told: Told) -> None:
    for attempt in ("a1", "a2", "a1", "a3"):
        told.hear(action_attempt_id=attempt)
    assert told.list() == ["a3", "a2", "a1"]


def test_lists_are_of_a_device_or_of_some_ids(told: Told) -> None:
    for number in range(6):
        told.hear(action_attempt_id=f"a{number}", device_id=f"d{number % 2}")
    told.hear("lock.locked", action_attempt_id=..., device_id="d1")
    assert told.list(device_id="d1") == ["a5", "a3", "a1"]
    assert told.list(device_id="d9") == []
    assert told.list(action_attempt_ids=["a1", "a9", "a4"]) == ["a4", "a1"]
    assert told.list(action_attempt_ids=["a1", "a4"], device_id="d0") == ["a4"]
    assert told.list(action_attempt_ids=[]) == []


@pytest.mark.parametrize("filters", [{}, {"device_id": "d1"}])
def test_page_after_page_nothing_is_left_out_or_repeated(
    told: Told, filters: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bellhop.ledger.attempts._PAGE", 3)
    for number in range(10):
        told.hear("lock.unlocked", action_attempt_id=f"a{number}")
    for number in range(5):
        told.hear(action_attempt_id=f"a{number}")
    reader = Attempts(told.redis, told.vault)
    seen, before = [], None
    while page := reader.list(limit=4, before=before, **filters):
        seen += [one.attempt.action_attempt_id for one in page]
        before = page[-1].order
        told.hear(action_attempt_id="a9")  # what is told meanwhile does not move it
    assert seen == [f"a{number}" for number in reversed(range(10))]
