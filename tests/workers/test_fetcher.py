"""What events do not say of action attempts is fetched from Seam's API, once."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis import Redis
from structlog.testing import capture_logs

from bellhop.ledger import Attempts, Ledger, RecordedAttempt, Unfetched, keys
from bellhop.sdk import SeamApi
from bellhop.settings import load_settings
from bellhop.vault import NO_KEYS, Vault
from bellhop_workers.fetcher import FETCH_LEASE, Fetcher
from tests.stand_in import StandIn
from tests.told import FAILED, UNLOCKED, Told


class Place:
    """A ledger that hears of attempts, and a fetcher that can be told to fetch."""

    def __init__(self, redis: Redis, redis_url: str, vault: Vault = NO_KEYS) -> None:
        self.redis = redis
        self.told = Told(redis, redis_url, vault)
        self.ledger = Ledger(redis, timedelta(days=14), vault)
        self.api = SeamApi(load_settings())
        self.fetcher = Fetcher(self.ledger, self.api)
        self.paused: list[float] = []

    def fetch(self) -> None:
        """Fetch what is due."""
        before = len(self.paused)
        while len(self.paused) == before:
            self.fetcher.fetch_next(lambda _last, seconds: self.paused.append(seconds))

    def attempt(self, action_attempt_id: str = "a1") -> RecordedAttempt:
        found = Attempts(self.redis, self.told.vault).get(action_attempt_id)
        assert found
        return found

    def waits(self) -> float | None:
        """Return in how many seconds the next one is due."""
        found: Any = self.redis.zrange(keys.UNFETCHED, 0, 0, withscores=True)
        seconds, microseconds = self.redis.time()
        return found[0][1] / 1000 - seconds - microseconds / 1e6 if found else None

    def make_due(self) -> None:
        """Let the time come for all that wait."""
        names: Any = self.redis.zrange(keys.UNFETCHED, 0, -1)
        for name in names:
            self.redis.zadd(keys.UNFETCHED, {name: 0})


@pytest.fixture
def new_place(redis: Redis, redis_url: str, seam: StandIn) -> Iterator[Callable[..., Place]]:
    """Makes places on the same Redis, with the settings of that moment."""
    places = []

    def make(vault: Vault = NO_KEYS) -> Place:
        places.append(Place(redis, redis_url, vault))
        return places[-1]

    yield make
    for place in places:
        place.api.close()


@pytest.fixture
def place(new_place: Callable[..., Place]) -> Place:
    return new_place()


def test_the_result_is_fetched_once(place: Place, seam: StandIn) -> None:
    said = seam.add("a1")
    place.told.hear(UNLOCKED)
    place.told.hear("lock.unlocked")
    place.fetch()
    place.told.hear(UNLOCKED)
    place.fetch()

    found = place.attempt()
    assert found.fetched
    assert found.attempt.was_confirmed_by_device is True
    assert found.attempt.model_dump() == said
    assert seam.asked == {"a1": 1}


def test_the_error_is_fetched(place: Place, seam: StandIn) -> None:
    seam.add("a1", "error")
    place.told.hear(FAILED)
    place.fetch()

    error = place.attempt().attempt.error
    assert error
    assert (error.type, error.message) == ("device_offline", "It is away.")


def test_it_is_kept_as_long_as_events_are(place: Place, seam: StandIn) -> None:
    seam.add("a1")
    place.told.hear()
    place.fetch()
    left = place.redis.pttl(keys.attempt("a1"))
    assert 0 <= timedelta(days=14).total_seconds() * 1000 - left < 60_000


def test_it_is_encrypted_where_there_are_keys(
    new_place: Callable[..., Place], seam: StandIn
) -> None:
    place = new_place(Vault([Fernet.generate_key().decode()]))
    seam.add("a1", result={"code": "4711"})
    place.told.hear()
    place.fetch()
    assert "4711" not in str(place.redis.hgetall(keys.attempt("a1")))
    assert place.attempt().attempt.result == {"code": "4711"}
    assert "4711" not in repr(place.attempt())


def test_one_that_is_still_pending_is_asked_for_again(place: Place, seam: StandIn) -> None:
    seam.add("a1", "pending")
    place.told.hear("lock.unlocked")
    place.fetch()
    wait = place.waits()
    assert wait
    assert 2 < wait <= 5
    assert not place.attempt().fetched

    seam.add("a1")
    place.make_due()
    place.fetch()
    assert place.attempt().attempt.succeeded
    assert place.waits() is None


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_failures_are_tried_again_later_and_told_once(
    place: Place, seam: StandIn, status: int
) -> None:
    seam.add("a1")
    seam.failures = [status] * 2
    place.told.hear()
    waits = []
    with capture_logs() as logs:
        for _ in range(3):
            place.fetch()
            waits.append(place.waits())
            place.make_due()
    assert [3 < (waits[0] or 0) <= 5, 6 < (waits[1] or 0) <= 10, waits[2]] == [True, True, None]
    assert place.attempt().fetched
    assert [line["event"] for line in logs] == [
        "Seam's API is away; asking again later",
        "Seam's API is back",
    ]
    assert seam.asked == {"a1": 3}


def test_an_api_that_cannot_be_reached_is_tried_again(
    new_place: Callable[..., Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAM_ENDPOINT", "http://127.0.0.1:1")
    place = new_place()
    place.told.hear()
    with capture_logs() as logs:
        place.fetch()
    assert place.waits()
    [line] = logs
    assert line["error"].startswith("ConnectError: ")


def test_what_seam_does_not_know_is_given_up_with_the_reason(place: Place, seam: StandIn) -> None:
    place.told.hear()
    with capture_logs() as logs:
        place.fetch()
        place.told.hear()
        place.fetch()
    found = place.attempt()
    assert not found.fetched
    assert found.given_up == "404 action_attempt_not_found: Could not find it."
    assert found.attempt.succeeded  # the event said so
    assert seam.asked == {"a1": 1}
    [line] = logs
    assert (line["log_level"], line["action_attempt"]) == ("error", "a1")


def test_a_wrong_key_is_told_once_and_is_on_record_everywhere(
    new_place: Callable[..., Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAM_API_KEY", "seam_wrong")
    place = new_place()
    for number in range(3):
        place.told.hear(action_attempt_id=f"a{number}")
    with capture_logs() as logs:
        place.fetch()
    assert {place.attempt(f"a{number}").given_up for number in range(3)} == {
        "401 unauthorized: Unauthorized"
    }
    [line] = logs
    assert "seam_wrong" not in str(line)


def test_it_is_given_up_after_as_many_tries_as_a_handler_has(place: Place, seam: StandIn) -> None:
    seam.failures = [500] * 100
    place.told.hear()
    for _ in range(25):
        place.fetch()
        place.make_due()
    assert seam.asked == {"a1": 20}
    assert place.attempt().given_up == "500 Internal Server Error"


@pytest.mark.parametrize(
    "answer", [[], {"action_attempt_id": 1}, {"action_attempt_id": "a1", "status": 1}]
)
def test_a_strange_answer_is_no_answer(place: Place, seam: StandIn, answer: Any) -> None:
    seam.attempts["a1"] = answer
    place.told.hear()
    place.fetch()
    assert place.waits()


# Several fetchers


def test_two_fetchers_fetch_each_attempt_once(
    new_place: Callable[..., Place], seam: StandIn
) -> None:
    seam.slow = 0.005
    places = [new_place() for _ in range(2)]
    for number in range(60):
        seam.add(f"a{number}")
        places[0].told.hear(action_attempt_id=f"a{number}")
    threads = [threading.Thread(target=place.fetch) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seam.asked == {f"a{number}": 1 for number in range(60)}


def test_what_a_dead_fetcher_had_in_hand_is_fetched_after_its_lease(
    place: Place, seam: StandIn
) -> None:
    seam.add("a1")
    place.told.hear()
    task = Unfetched(place.ledger).take(FETCH_LEASE)  # and then it died
    assert task == ("a1", 1)
    place.fetch()
    assert seam.asked == {}

    later = round((time.time() + FETCH_LEASE.total_seconds() + 1) * 1000)
    assert place.ledger.fetch(FETCH_LEASE, now_ms=later) == ("a1", 2)


def test_what_happens_now_does_not_wait_behind_what_was_missed(place: Place) -> None:
    for number in range(3):
        place.told.hear(action_attempt_id=f"old{number}")
    place.ledger.fetch(FETCH_LEASE)  # it takes note of all of them
    time.sleep(0.002)
    place.told.hear(action_attempt_id="new")
    task = place.ledger.fetch(FETCH_LEASE)
    assert task == ("new", 1)


def test_a_late_answer_of_one_that_lost_its_lease_brings_nothing_back(
    place: Place, seam: StandIn
) -> None:
    seam.add("a1")
    place.told.hear()
    place.fetch()
    Unfetched(place.ledger).try_later("a1", timedelta())
    place.fetch()
    assert seam.asked == {"a1": 1}
