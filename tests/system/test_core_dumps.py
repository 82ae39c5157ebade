"""What lies in the memory of Bellhop's processes is written to no core dump."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bellhop.settings import load_settings
from tests.conftest import SECRET
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
    for kind in (" up ", " receiver ", " worker ", "valkey-server", "guard.py"):
        assert any(kind in command_line(one) for one in processes), kind
    limits = {psutil.Process(one).rlimit(psutil.RLIMIT_CORE) for one in processes}
    assert limits == {(0, 0)}
    filters = {Path(f"/proc/{one}/coredump_filter").read_text() for one in processes}
    assert filters == {"00000000\n"}

    house.run("send", "lock.locked")
    died = f"signal {signal.SIGABRT.name}"
    eventually(lambda: died in house.output(), "it is told", shown=house.output)
    assert not list(house.path.rglob("core*"))


STATE = f"print({DUMPABLE}, resource.getrlimit(resource.RLIMIT_CORE), signal.getsignal(15))"


def state_after(code: str) -> str:
    """Run Python code, and return whether its process can be dumped, its limit, its SIGTERM."""
    code = f"import resource, signal, sys\nsys.argv = ['bellhop', '--version']\n{code}\n{STATE}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_every_command_keeps_its_memory_to_itself() -> None:
    code = "import bellhop_launch\ntry: bellhop_launch.main()\nexcept SystemExit: pass"
    state = state_after(code)
    assert state.startswith("0 (0, 0) <function ")


def test_what_only_imports_the_command_is_left_alone() -> None:
    assert state_after("import bellhop.cli, bellhop_launch") == state_after("")


def test_workers_and_what_handlers_start_have_no_secret_of_the_receiver(
    lonely_house: House, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = lonely_house
    secrets = {
        "BELLHOP_WEBHOOK_SECRETS": SECRET,
        "BELLHOP_API_KEY": "seam_bellhop_0123456789abcdef",
    }
    house.environment |= secrets
    house.handlers(
        "import subprocess\n"
        "program = subprocess.run('env', capture_output=True, text=True).stdout\n"
        f"ran([name for name in {list(secrets)} if name in os.environ or name in program])\n"
    )
    up = house.start("up", "--port", str(house.port), "--workers", "1")
    house.await_lines(2)  # by the worker, and for the table
    pool = next(one for one in descendants(up.pid) if " worker " in command_line(one))
    started_with = psutil.Process(pool).environ()
    assert not set(secrets) & set(started_with)
    assert not any(value in " ".join(started_with.values()) for value in secrets.values())

    house.environment["BELLHOP_REDIS_URL"] = redis_url
    house.start("worker")
    house.await_lines(3)
    assert house.lines() == ["[]"] * 3

    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    settings = load_settings().for_workers()
    assert (settings.secrets, settings.api_key) == ((), None)
