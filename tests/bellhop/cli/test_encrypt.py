"""`bellhop encrypt`: what is stored, stored again."""

import json
from datetime import timedelta

import pytest
from redis import Redis

from bellhop.events import parse
from bellhop.ledger import Arrival, Ledger, Record, keys
from bellhop.vault import Kind, Vault
from tests.bellhop.bodies import body
from tests.bellhop.cli.conftest import Run, rows

KEY = "d3Vua25vd24ta2V5LW9mLTMyLWJ5dGVzLWxvbmcuLi4="


def test_it_encrypts_what_was_stored_before_there_were_keys(
    run: Run, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        arrival = Arrival.of(f"msg_{number}", parse(body(event_id=f"e{number}", otp="4711")))
        Ledger(redis, timedelta(days=1)).accept([arrival])

    monkeypatch.setenv("BELLHOP_ENCRYPTION_KEYS", KEY)
    refused = run("encrypt")
    assert refused.exit_code == 1
    assert "add the word plaintext behind them" in refused.stderr

    monkeypatch.setenv("BELLHOP_ENCRYPTION_KEYS", f"{KEY},plaintext")
    warned = [one for one in rows_of_doctor(run) if "encryption" in str(one)]
    assert "bellhop encrypt" in str(warned)
    done = run("encrypt")
    assert done.exit_code == 0, done.output
    assert done.stdout == "3 encrypted with the first key, 0 could not be read\n"
    event = Record(redis, Vault([KEY])).get("e1")
    assert event
    assert event.body == body(event_id="e1", otp="4711")

    monkeypatch.setenv("BELLHOP_ENCRYPTION_KEYS", KEY)
    assert run("encrypt").stdout.startswith("0 encrypted")
    assert len(rows(run("events"))) == 3


def test_what_it_cannot_read_is_named(
    run: Run, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLHOP_ENCRYPTION_KEYS", f"{KEY},plaintext")
    sealed = Vault([KEY]).seal(b"{}", Kind.EVENT, "e2")
    redis.hset(keys.event("e1"), "body", sealed[:-1])
    redis.hset(keys.event("e1"), "about", "1-1 []")
    assert run("encrypt").exit_code == 0  # it is encrypted, with the first key
    monkeypatch.setenv("BELLHOP_ENCRYPTION_KEYS", f"plaintext,{KEY}")
    refused = run("encrypt")
    assert refused.exit_code == 1
    assert "event e1 was changed in Redis" in refused.stderr
    assert "1 could not be read" in refused.stdout


def test_without_a_key_it_says_which_to_give(run: Run) -> None:
    refused = run("encrypt")
    assert refused.exit_code == 1
    assert "BELLHOP_ENCRYPTION_KEYS is not set" in refused.stderr


def rows_of_doctor(run: Run) -> list[object]:
    return [json.loads(line) for line in run("doctor").stdout.splitlines()]
