"""Names that are no UTF-8, which somebody else wrote, keep no command from its work."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from bellhop.connections import connect_async
from bellhop.ledger import AsyncLedger, Ledger, handler_sets, keys
from bellhop.queue import queue_keys, stray_queues
from tests.bellhop.cli.conftest import Run
from tests.bellhop.cli.test_handlers import Deploy, accept, audit, gone, mail, names

FOREIGN = b"\xff\xfe"


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    """Three events wait for a handler, and all lists of names have a foreign one."""
    gone(ledger)
    redis: Any = ledger.redis
    redis.hset(keys.SUBSCRIPTIONS, FOREIGN, "{}")
    redis.hset(keys.WORKERS, mapping={FOREIGN: "set", "ghost": FOREIGN})
    redis.hset(keys.SETS, mapping={FOREIGN: "x", "set": FOREIGN})
    redis.hset(keys.held("ghost"), FOREIGN, 1)
    redis.sadd(keys.PAUSED, FOREIGN)
    redis.zadd(keys.SEEN, {FOREIGN: 1})
    redis.zadd(keys.LEASES, {FOREIGN: 10**14, "ghost": 10**14})
    redis.zadd(keys.ALIVE, {FOREIGN: 10**14, "ghost": 10**14})
    redis.zadd(keys.DUE, {FOREIGN: 10**14, b"e9 doors.audit " + FOREIGN: 10**14})
    redis.rpush(keys.ready("doors.audit"), FOREIGN)
    redis.lpush(keys.UNROUTED, FOREIGN)
    redis.set(keys.SWEPT, "x")
    return ledger


def test_handlers_are_listed_paused_and_moved_all_the_same(run: Run, ledger: Ledger) -> None:
    assert names(ledger) == {"doors.audit"}
    paused = run("handlers", "pause", "doors.audit", "--yes")
    assert paused.exit_code == 0, paused.output
    assert "2 events in 2 mailboxes and 1 retry wait" in paused.stdout

    ledger.redis.delete(keys.held("ghost"))
    moved = run("handlers", "move", "doors.audit", "new", "--yes")
    assert moved.exit_code == 0, moved.output
    assert mail(ledger, "new") == ["e2"]


def test_the_doctor_examines_what_it_can_read(run: Run, ledger: Ledger) -> None:
    checks = [json.loads(line) for line in run("doctor", "--json").stdout.splitlines()]
    assert {"workers", "mail"} <= {one["check"] for one in checks}


def test_rqs_queues_of_others_may_have_any_name(ledger: Ledger) -> None:
    ledger.redis.sadd("rq:queues", FOREIGN, f"{queue_keys()}stray")
    assert stray_queues(ledger.redis) == ["stray"]


def test_whoever_puts_shifts_into_queues_knows_the_sets_that_have_names(
    ledger: Ledger, redis_url: str
) -> None:
    deploy = Deploy(ledger, audit())
    accept(ledger, "e4")

    async def ask() -> tuple[str, ...]:
        async with connect_async(redis_url) as redis:
            return await AsyncLedger(redis, timedelta(days=1)).handler_sets()

    expected = {"set", deploy.handlers.fingerprint}
    assert set(handler_sets(ledger.redis)) == set(asyncio.run(ask())) == expected
