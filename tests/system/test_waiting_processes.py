"""Waiting for action attempts across processes, and what is fetched beside them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from redis import Redis

from bellhop import listening, wait_for_action_attempt, wait_for_action_attempt_sync
from bellhop.ledger import Attempts
from tests.stand_in import StandIn
from tests.system.conftest import House, eventually
from tests.system.redis_server import Server
from tests.system.test_redis_user import documented_rules

UNLOCKED = "action_attempt.unlock_door.succeeded"
FAILED = "action_attempt.unlock_door.failed"


@pytest.fixture(autouse=True)
def _nobody_listens_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_listeners", {})


def run(house: House, code: str) -> "subprocess.Popen[str]":
    """Run some Python as a process of the user's would."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        env=house.environment,
        cwd=house.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


WAITS = """
import asyncio, bellhop
print("waits", flush=True)
attempt = asyncio.run(bellhop.wait_for_action_attempt("a1", timeout=60))
print(attempt.status, attempt.action_type)
"""


def test_a_process_of_the_users_hears_of_a_webhook_and_ends_cleanly(house: House) -> None:
    house.start("receiver")
    house.await_ready()
    with run(house, WAITS) as process:
        assert process.stdout
        assert process.stdout.readline() == "waits\n"
        assert house.post(UNLOCKED, action_attempt_id="a1").status_code == 202
        assert process.communicate(timeout=60) == ("success UNLOCK_DOOR\n", "")
        assert process.returncode == 0


FORKS = """
import os, bellhop
bellhop.wait_for_action_attempt_sync("a0", timeout=60)
read, write = os.pipe()
pid = os.fork()
if pid == 0:
    attempt = bellhop.wait_for_action_attempt_sync("a1", timeout=60)
    os.write(write, attempt.status.encode())
    os._exit(0)
print("forked", flush=True)
print(os.read(read, 100).decode(), bellhop.wait_for_action_attempt_sync("a1").status)
"""


def test_a_forked_process_listens_for_itself(house: House) -> None:
    house.start("receiver")
    house.await_ready()
    house.post(UNLOCKED, action_attempt_id="a0")
    with run(house, FORKS) as process:
        assert process.stdout
        assert process.stdout.readline() == "forked\n"
        house.post(UNLOCKED, action_attempt_id="a1")
        out, _ = process.communicate(timeout=60)
        assert out == "success success\n"


def test_importing_bellhop_brings_in_nothing_that_only_waiting_needs(house: House) -> None:
    slow = {"asyncio", "redis", "seam", "httpx", "dotenv"}
    with run(house, f"import bellhop, sys; print({slow} & set(sys.modules))") as process:
        assert process.communicate(timeout=60) == ("set()\n", "")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "redis")
    server.start()
    yield server
    server.end()


def test_who_waits_outlasts_a_restart_of_redis(tmp_path: Path, server: Server) -> None:
    house = House(tmp_path, server.url)
    try:
        house.start("receiver")
        house.await_ready()

        async def wait_for_both() -> list[str | None]:
            waits = [
                asyncio.create_task(wait_for_action_attempt(name, timeout=60, redis_url=server.url))
                for name in ("during", "after")
            ]
            await asyncio.to_thread(restart)
            return [one.status for one in await asyncio.gather(*waits)]

        def restart() -> None:
            house.post(UNLOCKED, action_attempt_id="before")
            server.kill()
            time.sleep(0.5)
            server.start()
            # Told while the listener, which waits longer and longer, may not be back yet.
            eventually(lambda: post("during") == 202, "it is accepted", shown=house.output)
            time.sleep(3)
            assert post("after") == 202

        def post(name: str) -> int:
            return house.post(UNLOCKED, event_id=name, action_attempt_id=name).status_code

        assert asyncio.run(wait_for_both()) == ["success", "success"]
    finally:
        house.end()


def test_a_user_with_few_rights_can_wait_and_fetch(
    tmp_path: Path, server: Server, seam: StandIn
) -> None:
    server.command("ACL", "SETUSER", "bellhop", "on", ">hunter2", *documented_rules())
    server.command("ACL", "SETUSER", "default", "off")
    url = f"redis://bellhop:hunter2@127.0.0.1:{server.port}"
    house = House(tmp_path, url)
    house.environment |= seam.environment
    seam.add("a1")
    try:
        house.handlers("")
        house.start("receiver")
        house.start("worker")
        house.await_ready()
        with ThreadPoolExecutor(1) as threads:
            waits = threads.submit(wait_for_action_attempt_sync, "a1", timeout=60, redis_url=url)
            house.post(UNLOCKED, action_attempt_id="a1")
            assert waits.result().succeeded
        eventually(lambda: is_fetched(Redis.from_url(url), "a1"), "it is fetched")
        assert "NOPERM" not in house.output()
    finally:
        house.end()


# The fetcher


def is_fetched(redis: Redis, name: str) -> bool:
    with redis:
        found = Attempts(redis).get(name)
    return found is not None and found.fetched


def test_a_pool_fetches_what_events_do_not_say_while_handlers_run(
    house: House, redis: Redis, seam: StandIn
) -> None:
    seam.add("a1", "error")
    seam.slow = 3.0
    house.environment |= seam.environment
    house.handlers('@on("action_attempt.*")\ndef handle(event): ran(event.action_attempt_id)\n')
    house.start("receiver")
    house.start("worker", "-n", "2")
    house.await_ready()
    house.post(FAILED, action_attempt_id="a1")
    house.await_lines(1)  # no handler waits for Seam
    assert not is_fetched(redis, "a1")

    eventually(lambda: is_fetched(redis, "a1"), "it is fetched", shown=house.output)
    found = Attempts(redis).get("a1")
    assert found
    assert found.attempt.error
    assert found.attempt.error.type == "device_offline"
    assert seam.asked == {"a1": 1}
    assert "token" not in house.output()
    assert "HTTP Request" not in house.output()


def test_a_fetcher_that_is_killed_is_replaced(house: House, redis: Redis, seam: StandIn) -> None:
    seam.add("a1")
    house.environment |= seam.environment
    house.handlers("")
    house.start("receiver")
    pool = house.start("worker")
    house.await_ready()
    eventually(lambda: len(children(pool.pid)) == 2, "a worker and a fetcher", shown=house.output)
    fetcher = max(children(pool.pid))
    os.kill(fetcher, signal.SIGKILL)
    eventually(lambda: "a process died and is replaced" in house.output(), "it is told")
    house.post(UNLOCKED, action_attempt_id="a1")
    eventually(lambda: is_fetched(redis, "a1"), "it is fetched", shown=house.output)
    died = [json.loads(line) for line in house.output().splitlines() if "died_of" in line]
    assert [line["role"].rpartition("-")[2] for line in died] == ["fetcher"]
    pool.terminate()
    assert pool.wait(30) == 0


def children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children()]


@pytest.mark.parametrize("command", ["worker", "up"])
def test_a_key_without_the_sdk_is_refused_at_the_start(
    house: House, command: str, seam: StandIn
) -> None:
    house.environment |= seam.environment
    blind = f"import sys; sys.modules['seam'] = None; sys.argv = ['bellhop', '{command}']"
    with run(house, f"{blind}; from bellhop.cli import main; main()") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said == "bellhop: SEAM_API_KEY needs Seam's SDK: pip install seam\n"
