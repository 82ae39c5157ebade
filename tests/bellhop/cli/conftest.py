"""The `bellhop` command in this process, on the test's Redis."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bellhop.cli import main

Run = Callable[..., Result]


@pytest.fixture
def run(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command to its end."""
    monkeypatch.setenv("BELLHOP_REDIS_URL", redis_url)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: str, answer: str | None = None) -> Result:
        return CliRunner().invoke(main, arguments, input=answer)

    return run


def rows(result: Result) -> list[dict[str, Any]]:
    """Return the JSON lines that a command printed."""
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]
