"""Which events a process knows the secrets of, and for how long."""

import json

import pytest

from bellhop import known_secrets
from bellhop.events.masking import DOTS
from bellhop.known_secrets import KnownSecrets


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(clock: Clock) -> KnownSecrets:
    return KnownSecrets(clock)


def body(code: object) -> bytes:
    return json.dumps({"event_id": "e1", "deep": [{"code": code}], "size": 553311}).encode()


@pytest.mark.parametrize("code", ["48151623", 48151623])
def test_the_secrets_of_an_event_are_known_by_their_values(
    known: KnownSecrets, code: object
) -> None:
    assert known.mask("48151623 553311") == "48151623 553311"
    known.remember(body(code))
    assert known.mask("48151623 553311") == f"{DOTS} 553311"


def test_an_event_is_known_for_minutes_after_nobody_has_it(
    known: KnownSecrets, clock: Clock
) -> None:
    known.remember(body("48151623"))
    clock.now = 299
    assert known.mask("48151623") == DOTS
    clock.now = 301
    assert known.mask("48151623") == "48151623"


def test_an_event_is_known_as_long_as_anybody_has_it(known: KnownSecrets, clock: Clock) -> None:
    held = body("48151623")
    known.remember(held)
    for clock.now in (10, 4000, 8000):
        assert known.mask("48151623") == DOTS
    del held
    clock.now = 12000
    assert known.mask("48151623") == "48151623"


def test_what_is_remembered_is_bounded_but_never_forgets_what_somebody_has(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_secrets, "_MOST_BYTES", 10_000)
    known = KnownSecrets(clock)
    first = body("48151623")
    known.remember(first)
    for number in range(1_000):
        known.remember(body(f"9{number:07}"))
    assert len(known._new) < 200
    assert known.mask("48151623") == DOTS
    assert known.mask("90000001") == "90000001"
    assert known.mask("90000999") == DOTS
    assert first


def test_a_body_that_is_no_json_hides_nothing_and_harms_nothing(known: KnownSecrets) -> None:
    known.remember(b'{"code": ')
    assert known.mask("fine") == "fine"


def test_more_than_anybody_reads_is_not_looked_through(known: KnownSecrets) -> None:
    known.remember(body("48151623"))
    assert known.mask("x" * 1_000_001) == DOTS
