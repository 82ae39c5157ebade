"""Keys rotated, in the wrong order and the right one: nothing is lost, and all is said."""

import os
import subprocess

from cryptography.fernet import Fernet
from redis import Redis

from bellhop.ledger import DeadLetters
from tests.system.conftest import House, eventually


def test_a_worker_without_the_new_key_ends_and_the_next_one_handles_the_events(
    house: House, redis: Redis
) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    house.handlers('@on("lock.*")\ndef note(event): ran(event.event_id)\n')
    house.environment["BELLHOP_ENCRYPTION_KEYS"] = old
    worker = house.start("worker")
    eventually(lambda: "worker ready" in house.output(), "it has begun", shown=house.output)
    house.environment["BELLHOP_ENCRYPTION_KEYS"] = f"{new} {old}"
    house.start("receiver")
    house.await_ready()
    assert house.post(event_id="e1").status_code == 202
    assert house.post(event_id="e2", device_id="back").status_code == 202

    assert worker.wait(30) == os.EX_CONFIG
    said = house.output()
    assert said.count("no key to an event") == 1
    assert "or the new one behind the old" in said
    assert "Traceback" not in said
    assert not list(DeadLetters(redis))

    house.environment["BELLHOP_ENCRYPTION_KEYS"] = old
    refused = house.run("worker")
    assert refused.returncode == 1
    assert "or the new one behind the old" in refused.stderr

    house.environment["BELLHOP_ENCRYPTION_KEYS"] = f"{old} {new}"
    house.start("worker")
    house.await_lines(2)
    assert sorted(house.lines()) == ["e1", "e2"]


def test_encryption_is_turned_on_over_a_live_ledger_workers_first(
    house: House, redis: Redis
) -> None:
    key = Fernet.generate_key().decode()
    house.handlers(
        '@on("lock.*", attempts=1)\ndef fails(event):\n'
        "    ran(event.event_id)\n    raise OSError(event.code[::-1])\n"
    )
    parts = [house.start("receiver"), house.start("worker")]
    house.await_ready()
    assert house.post(event_id="e1", code="90817263").status_code == 202
    house.await_lines(1)

    end(parts.pop())
    house.environment["BELLHOP_ENCRYPTION_KEYS"] = key
    refused = house.run("worker")
    assert refused.returncode == 1
    assert "add the word plaintext behind them" in refused.stderr

    house.environment["BELLHOP_ENCRYPTION_KEYS"] = f"{key} plaintext"
    parts.append(house.start("worker"))
    assert house.post(event_id="e2", code="90817263").status_code == 202  # by the old receiver
    house.await_lines(2)
    end(parts.pop(0))
    parts.append(house.start("receiver"))
    house.await_ready()
    done = house.run("encrypt")
    assert (done.returncode, "0 could not be read" in done.stdout) == (0, True)

    house.environment["BELLHOP_ENCRYPTION_KEYS"] = key
    end(*parts)
    house.start("receiver")
    house.start("worker")
    house.await_ready()
    assert house.post(event_id="e3", code="90817263").status_code == 202
    house.await_lines(3)
    assert house.lines() == ["e1", "e2", "e3"]
    eventually(lambda: len(list(DeadLetters(redis))) == 3, "all are dead letters")
    stored = str([redis.dump(name) for name in redis.scan_iter("*")])
    assert "90817263" not in stored
    assert "36271809" not in stored


def end(*parts: subprocess.Popen[str]) -> None:
    for part in parts:
        part.terminate()
    for part in parts:
        part.wait(30)
