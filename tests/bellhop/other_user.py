"""Another user, whom only root can play."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

OTHER = 10_001
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can play another user")


@contextmanager
def being_other() -> Iterator[None]:
    """Be another user meanwhile."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(OTHER)
    os.seteuid(OTHER)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
