"""What several tests of one module share: an empty registry, and an environment to set up."""

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from bellhop import Registry, listening
from bellhop.vault import NO_KEYS
from tests.told import Told


@pytest.fixture
def handlers() -> Registry:
    return Registry()


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch


@pytest.fixture
def told(redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Told:
    """A ledger that hears of attempts, to which the settings lead, and nobody listens yet."""
    monkeypatch.setenv("BELLHOP_REDIS_URL", redis_url)
    monkeypatch.setattr(listening, "_listeners", {})
    return Told(redis, redis_url, NO_KEYS)


@pytest.fixture
def in_thread() -> Iterator[ThreadPoolExecutor]:
    """Threads to wait in."""
    with ThreadPoolExecutor(20) as threads:
        yield threads


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach and write to, as /tmp and some volumes are."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)
