"""What several tests of one module share: an empty registry, and an environment to set up."""

import pytest

from bellhop import Registry


@pytest.fixture
def handlers() -> Registry:
    return Registry()


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch
