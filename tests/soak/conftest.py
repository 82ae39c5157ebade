"""The soak takes a minute, so it begins first, beside all the other tests."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest test be the first one that is handed out."""
    items.sort(key=lambda item: item.path.name != "test_soak.py")
