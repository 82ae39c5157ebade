"""What mypy and pyright say to the authors of handlers."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CHECKED = Path(__file__).with_name("checked.py")


def said_by(*command: str | Path) -> str:
    """Return what a checker finds wrong; nothing, if it finds nothing."""
    run = subprocess.run(
        [sys.executable, "-m", *command, CHECKED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=100,
    )
    return "" if run.returncode == 0 else run.stdout + run.stderr


@pytest.mark.long
def test_mypy_finds_the_wrong_handlers_and_no_others(tmp_path: Path) -> None:
    assert not said_by("mypy", "--follow-imports=silent", "--cache-dir", tmp_path)


def test_pyright_finds_the_wrong_handlers_and_no_others() -> None:
    # Pyright itself, in the build that brings its own node.
    assert not said_by("basedpyright", "--project", ROOT, "--pythonpath", sys.executable)
