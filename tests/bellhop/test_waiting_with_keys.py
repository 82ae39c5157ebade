"""Waiting with Seam's API key, and on a ledger that is encrypted."""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from bellhop import (
    ActionAttemptFailedError,
    ActionAttemptTimeoutError,
    wait_for_action_attempt_sync,
)
from bellhop.ledger import Ledger
from bellhop.sdk import NoSdk
from bellhop.vault import Sealed, Vault
from tests.bellhop.waits import Way, both_ways
from tests.stand_in import API_KEY, StandIn
from tests.system.conftest import eventually
from tests.told import FAILED, UNLOCKED, Told

# The API key


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Seam asked soon."""
    monkeypatch.setattr("bellhop.polling._FIRST", 0.05)


@both_ways
def test_seam_is_asked_when_no_event_comes(
    wait: Way, told: Told, seam: StandIn, soon: None
) -> None:
    said = seam.add("a1")
    assert wait("a1").model_dump() == said


def test_seam_is_asked_again_and_again_at_a_growing_interval(
    told: Told, seam: StandIn, soon: None, in_thread: ThreadPoolExecutor
) -> None:
    seam.add("a1", "pending")
    seam.failures = [503]
    waits = in_thread.submit(wait_for_action_attempt_sync, "a1")
    eventually(lambda: seam.asked["a1"] >= 4, "it is asked for")
    assert not waits.done()
    seam.add("a1")
    assert waits.result(10).was_confirmed_by_device
    gaps = [later - earlier for earlier, later in pairwise(seam.times["a1"])]
    assert all(later > 1.5 * earlier for earlier, later in pairwise(gaps))


def test_seam_is_asked_once_for_all_who_wait_for_one(
    told: Told, seam: StandIn, soon: None, in_thread: ThreadPoolExecutor
) -> None:
    seam.add("a1")
    waits = [in_thread.submit(wait_for_action_attempt_sync, "a1") for _ in range(10)]
    assert all(one.result(10).succeeded for one in waits)
    assert seam.asked["a1"] == 1


def test_seam_is_not_asked_while_events_come_in_time(told: Told, seam: StandIn) -> None:
    seam.add("a1")
    told.hear(UNLOCKED)
    assert wait_for_action_attempt_sync("a1").result is None
    assert not seam.asked


@both_ways
def test_a_failure_is_raised_with_its_reason(wait: Way, told: Told, seam: StandIn) -> None:
    seam.add("a1", "error")
    told.hear(FAILED)
    with pytest.raises(ActionAttemptFailedError) as caught:
        wait("a1")
    assert str(caught.value) == "action attempt a1 (UNLOCK_DOOR) failed: It is away."
    assert caught.value.code == "device_offline"
    assert caught.value.action_attempt.error
    assert seam.asked == {"a1": 1}


@pytest.mark.parametrize("broken", ["away", "unknown", "slow"])
def test_a_failure_whose_reason_cannot_be_asked_is_raised_without(
    broken: str, told: Told, seam: StandIn
) -> None:
    if broken != "unknown":
        seam.add("a1", "error")
    seam.failures = [500] if broken == "away" else []
    seam.slow = 5.0 if broken == "slow" else 0.0
    told.hear(FAILED)
    with pytest.raises(ActionAttemptFailedError, match="why is not known here"):
        wait_for_action_attempt_sync("a1", timeout=2)


def test_an_attempt_that_seam_does_not_know_is_asked_for_once(
    told: Told, seam: StandIn, soon: None
) -> None:
    with pytest.raises(ActionAttemptTimeoutError) as caught:
        wait_for_action_attempt_sync("a1", timeout=2)
    assert str(caught.value) == (
        "action attempt a1 did not end within 2 s "
        "(404 action_attempt_not_found: Could not find it.)"
    )
    assert seam.asked == {"a1": 1}


def test_without_the_sdk_a_key_is_refused(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAM_API_KEY", API_KEY)
    monkeypatch.setitem(sys.modules, "seam", None)
    with pytest.raises(NoSdk):
        wait_for_action_attempt_sync("a1")


# Encryption


@both_ways
def test_an_encrypted_ledger_needs_its_keys(
    wait: Way, told: Told, redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Fernet.generate_key().decode()
    sealed = Told(redis, redis_url, Vault([key]))
    sealed.hear(UNLOCKED)
    with pytest.raises(Sealed, match="BELLHOP_ENCRYPTION_KEYS"):
        wait("a1")

    monkeypatch.setenv("BELLHOP_ENCRYPTION_KEYS", Fernet.generate_key().decode())
    with pytest.raises(Sealed, match="BELLHOP_ENCRYPTION_KEYS"):
        wait("a1")

    monkeypatch.setenv("BELLHOP_ENCRYPTION_KEYS", key)
    assert wait("a1").succeeded


def test_one_sealed_event_keeps_nobody_else_from_hearing(
    told: Told, redis: Redis, redis_url: str, in_thread: ThreadPoolExecutor
) -> None:
    sealed = Told(redis, redis_url, Vault([Fernet.generate_key().decode()]))
    sealed.hear(UNLOCKED, action_attempt_id="sealed", event_id="s1")
    told.hear(UNLOCKED, action_attempt_id="plain", event_id="p1")
    waits = [in_thread.submit(wait_for_action_attempt_sync, name) for name in ("sealed", "plain")]
    assert waits[1].result(10).succeeded
    assert isinstance(waits[0].exception(10), Sealed)


@both_ways
def test_who_waits_is_told_of_missing_keys_before_any_event_comes(
    wait: Way, told: Told, redis: Redis
) -> None:
    vault = Vault([Fernet.generate_key().decode()])
    Ledger(redis, timedelta(days=14), vault).remember_vault()
    with pytest.raises(Sealed):
        wait("a1", timeout=30)
