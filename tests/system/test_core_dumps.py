"""What lies in the memory of Bellhop's processes is written to no core dump."""

import resource
import signal
import subprocess
import sys

import psutil
import pytest

from tests.system.conftest import House, command_line, descendants, eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks what only Linux tells")

DUMPABLE = "__import__('ctypes').CDLL(None).prctl(3, 0, 0, 0, 0)"

HANDLERS = f"""
import ctypes, subprocess

@on("lock.unlocked")
def looks(event):
    program = subprocess.run("ulimit -c", shell=True, capture_output=True, text=True)
    ran({DUMPABLE}, program.stdout.strip())

@on("lock.locked", attempts=1)
def aborts(event): ctypes.CDLL(None).abort()
"""


def test_no_process_of_bellhop_leaves_a_core_dump(lonely_house: House) -> None:
    house = lonely_house
    house.handlers(HANDLERS)
    up = house.start("up", "--port", str(house.port), "--workers", "1")
    house.await_ready()
    assert house.run("send", "lock.unlocked").stdout.startswith("202")
    house.await_lines(1)
    assert house.lines() == ["0 0"]

    processes = [up.pid, *descendants(up.pid)]
    for kind in ("cli up", "cli receiver", "cli worker", "valkey-server", "guard.py"):
        assert any(kind in command_line(one) for one in processes), kind
    limits = {psutil.Process(one).rlimit(psutil.RLIMIT_CORE) for one in processes}
    assert limits == {(0, 0)}

    house.run("send", "lock.locked")
    died = f"signal {signal.SIGABRT.name}"
    eventually(lambda: died in house.output(), "it is told", shown=house.output)
    assert not list(house.path.rglob("core*"))


def test_every_command_keeps_its_memory_to_itself() -> None:
    code = f"import bellhop.cli, resource; print({DUMPABLE}, resource.getrlimit(4))"
    assert resource.RLIMIT_CORE == 4
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "0 (0, 0)\n"
