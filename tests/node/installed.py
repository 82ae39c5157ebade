"""The packages of npm that tests need, installed once beside their lock file."""

import fcntl
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

from tests.required import missing

HERE = Path(__file__).parent
_INSTALL = ("ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
_TRIES = 2
_PATIENCE = 150
"""Seconds for an installation: it takes ten, if the network is not slow."""


def node() -> str:
    """Return the path of Node, with the packages installed.

    Without it the test is skipped, or fails in CI.
    """
    found, npm = shutil.which("node"), shutil.which("npm")
    if not found or not npm:
        missing("Node is missing (Debian: apt install nodejs npm); Seam's SDK for it is not tested")
    with (HERE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests run in several processes
        _install(npm)
    return found


def _install(npm: str) -> None:
    wanted = sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    mark = HERE / "node_modules" / ".installed"
    if mark.exists() and mark.read_text() == wanted:
        return
    said = ""
    for _ in range(_TRIES):
        try:
            done = subprocess.run(
                [npm, *_INSTALL], cwd=HERE, capture_output=True, text=True, timeout=_PATIENCE
            )
        except subprocess.TimeoutExpired:
            said = f"no end after {_PATIENCE} s"
            continue
        if done.returncode == 0:
            mark.write_text(wanted)
            return
        said = done.stderr[-500:]
    missing(f"npm could not install Seam's packages: {said}")
