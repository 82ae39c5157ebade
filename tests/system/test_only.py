"""`bellhop worker --only`: pools that take some of the handlers, each on a machine of its kind."""

import json
import os
import signal
from typing import Any

from tests.system.conftest import House, descendants, eventually
from tests.system.test_handlers_apart import post

HANDLERS = """
@lifespan
def pool(): yield os.getppid()

@on("lock.*", name="crm.bill")
def bill(event, context): ran("crm.bill", event.event_id, os.getppid(), context.state)

@on("lock.*", name="crm.tell")
async def tell(event, context): ran("crm.tell", event.event_id, os.getppid(), context.state)

@on("lock.*", name="audit")
def audit(event, context): ran("audit", event.event_id, os.getppid(), context.state)
"""


def test_each_of_two_pools_runs_the_handlers_that_it_takes_and_no_others(house: House) -> None:
    house.handlers(HANDLERS)
    house.start("receiver")
    crm = house.start("worker", "-n", "2", "--only", "crm*")
    rest = house.start("worker", "--only", "audit", "--only", "aud*")
    house.await_ready()
    eventually(lambda: house.output().count("worker ready") == 3, "they are ready")
    events = [post(house) for _ in range(20)]
    house.await_lines(60)

    # One that is killed is replaced by one that takes the same.
    os.kill(descendants(crm.pid)[0], signal.SIGKILL)
    eventually(lambda: house.output().count("worker ready") == 4, "one is replaced")
    events += [post(house) for _ in range(20)]
    house.await_lines(120)
    pools = {"crm.bill": crm.pid, "crm.tell": crm.pid, "audit": rest.pid}
    assert sorted(house.lines()) == sorted(
        f"{name} {event_id} {pool} {pool}" for name, pool in pools.items() for event_id in events
    )

    # That they differ on purpose is nothing to warn of; that one is missing is.
    assert state_of(house, "deploy")["state"] == state_of(house, "subscriptions")["state"] == "ok"
    rest.terminate()
    assert rest.wait(30) == 0
    without = state_of(house, "subscriptions")
    assert without["state"] == "warning"
    assert [one["handler"] for one in without["handlers"]] == ["audit"]


def test_what_comes_before_a_pool_has_started_waits_for_it(house: House) -> None:
    """Both before any had, and before that of its handlers had; the doctor says what waits."""
    house.handlers(HANDLERS)
    house.start("receiver")
    house.await_ready()
    events = [post(house) for _ in range(5)]
    house.start("worker", "--only", "crm.tell")
    eventually(lambda: "worker ready" in house.output(), "it is ready")
    events += [post(house) for _ in range(5)]
    house.await_lines(10)
    without = state_of(house, "subscriptions")
    assert (without["state"], without["count"]) == ("warning", 2)
    assert {one["handler"] for one in without["handlers"]} == {"crm.bill", "audit"}

    house.start("worker", "--only", "crm.bill", "--only", "audit")
    house.await_lines(30)
    ran = sorted(" ".join(line.split()[:2]) for line in house.lines())
    assert ran == sorted(
        f"{name} {one}" for name in ("crm.tell", "crm.bill", "audit") for one in events
    )


def test_a_pattern_that_fits_no_handler_is_told_with_those_that_there_are(house: House) -> None:
    house.handlers(HANDLERS)
    refused = house.run("worker", "-n", "2", "--only", "audit", "--only", "crm")
    assert refused.returncode == 2
    message = (
        "--only: no handler's name fits 'crm'; did you mean crm.*? "
        "there are crm.bill, crm.tell, audit"
    )
    assert (refused.stdout + refused.stderr).count(message) == 1


def state_of(house: House, check: str) -> dict[str, Any]:
    """Return what the doctor says of one thing."""
    rows = map(json.loads, house.run("doctor", "--json").stdout.splitlines())
    [row] = [row for row in rows if row["check"] == check]
    return dict(row)
