"""Handlers that cannot be imported, or not now: what is told, and what goes on."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from bellhop.cli.readiness import Readiness
from bellhop.settings import Settings
from bellhop_workers import process
from bellhop_workers.process import WorkerProcess
from bellhop_workers.starting import Loaded
from bellhop_workers.usage import Usage
from tests.system.conftest import House, descendants, eventually, lines_until_ended

HANDLERS = """
if os.path.exists("away"): raise ConnectionError("the database is away")
if os.path.exists("exits"): os._exit(3)

@on("lock.unlocked", attempts=1)
def dies(event): os._exit(1)

@on("lock.locked")
def lives(event): ran("lives")
"""


def test_a_worker_whose_replacement_cannot_be_imported_ends_nothing_else(house: House) -> None:
    house.handlers(HANDLERS)
    house.start("receiver")
    pool = house.start("worker")
    house.await_ready()
    eventually(lambda: "worker ready" in house.output(), "it works", shown=house.output)

    for trouble, told in (
        ("away", "ConnectionError: the database is away"),
        ("exits", "a worker ended while it imported handlers"),
    ):
        (house.path / trouble).touch()
        [worker] = descendants(pool.pid)
        os.kill(worker, signal.SIGKILL)
        eventually(lambda told=told: told in house.output(), told, shown=house.output)  # type: ignore[misc]
        assert pool.poll() is None
        assert house.post("lock.locked").status_code == 202
        (house.path / trouble).unlink()
        eventually(lambda: descendants(pool.pid), "another is started")
        house.await_lines(1)
        (house.path / "ran").write_text("")
    assert "handlers.mine" in house.output()
    pool.terminate()
    assert pool.wait(30) == 0


def test_workers_whose_handlers_never_loaded_end_with_one_reason(house: House) -> None:
    house.handlers("import sys\nsys.exit('no configuration')\n")
    pool = house.start("worker", "-n", "3")
    assert pool.wait(60) == os.EX_CONFIG
    assert house.output().count("SystemExit: no configuration") == 1


def test_up_is_not_ready_while_handlers_do_not_load_and_is_when_they_do(
    lonely_house: House,
) -> None:
    house = lonely_house
    house.handlers("1 / 0\n")
    house.start("up", "--port", str(house.port), "--workers", "1", "--reload")
    eventually(lambda: "Not ready: the handlers cannot be loaded" in house.output(), "it is told")
    house.await_ready()
    assert "Ready." not in house.output()
    assert "ZeroDivisionError" in house.output()
    assert house.run("send", "lock.locked").stdout.startswith("202")

    house.handlers(HANDLERS)
    house.await_lines(1)
    eventually(lambda: "Ready." in house.output(), "now it is", shown=house.output)


def test_a_stop_of_the_whole_group_while_handlers_are_imported_is_no_error(
    lonely_house: House,
) -> None:
    house = lonely_house
    house.handlers("ran('imported')\ntime.sleep(100)\n")
    up = house.start("up", "--port", str(house.port), "--workers", "2")
    house.await_lines(3)  # by both workers, and for the table

    os.killpg(up.pid, signal.SIGTERM)
    assert up.wait(30) == 0, house.output()
    for word in ("rror", "Traceback", "cannot", "died", "Ready"):
        assert word not in house.output(), house.output()


@pytest.mark.parametrize(
    ("code", "reason"),
    [("2 ** 0", "still being imported"), ("os._exit(3)", "the import ended with code 3")],
)
def test_up_says_what_it_waits_for(
    code: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    program = f"import os, time; {code}; time.sleep(100)"
    check = subprocess.Popen(["python3", "-c", program], stdout=subprocess.PIPE, text=True)
    reader, writer = os.pipe()
    readiness = Readiness(check, reader, "127.0.0.1", 1, "Ready.", slow=0.1)
    if "exit" in code:
        check.wait()
    readiness.start()
    said = ""

    def is_said() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return reason in said

    eventually(is_said, reason)
    readiness.stop(0)
    check.wait()
    assert "Ready." not in capsys.readouterr().out
    for end in (reader, writer):
        os.close(end)


def test_an_import_that_does_not_end_is_told_and_its_worker_is_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, redis_url: str
) -> None:
    monkeypatch.setattr(process, "_SLOW", 0.05)
    monkeypatch.setattr(process, "_LONGEST_IMPORT", 1.0)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "endless.py").write_text("import time\ntime.sleep(1000)\n")
    worker = WorkerProcess(Settings(handlers=("endless",)), redis_url, "w", Loaded(), Usage())

    lines = lines_until_ended(worker)
    told = [line["event"] for line in lines]
    assert told[0].startswith("a worker still imports handlers")
    assert "the import of endless does not end; ending it" in told
    assert told[-1] == "a worker ended while it imported handlers"
    assert {line["module"] for line in lines if "module" in line} == {"endless"}
    assert worker.poll() == -signal.SIGKILL


def test_a_hook_of_no_handler_is_told_once_when_workers_start(house: House) -> None:
    house.handlers(
        '@on("lock.*", name="doors.tell")\ndef tell(event): ...\n'
        '@on_dead("lock.*", name="alarm")\ndef alarm(letter): ...\n'
    )
    pool = house.start("worker", "-n", "2", "--only", "alarm")
    eventually(lambda: house.output().count("worker ready") == 2, "they work", shown=house.output)
    told = "alarm is called about dead letters of lock.*, and no handler here has such a name"
    assert house.output().count(told) == 1

    os.kill(descendants(pool.pid)[0], signal.SIGKILL)
    eventually(lambda: house.output().count("worker ready") == 3, "one is replaced")
    assert house.output().count(told) == 1
    assert told in house.run("handlers").stderr
    assert told not in house.run("handlers", "--here").stderr
