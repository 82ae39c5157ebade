"""The peers' environments: their own, so that none of their dependencies touches Bellhop's."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.processes import NotMeasured

_BENCH = Path(__file__).parent
_ROOT = _BENCH.parent
_INSTALLED = "installed"
"""A file in each environment: the digest of what was asked for."""

NODE = _BENCH / "node"


def python(name: str) -> str:
    """Return the Python of an environment, with its packages in it: `peers`, or `arq`.

    arq needs an older redis-py than the others do.
    """
    folder = _ROOT / (".venv-bench" if name == "peers" else f".venv-bench-{name}")
    wanted = _BENCH / ("requirements.txt" if name == "peers" else f"requirements-{name}.txt")
    program = folder / "bin" / "python"
    if not _has(folder, wanted):
        _say(f"Making {folder.name}; this happens once.")
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        pip = [str(program), "-m", "pip", "--disable-pip-version-check", "--quiet", "--quiet"]
        _run([*pip, "install", "-r", str(wanted)])
        _mark(folder, wanted)
    return str(program)


def has_node() -> bool:
    """Say whether there are Node and npm."""
    return bool(shutil.which("node") and shutil.which("npm"))


def node_version() -> str:
    """Return the version of Node."""
    arguments = [str(shutil.which("node")), "--version"]
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.strip()


def node() -> str:
    """Return Node, with its packages installed."""
    wanted = NODE / "package-lock.json"
    if not _has(NODE / "node_modules", wanted):
        _say("Installing bench/node/node_modules; this happens once.")
        _run(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--prefix", str(NODE)])
        _mark(NODE / "node_modules", wanted)
    return str(shutil.which("node"))


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _has(folder: Path, wanted: Path) -> bool:
    mark = folder / _INSTALLED
    return mark.exists() and mark.read_text() == _digest(wanted)


def _mark(folder: Path, wanted: Path) -> None:
    (folder / _INSTALLED).write_text(_digest(wanted))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _run(arguments: Sequence[str]) -> None:
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=600)
    if ended.returncode:
        raise NotMeasured(f"{' '.join(arguments)} failed:\n{ended.stderr[-2000:]}")
