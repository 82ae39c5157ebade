"""Programs that run while the ledger becomes one of another version end, and stay away."""

import os

from redis import Redis

from bellhop.ledger import keys
from tests.system.conftest import House, eventually


def test_receiver_and_workers_end_when_the_ledger_is_of_a_newer_version(
    house: House, redis: Redis
) -> None:
    house.handlers('@on("lock.*")\ndef handle(event): ran(event.event_id)\n')
    receiver = house.start("receiver", "--processes", "2")
    worker = house.start("worker")
    house.await_ready()
    house.post(event_id="before")
    house.await_lines(1)
    redis.set(keys.VERSION, 9)
    written = redis.hlen(keys.SUBSCRIPTIONS), redis.xlen(keys.LOG)

    eventually(lambda: worker.poll() == os.EX_CONFIG, "the workers end", shown=house.output)
    assert house.post(event_id="after").status_code == 503
    eventually(lambda: receiver.poll() == os.EX_CONFIG, "the receiver ends", shown=house.output)

    assert (redis.hlen(keys.SUBSCRIPTIONS), redis.xlen(keys.LOG)) == written
    assert "understands no version above 2" in house.output()
    assert house.run("worker").returncode == os.EX_CONFIG
