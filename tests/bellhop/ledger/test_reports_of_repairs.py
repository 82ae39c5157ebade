"""Repairs of the ledger are told of: by the foreman, once, and by the doctor, for a day."""

from datetime import UTC, datetime, timedelta

from structlog.testing import capture_logs

from bellhop.finding import Level
from bellhop.ledger import (
    keys,
)
from bellhop.ledger.repairs import read_repairs
from bellhop.ledger_checks import judge_repairs
from bellhop_workers.foreman import Foreman
from tests.bellhop.ledger.site import BOX, Site


def test_the_foreman_tells_of_each_repair_once(site: Site) -> None:
    site.deliver("e1")
    site.redis.delete(keys.ready("first"))
    foreman = Foreman(site.ledger)

    with capture_logs() as logs:
        foreman.sweep()
        site.redis.hdel(keys.PREFIX + "repair", "at")  # as if a second had passed
        foreman.sweep()

    assert logs == [
        {
            "event": "a mailbox with mail was on no list; it is again",
            "log_level": "warning",
            "handler": "first",
            "mailbox": BOX,
        }
    ]


def test_of_many_repairs_at_once_the_foreman_tells_the_first_and_counts_the_others(
    site: Site,
) -> None:
    site.redis.rpush(keys.ready("limited"), *(f"device:{number}" for number in range(30)))
    site.redis.hset(keys.PREFIX + "repair", "turn", 100)

    with capture_logs() as logs:
        Foreman(site.ledger).sweep()

    assert len(logs) == 21
    assert logs[-1] == {
        "event": "more was repaired in the ledger",
        "log_level": "warning",
        "others": 10,
    }


def test_the_doctor_warns_of_repairs_for_a_day(site: Site) -> None:
    assert judge_repairs(read_repairs(site.redis), datetime.now(UTC)).level is Level.OK
    site.redis.delete(keys.SUBSCRIPTIONS)
    site.redis.rpush(keys.ready("first"), "device:none", "device:nowhere")
    site.repair()

    repairs = read_repairs(site.redis)
    assert repairs.last_at is not None
    found = judge_repairs(repairs, repairs.last_at + timedelta(minutes=5))
    assert found.level is Level.WARNING
    assert "4 (empty 2, subscription 2), the last 5 min ago" in found.text
    assert judge_repairs(repairs, repairs.last_at + timedelta(days=2)).level is Level.OK
