"""What somebody who runs Bellhop does: ask the doctor, encrypt, wait for retries."""

import json
from itertools import pairwise

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from bellhop.ledger import Ledger, Quarantined
from tests.slack import slack
from tests.system.conftest import House, delivery, eventually

COUNTED = """
@on("lock.*", attempts=3, backoff=[1.5, 1.5])
def often(event, context: Context):
    ran(event.event_id, context.attempt, time.time())
    raise RuntimeError("not yet")
"""


def test_a_retry_is_never_early_and_hardly_late(house: House) -> None:
    house.handlers(COUNTED)
    house.start("receiver")
    house.start("worker")
    house.await_ready()
    house.post()
    house.await_lines(3)

    times = [float(line.split()[2]) for line in house.lines()]
    waits = [later - sooner for sooner, later in pairwise(times)]
    assert all(wait >= 1.5 for wait in waits), waits
    assert all(wait < 1.5 + 2 + slack() for wait in waits), waits


def test_the_time_of_a_retry_survives_a_restart(house: House) -> None:
    house.handlers(COUNTED.replace("1.5, 1.5", "4"))
    house.start("receiver")
    worker = house.start("worker")
    house.await_ready()
    house.post()
    house.await_lines(1)
    worker.terminate()
    worker.wait(30)
    house.start("worker")
    house.await_lines(2)

    first, second = (float(line.split()[2]) for line in house.lines())
    assert 4 <= second - first < 4 + 2 + slack()


LOOKED_AT = [
    "settings: 3",
    "signing secrets: 1",
    "handlers: 1",
    "Valkey ",
    "maxmemory-policy is noeviction",
    "append-only file, fsync ",
    "memory: ",
    "clock agrees",
    "encryption at rest: off",
    "workers alive: 1",
    "foreman alive",
    "mailboxes waiting: ",
    "events that wait for the first worker: 0",
    "retries waiting: 0",
    "dead letters: 0",
    "bodies in quarantine: 0",
    "kinds of drift: 0",
    "handlers without a worker: 0",
    "paused handlers: 0",
    "workers are alike",
    "repairs of the ledger: 0",
    "complaints of Svix: 0",
]


def test_the_doctor_finds_nothing_wrong_where_all_is_well(house: House) -> None:
    house.handlers('@on("*")\ndef quiet(event): ...\n')
    house.start("receiver")
    house.start("worker")
    house.await_ready()
    house.post()

    def healthy() -> bool:
        return house.run("doctor", "--table").returncode == 0

    eventually(healthy, "the doctor is content", shown=lambda: house.run("doctor", "--table"))
    said = house.run("doctor", "--table").stdout
    lines = [line for line in said.splitlines() if not line.startswith(" ")]
    levels, findings = zip(*(line.split(maxsplit=1) for line in lines), strict=True)
    assert set(levels) == {"ok"}
    assert len(findings) == len(LOOKED_AT), said
    for finding, begins in zip(findings, LOOKED_AT, strict=True):
        assert finding.startswith(begins)


SET = "access_code.set_on_device"


def test_encrypted_events_are_handled_and_never_seen_in_redis(house: House, redis: Redis) -> None:
    house.environment["BELLHOP_ENCRYPTION_KEYS"] = Fernet.generate_key().decode()
    house.handlers(f'@on("{SET}")\ndef note(event): ran(event.event_id, event.code)\n')
    receiver = house.start("receiver")
    worker = house.start("worker")
    house.await_ready()
    assert house.post(SET, code="47110815").status_code == 202
    house.await_lines(1)
    assert house.lines()[0].endswith(" 47110815")
    for process in (receiver, worker):
        process.terminate()
        process.wait(30)

    stored = [redis.dump(name) for name in redis.scan_iter("*")]
    assert stored
    assert not any(b"47110815" in value for value in stored if value)
    assert "47110815" not in house.output()


@pytest.mark.parametrize("part", ["receiver", "worker"])
def test_without_the_key_nothing_starts_and_it_is_said_why(house: House, part: str) -> None:
    house.handlers('@on("*")\ndef quiet(event): ...\n')
    house.environment["BELLHOP_ENCRYPTION_KEYS"] = Fernet.generate_key().decode()
    house.start("receiver")
    house.await_ready()

    del house.environment["BELLHOP_ENCRYPTION_KEYS"]
    house.environment["BELLHOP_PORT"] = "0"
    refused = house.run(part)
    assert refused.returncode == 1
    assert "set BELLHOP_ENCRYPTION_KEYS to what it was stored with" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_what_an_older_version_could_not_read_is_handled_after_the_upgrade(
    house: House, ledger: Ledger
) -> None:
    house.handlers('@on("lock.*")\ndef note(event): ran(event.event_id)\n')
    house.start("receiver")
    house.start("worker")
    house.await_ready()
    house.post("lock.unlocked", device_id=5)
    (strange,) = map(json.loads, house.run("quarantine").stdout.splitlines())
    assert strange["problems"] == ["device_id: expected a string, got a number"]
    body, _, event_id = delivery("lock.unlocked")
    ledger.accept([Quarantined("msg_of_old", body, ("not read by 0.0.1",))])

    retried = house.run("quarantine", "retry", "--all").stdout
    assert retried == "1 released, 0 known already, 1 still no event\n"
    house.await_lines(1)
    assert house.run("quarantine", "retry", "--all").stdout.startswith("0 released")
    house.post("lock.locked")
    house.await_lines(2)
    assert house.lines()[0] == event_id
