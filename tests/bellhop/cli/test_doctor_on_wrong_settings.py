"""`bellhop doctor` where there is not enough to look at: it still says what, and what to do."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.bellhop.cli.conftest import Run
from tests.conftest import SECRET


@pytest.fixture(autouse=True)
def _all_else_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "handlers_of_the_wrongly_set.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("BELLHOP_HANDLERS", "handlers_of_the_wrongly_set")
    monkeypatch.setenv("BELLHOP_WEBHOOK_SECRETS", SECRET)


def findings(result: Result) -> list[dict[str, Any]]:
    """Return what it tells a program, which is told of a problem by the exit code, too."""
    assert result.exit_code == 1
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def _two_wrong_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELLHOP_WEBHOOK_SECRETS", "whsec_of-the-front-door!")
    monkeypatch.setenv("BELLHOP_PORT", "eighty")


@pytest.mark.usefixtures("_two_wrong_settings")
def test_each_wrong_setting_is_a_problem_for_a_program(run: Run) -> None:
    found = findings(run("doctor", "--json"))
    assert [one["state"] for one in found] == ["problem", "problem"]
    assert [one["error"].partition(":")[0] for one in found] == [
        "BELLHOP_WEBHOOK_SECRETS",
        "BELLHOP_PORT",
    ]
    assert all("in the environment or in .env" in one["advice"] for one in found)
    assert "front-door" not in json.dumps(found)


@pytest.mark.usefixtures("_two_wrong_settings")
def test_each_wrong_setting_is_a_problem_on_the_screen(run: Run) -> None:
    result = run("doctor", "--table")
    assert result.exit_code == 1
    assert "problem  BELLHOP_WEBHOOK_SECRETS: number 1 " in result.stdout
    assert "problem  BELLHOP_PORT: expected a port number from 0 to 65535" in result.stdout
    assert result.stdout.count("→ correct it in the environment or in .env") == 2


def test_a_misspelt_setting_is_a_problem(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELLHOP_RETENTIONS", "14d")
    (found,) = findings(run("doctor", "--json"))
    assert found["error"].endswith("did you mean BELLHOP_RETENTION?")


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("BELLHOP_REDIS_URL", "redis://127.0.0.1:1/0", "start Redis, or set BELLHOP_REDIS_URL"),
        ("BELLHOP_HANDLERS", "no.such.handlers", "set BELLHOP_HANDLERS"),
    ],
)
def test_what_cannot_be_reached_comes_with_what_to_do(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    problems = [one for one in findings(run("doctor", "--json")) if one["state"] == "problem"]
    assert told in problems[0]["advice"]
    assert all(one["advice"] for one in problems)
