"""The machine on which the tests run: none of its settings may reach a test."""

import os
from collections.abc import Mapping

_PREFIXES = ("BELLHOP", "SEAM_")
_NAMES = {"PORT", "REDIS_URL", "VALKEY_URL"}
"""What platforms set, and Bellhop reads where its own variables are not set."""


def is_setting(name: str) -> bool:
    """Return whether Bellhop may read this variable."""
    return name.startswith(_PREFIXES) or name in _NAMES


def without_settings(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment without all that Bellhop reads."""
    return {name: value for name, value in environment.items() if not is_setting(name)}
