"""The embedded Redis is told how to use memory, and nobody else is."""

import os
import sys
from pathlib import Path

import psutil
import pytest
from redis import Redis

from bellhop.embedded import EmbeddedRedis

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")


def told(path: Path) -> str | None:
    """Start a server, and return what it was told about malloc."""
    server = EmbeddedRedis(path / ".bellhop")
    server.start()
    try:
        with Redis.from_url(server.url) as client:
            pid = int(client.info("server")["process_id"])
        return psutil.Process(pid).environ().get("GLIBC_TUNABLES")
    finally:
        server.stop()


def test_the_server_is_told_and_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)

    assert "glibc.malloc.tcache_count=" in (told(tmp_path) or "")
    assert "GLIBC_TUNABLES" not in os.environ


def test_what_somebody_has_set_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=0")

    assert told(tmp_path) == "glibc.malloc.check=0"
