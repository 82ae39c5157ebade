"""A minute of what `make soak` does for five: real processes, and everything goes wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(400)
def test_nothing_is_lost_doubled_or_out_of_order_in_a_minute_of_faults() -> None:
    soak = subprocess.Popen(
        [sys.executable, "-m", "tests.soak"],
        cwd=_ROOT,
        env={**os.environ, "SOAK": "60", "RATE": "30"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said, _ = soak.communicate()
    finally:
        soak.terminate()  # if it hangs: it takes its processes along
        soak.wait(60)

    assert soak.returncode == 0, said
    assert "Every clause of the promise was kept." in said
