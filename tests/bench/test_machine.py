"""What the results say of where they come from."""

import platform
import re

from bench.machine import machine, versions


def test_the_versions_of_bellhop_python_and_the_server_are_told() -> None:
    ours, server, *_ = versions("9.1.2")
    assert re.match(rf"Bellhop \d+\.\d+\.\d+ on Python {platform.python_version()}: ", ours)
    assert server.startswith("Valkey 9.1.2, ")


def test_the_machine_is_told() -> None:
    assert re.match(r"\d+ cores? of .+, ", machine())
