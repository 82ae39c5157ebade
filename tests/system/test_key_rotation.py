"""Keys rotated in the wrong order: the workers say so and end, and every event waits for them."""

import os

from cryptography.fernet import Fernet
from redis import Redis

from bellhop.ledger import DeadLetters
from tests.system.conftest import House


def test_a_worker_without_the_new_key_ends_and_the_next_one_handles_the_events(
    house: House, redis: Redis
) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    house.handlers('@on("lock.*")\ndef note(event): ran(event.event_id)\n')
    house.environment["BELLHOP_ENCRYPTION_KEYS"] = old
    worker = house.start("worker")
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
