"""What hooks are told, and what is on record of it, where there are door codes and keys."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from bellhop import DeadLetter
from bellhop.known_secrets import known_secrets
from bellhop.ledger import (
    DeadLetters,
    Ledger,
)
from bellhop.ledger.resealing import reseal
from bellhop.vault import Vault
from bellhop_workers.shift import Shift
from tests.workers.conftest import Workplace
from tests.workers.hooks import BROKEN, CLOSED, call_ids, on_record, with_a_hook, worker
from tests.workers.told import Told

SET = "access_code.set_on_device"
CODE: dict[str, Any] = {"access_code_id": "a1", "code": "73915842"}
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def test_door_codes_are_in_no_record_of_a_hook(workplace: Workplace) -> None:
    @workplace.on("*", attempts=1, name="tell")
    def tell(event: Any) -> None:
        raise ValueError(f"cannot set {event.code}")

    errors: list[str] = []

    @workplace.registry.on_dead(attempts=1, name="alarm")
    def alarm(letter: DeadLetter) -> None:
        errors.append(letter.error)
        known_secrets.forget()
        raise ValueError(f"cannot tell of {letter.event.code}: {letter}")  # type: ignore[union-attr]

    workplace.deliver(SET, **CODE)
    workplace.work()
    assert errors == ["ValueError: cannot set ••••"]
    record = on_record(workplace, "alarm")
    assert "cannot tell of ••••" in record["error"]
    [call_id] = call_ids(workplace)
    assert "73915842" not in str(workplace.ledger.event(call_id))


def test_door_codes_are_masked_in_what_a_worker_writes_that_only_has_the_hook(
    workplace: Workplace, told: Told
) -> None:
    first = worker(workplace.ledger, "first", handler=True)
    workplace.registry.on_dead(lambda letter: told.letters.append(letter))
    workplace.runtime.subscribe()
    workplace.deliver(SET, **CODE)
    first.work()
    known_secrets.forget()
    workplace.work()
    assert len(told.letters) == 1
    assert known_secrets.mask("it is 73915842") == "it is ••••"


def test_with_encryption_it_reads_what_was_said_and_nobody_else_does(
    redis: Redis, told: Told
) -> None:
    place = with_a_hook(Workplace(Ledger(redis, timedelta(days=1), Vault([OLD]))), told)
    place.registry.on_quarantined(name="bodies")(told.body)

    @place.registry.on_dead(attempts=1, name="broken")
    def broken(letter: DeadLetter) -> None:
        raise RuntimeError("the chat is away")

    place.runtime.subscribe()
    place.deliver(SET, **CODE)
    place.ledger.accept([BROKEN])
    place.work()
    [letter], [body] = told.letters, told.bodies
    assert (letter.error, letter.attempts) == (CLOSED, 1)
    assert letter.event is not None
    assert letter.event.code == "73915842"  # type: ignore[attr-defined]
    assert body.size == len(BROKEN.body)
    stored = "".join(str(place.ledger.event(one)) for one in (*call_ids(place), "e1"))
    for secret in ("73915842", "the chat is away", "front desk"):
        assert secret not in stored

    both = Vault([NEW, OLD])
    assert reseal(redis, both).unread == []
    [hooks, *_] = [one for one in DeadLetters(redis, Vault([NEW])) if one.handler == "broken"]
    assert hooks.summary == "RuntimeError: the chat is away"


@pytest.mark.parametrize("about", ["letter", "body"])
def test_without_the_key_a_call_waits_for_a_worker_that_has_it(
    redis: Redis, told: Told, about: str
) -> None:
    def ledger(*known: str) -> Ledger:
        return Ledger(redis, timedelta(days=1), Vault(known))

    blind, seeing = (
        worker(ledger(NEW), "blind", told=told),
        worker(ledger(NEW, OLD), "s", told=told),
    )
    if about == "letter":
        first = worker(ledger(OLD), "first", handler=True)
        first.deliver()
        first.work()
    else:
        ledger(OLD).accept([BROKEN])

    shift = Shift(blind.runtime)
    shift.run()
    assert shift.sealed is not None
    assert (told.letters, told.bodies) == ([], [])
    seeing.work()
    assert len(told.letters) + len(told.bodies) == 1
