"""The embedded Redis ends when nobody is left who needs it, even if its owner was killed."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest
from redis import Redis
from redis.exceptions import RedisError

from bellhop.embedded import EmbeddedRedis, socket_path

ROOT = Path(__file__).parents[2]
STATE = Path(".bellhop")
OWNER = """
import subprocess, sys, time
from pathlib import Path
from bellhop.embedded import EmbeddedRedis

server = EmbeddedRedis(Path(".bellhop"))
server.start()
helper = "import sys; print('up', flush=True); sys.stdin.read()"
if sys.argv[1:]:
    subprocess.Popen([sys.executable, "-c", helper], pass_fds=[server.lifeline])
else:
    print("up", flush=True)
time.sleep(600)
"""


def eventually(condition: Callable[[], object]) -> None:
    ends = monotonic() + 30
    while not condition():
        assert monotonic() < ends
        sleep(0.01)


def answers() -> bool:
    try:
        with Redis(unix_socket_path=str(socket_path(STATE))) as client:
            return bool(client.ping())
    except RedisError:
        return False


def stays_up() -> bool:
    """Whether it answers for half a second: one that is to end does so at once."""
    ends = monotonic() + 0.5
    while answers():
        if monotonic() > ends:
            return True
    return False


@contextmanager
def owner(*arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that has started the server, and perhaps a child that needs it."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT)},
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        yield process


def test_it_ends_when_its_owner_is_killed() -> None:
    with owner() as process:
        assert answers()
        process.kill()
    eventually(lambda: not answers())


@pytest.mark.long
def test_it_lives_as_long_as_a_child_of_the_killed_one_needs_it() -> None:
    with owner("with a child") as process:
        process.kill()
        process.wait()
        assert stays_up()
        assert process.stdin
        process.stdin.close()
        eventually(lambda: not answers())


def test_a_new_one_on_the_same_socket_is_left_alone() -> None:
    with owner("with a child") as process:
        process.kill()
        process.wait()
        server = EmbeddedRedis(STATE)
        server.start()  # ends the old one
        assert process.stdin
        process.stdin.close()
        assert stays_up()
        server.stop()


def guards() -> set[psutil.Process]:
    """Return the guards that this process started; the tests' own server has one, too."""
    children = psutil.Process().children()
    return {child for child in children if "guard.py" in " ".join(child.cmdline())}


def test_a_restart_has_it_guarded_by_a_new_one_and_a_stop_leaves_none() -> None:
    before = guards()
    server = EmbeddedRedis(STATE)
    server.start()
    eventually(lambda: len(guards() - before) == 1)
    first, lifeline = guards(), server.lifeline
    server.restart()
    eventually(lambda: len(guards() - first) == 1)

    assert server.lifeline == lifeline
    assert len(guards() - before) == 1
    server.stop()
    assert guards() == before
