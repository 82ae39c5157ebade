"""Where commands write may be closed, full, read no further, or unable to show every character."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.system.conftest import DEADLINE, House


def shell(house: House, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a shell's script, in which `bellhop` is the command."""
    command = shlex.join(house.command())
    return subprocess.run(
        ["bash", "-c", f'bellhop() {{ {command} "$@"; }}\n{script}'],
        cwd=house.path,
        env={**house.environment, **environment},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )


@pytest.mark.parametrize("arguments", ["--help", "types --table", "types --json"])
def test_output_on_a_full_disk_is_told_in_a_sentence(lonely_house: House, arguments: str) -> None:
    done = shell(lonely_house, f"bellhop {arguments} > /dev/full")
    assert done.stderr == "bellhop: cannot write the output: No space left on device\n"
    assert done.returncode == 74


def test_a_reader_that_has_enough_ends_a_command_without_a_word(lonely_house: House) -> None:
    # true reads nothing, and waits until the writer has something to say
    script = "for how in --table --json; do bellhop types $how | true; echo ${PIPESTATUS[0]}; done"
    done = shell(lonely_house, script)
    assert (done.stdout, done.stderr) == ("141\n141\n", "")


def test_a_closed_output_is_nobody_who_looks(lonely_house: House) -> None:
    done = shell(lonely_house, "bellhop types >&-; echo $?; bellhop types 2>&- >&-; echo $?")
    assert (done.stdout, done.stderr) == ("0\n0\n", "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_is_not_utf_8_gets_what_it_can_show(
    lonely_house: House, encoding: str
) -> None:
    lonely_house.handlers('@on("lock.*", name="a" * 60, attempts=3)\ndef f(event): ...\n')
    done = shell(
        lonely_house,
        "bellhop --help && bellhop types lock.unlocked --table && bellhop handlers --table",
        PYTHONIOENCODING=encoding,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "lock.* (3 types)" in done.stdout
    if encoding == "latin-1":  # of ASCII, click believes that it is meant to be UTF-8
        assert "BELLHOP_... variables" in done.stdout
        assert "Is shown as **** in logs" in done.stdout

    listed = shell(lonely_house, "bellhop types lock.unlocked", PYTHONIOENCODING=encoding)
    assert json.loads(listed.stdout)["event_type"] == "lock.unlocked"


def test_what_handlers_print_when_imported_does_not_stand_among_json(house: House) -> None:
    house.handlers(
        "import atexit, subprocess, sys, threading, logging\n"
        "print('printed')\n"
        "sys.__stdout__.write('written\\n')\n"
        "os.write(1, b'by its number\\n')\n"
        "subprocess.run(['echo', 'by a child'])\n"
        "logging.StreamHandler(sys.stdout).emit(logging.makeLogRecord({'msg': 'logged'}))\n"
        "atexit.register(print, 'at exit')\n"
        "threading.Timer(0, print, ['from a thread']).start()\n"
        "sys.stdout = open(os.devnull, 'w')\n"
        '@on("lock.*")\ndef f(event): ...\n'
    )
    for arguments in (("handlers",), ("handlers", "--json"), ("doctor",)):
        done = house.run(*arguments)
        assert [json.loads(line) for line in done.stdout.splitlines()], done
        for word in ("printed", "written", "number", "child", "logged", "thread"):
            assert word in done.stderr, done


def test_what_a_command_is_asked_to_list_is_all_that_it_writes(
    house: House, tmp_path: Path
) -> None:
    """What stdout is a file of is truncated by nobody, whoever else writes."""
    house.handlers('print("x" * 5000)\n@on("lock.*")\ndef f(event): ...\n')
    shell(house, f"bellhop handlers > {tmp_path}/out 2> {tmp_path}/err")
    [line] = (tmp_path / "out").read_text().splitlines()
    assert json.loads(line)["handler"] == "handlers.mine.f"
