"""`bellhop doctor` on a real Redis."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from redis import Redis

from bellhop.ledger import Ledger, Quarantined, workers_alive
from tests.bellhop.cli.conftest import Run
from tests.conftest import SECRET

STATES = {"ok", "unknown", "warning", "problem"}


@pytest.fixture(autouse=True)
def _a_place_with_handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "the_doctors_patients.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("BELLHOP_HANDLERS", "the_doctors_patients")
    monkeypatch.setenv("BELLHOP_WEBHOOK_SECRETS", SECRET)


def told(run: Run, code: int) -> str:
    """Return what it prints for a person."""
    result = run("doctor", "--table")
    assert result.exit_code == code, result.output
    return result.stdout


def test_without_workers_there_is_a_problem_with_what_to_do(run: Run) -> None:
    said = told(run, 1)
    assert "ok       signing secrets: 1\n" in said
    assert "problem  no worker is alive: events are kept, and no handler runs\n" in said
    assert "         → start one: bellhop worker\n" in said
    assert "ok       clock agrees with that of Redis\n" in said
    assert "ok       dead letters: 0\n" in said
    assert SECRET not in said


def test_what_waits_for_somebody_is_told(run: Run, ledger: Ledger) -> None:
    ledger.accept([Quarantined("msg_1", b"{", ("no event",))])
    said = told(run, 1)
    assert "problem  bodies in quarantine: 1\n         → look at them: bellhop quarantine\n" in said


def test_it_tells_a_program_data(run: Run, ledger: Ledger) -> None:
    ledger.accept([Quarantined("msg_1", b"{", ("no event",))])
    result = run("doctor", "--json")
    assert result.exit_code == 1
    rows = {row["check"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert rows["workers"] == {
        "check": "workers",
        "state": "problem",
        "count": 0,
        "advice": "start one: bellhop worker",
    }
    assert (rows["quarantine"]["state"], rows["quarantine"]["count"]) == ("problem", 1)
    assert datetime.fromisoformat(rows["quarantine"]["oldest"]).tzinfo
    assert (rows["dead_letters"]["state"], rows["dead_letters"]["oldest"]) == ("ok", None)
    assert rows["memory"]["used_bytes"] > 0
    assert all(row["check"] and row["state"] in STATES for row in rows.values())
    assert not any({"text", "level", "remedy"} & row.keys() for row in rows.values())


def test_it_says_where_each_setting_comes_from_and_no_secret(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("\nBELLHOP_SLICE=5s\nSEAM_ENDPOINT=https://u:hunter2@h\n")
    (tmp_path / "key").write_text("seam_bellhop_hunter2-0123")
    monkeypatch.setenv("BELLHOP_API_KEY_FILE", "key")
    monkeypatch.setenv("PORT", "5000")
    said = told(run, 1)
    for line in (
        "BELLHOP_SLICE = 5s: from .env line 2",
        "BELLHOP_API_KEY: from key (BELLHOP_API_KEY_FILE)",
        "BELLHOP_PORT = 5000: from environment (PORT)",
        "BELLHOP_HOST = 0.0.0.0: from environment (PORT)",
        "BELLHOP_WEBHOOK_SECRETS: from environment",
        "SEAM_ENDPOINT: from .env line 3",
    ):
        assert f"           {line}\n" in said
    assert "by default: BELLHOP_KEY_PREFIX, BELLHOP_ENCRYPTION_KEYS, " in said
    first = json.loads(run("doctor", "--json").stdout.splitlines()[0])
    assert first["settings"]["BELLHOP_GRACE"] == {"value": "30s", "origin": "default"}
    assert first["settings"]["BELLHOP_API_KEY"]["value"] is None
    assert "hunter2" not in said + str(first)
    assert SECRET not in said + str(first)


def test_handlers_that_cannot_be_loaded_are_a_problem(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLHOP_HANDLERS", "no.such.handlers")
    assert "problem  handlers cannot be loaded" in told(run, 1)


def test_a_redis_that_is_away_is_a_problem_and_not_a_traceback(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLHOP_REDIS_URL", "redis://127.0.0.1:1/0")
    assert "problem  cannot reach Redis at redis://127.0.0.1:1/0" in told(run, 1)


def test_it_writes_nothing(run: Run, redis: Redis) -> None:
    told(run, 1)
    assert redis.dbsize() == 0


def test_nobody_is_alive_in_an_empty_redis(redis: Redis) -> None:
    assert workers_alive(redis) == []
