"""What a test needs and a machine may lack."""

import os
import shutil
from typing import NoReturn

import pytest


def program(name: str, package: str) -> str:
    """Return the path of a program. Without it the test is skipped, or fails in CI."""
    found = shutil.which(name)
    if not found:
        missing(f"{name} is missing (Debian: apt install {package})")
    return found


def missing(why: str) -> NoReturn:
    """Skip the test, or fail in CI, where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)
