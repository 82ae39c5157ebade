"""Events under which a worker dies: three deaths are enough, and nobody else waits for long."""

import json
import os
import signal
import time

import pytest
from redis import Redis

from bellhop.ledger import keys
from tests.slack import slack
from tests.system.conftest import House, eventually

DEATHS = {
    "a segmentation fault": "ctypes.string_at(0)",
    "an exit": "os._exit(0)",
    "a kill": "os.kill(os.getpid(), signal.SIGKILL)",
    "no memory": (
        "resource.setrlimit(resource.RLIMIT_AS, (1, -1))\n"
        "        while True: hoard.append(bytearray(500))"
    ),
}
ALWAYS = ("a kill", "no memory")
"""Deaths that `make test` goes through; `make soak` goes through the others."""

ATTEMPTS = 3
"""With no memory there is sometimes just enough left to write down that the handler failed."""


@pytest.mark.parametrize(
    ("death", "workers"),
    [
        *(
            pytest.param(death, 2, marks=() if death in ALWAYS else pytest.mark.long)
            for death in DEATHS
        ),
        pytest.param("an exit", 1, marks=pytest.mark.long),
    ],
)
def test_an_event_that_kills_its_workers_becomes_a_dead_letter_within_seconds(
    house: House, redis: Redis, death: str, workers: int
) -> None:
    house.handlers(
        "import ctypes, resource\n"
        "hoard = []\n"
        f'@on("lock.*", name="deadly", attempts={ATTEMPTS}, backoff=[0.1])\n'
        "def deadly(event):\n"
        "    ran('deadly', event.event_id)\n"
        "    if event.event_id == 'poison':\n"
        f"        {DEATHS[death]}\n"
        '@on("lock.*", name="harmless")\n'
        "def harmless(event): ran('harmless', event.event_id, time.time())\n"
    )
    house.start("receiver")
    house.start("worker", "-n", str(workers))
    house.await_ready()
    eventually(lambda: house.output().count("worker ready") == workers, "all are ready")

    began, within = time.time(), 60 if death == "no memory" else 15 + slack()
    for event_id in ("poison", "behind"):
        house.post(event_id=event_id, device_id="front")
    for number in range(3):
        house.post(event_id=f"other{number}", device_id=f"back{number}")
    house.await_lines(1)

    def states() -> list[object]:
        ids = ("poison", "behind", "other0", "other1", "other2")
        return [redis.hget(keys.event(one), "state") for one in ids]

    eventually(
        lambda: states() == [b"dead", *[b"done"] * 4],
        "it is a dead letter, and all others are handled",
        within=within,
        shown=lambda: f"{states()}\n{house.lines()}\n{house.output()}",
    )

    record = json.loads(redis.hget(keys.event("poison"), "h:deadly") or "")
    failed = sum(error.startswith("MemoryError") for *_, error in record["attempts"])
    assert record["error"].startswith("worker died") or failed == ATTEMPTS
    assert failed == 0 or death == "no memory"
    assert redis.zrange(keys.DEAD, 0, -1) == [b"poison deadly"]
    lines = [line.split() for line in house.lines()]
    # The first death, with other mail in hand, does not tell what it died of.
    runs = [line[:2] for line in lines].count(["deadly", "poison"])
    assert 3 <= runs <= (12 if death == "no memory" else 4)
    handled = {line[1]: float(line[2]) for line in lines if line[0] == "harmless"}
    assert handled.keys() == {"poison", "behind", "other0", "other1", "other2"}
    assert max(handled.values()) - began < within


def test_mail_of_a_worker_that_is_killed_is_free_within_seconds(house: House) -> None:
    house.handlers(
        '@on("lock.*")\n'
        "def handle(event):\n"
        "    ran(event.event_id, os.getpid())\n"
        "    if len(open('ran').readlines()) == 1: time.sleep(25)\n"
    )
    house.start("receiver")
    house.start("worker", "-n", "2")
    house.await_ready()
    house.post(event_id="hangs")
    house.await_lines(1)

    os.kill(int(house.lines()[0].split()[1]), signal.SIGKILL)
    eventually(
        lambda: len(house.lines()) == 2, "another has it", within=8 + slack(), shown=house.output
    )
