"""`bellhop upgrade`, and what other commands say of a ledger that is not of their version."""

import os

import pytest
from redis import Redis

from bellhop.ledger import keys
from tests.bellhop.cli.conftest import Run
from tests.bellhop.ledger import old_layout


def test_it_tells_what_it_will_do_and_asks(run: Run, redis: Redis) -> None:
    old_layout.write(redis)

    refused = run("upgrade", answer="n\n")
    assert "1 → 2: mailboxes of devices become mailboxes of handlers" in refused.output
    assert refused.exit_code == 1
    assert redis.get(keys.VERSION) is None

    result = run("upgrade", answer="y\n")
    assert result.exit_code == 0
    assert "The ledger is of version 2 now." in result.output
    assert redis.get(keys.VERSION) == b"2"
    assert run("events").exit_code == 0

    assert "There is nothing to do" in run("upgrade", "--yes").output


def test_it_is_refused_while_a_foreman_is_alive(run: Run, redis: Redis) -> None:
    old_layout.write(redis)
    seconds, _ = redis.time()
    redis.set(keys.SWEPT, seconds * 1000)

    result = run("upgrade", "--yes")

    assert result.exit_code == 1
    assert "stop all workers and receivers" in result.output
    assert redis.get(keys.VERSION) is None


def test_an_encrypted_one_is_refused_without_its_key_and_read_with_it(
    run: Run, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_layout.write(redis)
    old_layout.encrypt(redis)

    refused = run("upgrade", "--yes")
    assert refused.exit_code == 1
    assert "set BELLHOP_ENCRYPTION_KEYS to what it was stored with" in refused.output
    assert redis.get(keys.VERSION) is None

    monkeypatch.setenv("BELLHOP_ENCRYPTION_KEYS", old_layout.KEY)
    assert run("upgrade", "--yes").exit_code == 0
    shown = run("show", "e4")
    assert shown.exit_code == 0
    assert '"device_id": "held"' in shown.output
    assert "OSError: away" in shown.output


def test_there_is_nothing_to_do_where_nothing_is(run: Run) -> None:
    assert "There is nothing to do" in run("upgrade", "--yes").output


def test_it_leaves_a_newer_one_alone(run: Run, redis: Redis) -> None:
    redis.set(keys.VERSION, 9)

    result = run("upgrade", "--yes")

    assert result.exit_code == os.EX_CONFIG
    assert "a newer Bellhop wrote it (version 9)" in result.output


def test_other_commands_say_what_to_do_and_write_nothing(run: Run, redis: Redis) -> None:
    redis.set(keys.VERSION, 9)

    for command in (["events"], ["dead"], ["replay", "lock.*", "--yes"], ["worker"]):
        result = run(*command)
        assert result.exit_code == os.EX_CONFIG, command
        assert "understands no version above 2" in result.output
    doctor = run("doctor", "--table")
    assert doctor.exit_code == 1
    assert "understands no version above 2" in " ".join(doctor.output.split())
    assert redis.keys("*") == [keys.VERSION.encode()]
