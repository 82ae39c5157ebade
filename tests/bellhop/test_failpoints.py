"""Failpoints: which there are, and that only what asks for one gets killed."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bellhop.failpoints import NAMES, InvalidFailpoints, failpoint, read
from bellhop.settings import load_settings

ROOT = Path(__file__).parents[2]


def calls() -> list[str]:
    """Return the names in all calls of `failpoint`."""
    names = []
    for package in ("bellhop", "receiver", "workers"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "failpoint":
                    [name] = node.args
                    assert isinstance(name, ast.Constant)
                    assert isinstance(name.value, str)
                    names.append(name.value)
    return names


def pass_by(setting: str, times: int) -> int:
    """Pass `settle.after` so often in a process of its own; return its exit code."""
    code = (
        "import os\n"
        "from bellhop.failpoints import arm, failpoint\n"
        "arm(os.environ)\n"
        f"for _ in range({times}): failpoint('settle.after')\n"
    )
    environment = {**os.environ, "BELLHOP_FAILPOINTS": setting, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code], env=environment, timeout=60).returncode


def test_the_table_names_every_failpoint_in_the_code_and_each_lies_in_one_place() -> None:
    assert sorted(calls()) == sorted(NAMES)


def test_without_the_variable_nothing_happens() -> None:
    assert read({}) == {}
    failpoint("settle.after")


def test_a_process_is_killed_at_the_pass_that_is_asked_for_if_there_is_a_token() -> None:
    Path("token").touch()

    assert pass_by("claim.before=elsewhere settle.after:2=token", 1) == 0
    assert pass_by("claim.before=elsewhere settle.after:2=token", 2) == -signal.SIGKILL
    assert [path.name.split(".")[0] for path in Path().iterdir()] == ["token"]  # token.PID
    assert pass_by("claim.before=elsewhere settle.after:2=token", 2) == 0


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("setle.after=/token", "there is no setle.after; did you mean settle.after?"),
        ("settle.after", "expected name=/path/to/token or name:3=/path/to/token, got settle.after"),
        ("settle.after:0=/t", "expected name=/path/to/token or name:3=/path/to/token, got "),
        ("claim.after=/t, zzz=/t", "there is no zzz; did you mean "),
    ],
)
def test_what_names_no_failpoint_is_refused(setting: str, message: str) -> None:
    with pytest.raises(InvalidFailpoints) as caught:
        read({"BELLHOP_FAILPOINTS": setting})
    assert str(caught.value).startswith(f"BELLHOP_FAILPOINTS: {message}")


def test_the_variable_is_taken_for_no_misspelt_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELLHOP_FAILPOINTS", "settle.after=/token")
    load_settings()
