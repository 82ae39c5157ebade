"""Faults of the ledger that no script ought to leave: the foreman mends each, and says so."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bellhop.connections import connect
from bellhop.ledger import (
    Arrival,
    ClaimLimit,
    GiveBack,
    HandlerSet,
    Ledger,
    Repair,
    Result,
    Subscription,
    keys,
)
from bellhop.ledger.repairs import read_repairs
from tests.bellhop.ledger.site import ALL, BOX, DEAD, RETRYING, Site

FAULTS: dict[str, tuple[Callable[[Any], object], set[str]]] = {
    "a mailbox is on no list": (lambda redis: redis.delete(keys.ready("first")), {"lost"}),
    "a mailbox is on its list twice": (
        lambda redis: redis.rpush(keys.ready("first"), BOX, BOX),
        {"twice"},
    ),
    "a mailbox without mail is on a list": (
        lambda redis: redis.rpush(keys.ready("first"), "device:none"),
        {"empty"},
    ),
    "an event is in no mailbox": (
        lambda redis: redis.lrem(keys.mail("first", BOX), 1, "e2"),
        {"entry"},
    ),
    "a mailbox is gone": (lambda redis: redis.delete(keys.mail("first", BOX)), {"entry"}),
    "a mailbox is gone, and its place on the list": (
        lambda redis: redis.delete(keys.mail("first", BOX), keys.ready("first")),
        {"entry", "lost"},
    ),
    "a mailbox is a string": (
        lambda redis: redis.set(keys.mail("first", BOX), "somebody's"),
        {"type", "entry"},
    ),
    "a list is a string": (
        lambda redis: redis.set(keys.ready("first"), "somebody's"),
        {"type", "lost"},
    ),
    "no worker is known to live": (lambda redis: redis.delete(keys.ALIVE), {"alive"}),
    "nobody holds what counts as at work": (
        lambda redis: redis.sadd(keys.PREFIX + "working:limited", "device:none", BOX),
        {"working"},
    ),
    "an event is open for more handlers than it has": (
        lambda redis: redis.hset(keys.event("e1"), "open", 7),
        {"count"},
    ),
    "an event is open for no handler": (
        lambda redis: redis.hset(keys.event("e1"), mapping={"open": 0, "dead": 1}),
        {"count"},
    ),
    "a live handler is not subscribed": (
        lambda redis: redis.hdel(keys.SUBSCRIPTIONS, "first"),
        {"subscription"},
    ),
    "all subscriptions are gone": (
        lambda redis: redis.delete(keys.SUBSCRIPTIONS, keys.SEEN),
        {"subscription"},
    ),
    "what counts as replayed waits nowhere": (
        lambda redis: redis.sadd(keys.PREFIX + "replaying", "e9 first", "nonsense"),
        {"replaying"},
    ),
}


"""What is wrong while e1 and e2 wait for both handlers, and the kinds of repair that mend it."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_mended_and_told_once(site: Site, fault: str) -> None:
    do, kinds = FAULTS[fault]
    site.deliver("e1", "e2")
    do(site.redis)

    repairs = site.repair()

    assert {one.kind for one in repairs} == kinds
    assert site.repair() == []
    assert read_repairs(site.redis).counts.keys() == kinds
    assert site.boxes() == ALL
    assert all(b"h:first" in site.redis.hgetall(keys.event(one)) for one in ("e1", "e2"))


def test_what_is_at_work_of_many_limited_handlers_is_not_asked_for_each_time(
    ledger: Ledger,
) -> None:
    names = [f"limited{number}" for number in range(20)]
    handlers = HandlerSet([Subscription(name, ["*"], 100) for name in names])
    now = 1_796_000_000_000
    ledger.subscribe("w", handlers, now_ms=now)
    ledger.accept(
        [
            Arrival(f"m{number}", f"e{number}", "lock.unlocked", f"device:{number}", b"{}")
            for number in range(50)
        ],
        now_ms=now,
    )
    ledger.claim("w", handlers, [ClaimLimit(name, 100, 100) for name in names], now_ms=now)
    redis: Any = ledger.redis
    assert len(redis.hkeys(keys.held("w"))) == 100
    redis.sadd(keys.PREFIX + "working:limited7", "device:none")
    redis.delete(keys.LOG)  # what is asked for of events is not counted here
    redis.config_resetstat()

    found = [ledger.repair(now_ms=now + 1_000 * turn).repairs for turn in range(1, 21)]
    assert [one.where for repairs in found for one in repairs] == ["limited7 device:none"]
    assert redis.info("commandstats")["cmdstat_hget"]["calls"] < 1_000


def test_a_worker_that_is_gone_is_forgotten_though_nobody_knew_that_it_had_lived(
    site: Site,
) -> None:
    site.redis.delete(keys.ALIVE)
    site.repair()
    for _ in range(31):
        site.now += 1_000
        site.ledger.sweep(queues="rq:queue:bellhop:", now_ms=site.now)
    assert site.redis.exists(keys.WORKERS, keys.SETS) == 0


def test_where_nothing_is_wrong_nothing_is_repaired(site: Site) -> None:
    site.deliver("e1", "e2", "e3")
    assert site.repair() == []
    site.claim(share=2)
    assert site.repair() == []
    site.settle("first", Result.RETRY, "e1", record=RETRYING, delay_ms=60_000)
    assert site.repair() == []
    site.claim(share=1)
    site.settle("first", Result.DEAD, "e2", record=DEAD)
    site.settle("limited", Result.PARK, "e1", record=RETRYING, give_back=GiveBack.PARK)
    assert site.repair() == []
    assert site.redis.exists(keys.REPAIRED) == 0


def test_a_suspect_on_both_lists_stays_a_suspect(site: Site) -> None:
    site.deliver("e1")
    site.redis.rpush(keys.suspects("first"), BOX)

    assert site.repair() == [Repair("twice", f"first {BOX}")]
    assert site.redis.lrange(keys.suspects("first"), 0, -1) == [BOX.encode()]
    assert site.redis.exists(keys.ready("first")) == 0


def test_a_mailbox_that_is_held_is_on_no_list(site: Site) -> None:
    site.deliver("e1")
    site.claim()
    site.redis.rpush(keys.ready("first"), BOX)
    site.redis.zadd(keys.DUE, {f" limited {BOX}": 10**14})

    assert {one.kind for one in site.repair()} == {"twice"}
    assert site.redis.exists(keys.ready("first"), keys.DUE) == 0


def test_a_mailbox_that_is_parked_is_on_no_list(site: Site) -> None:
    site.deliver("e1")
    site.claim()
    site.settle("first", Result.PARK, "e1", record=RETRYING, give_back=GiveBack.PARK)
    site.redis.rpush(keys.ready("first"), BOX)

    assert [one.kind for one in site.repair()] == ["twice"]
    assert site.redis.zscore(keys.DUE, f" first {BOX}") is not None


def test_a_retry_that_is_due_nowhere_goes_into_its_mailbox(site: Site) -> None:
    site.deliver("e1")
    site.claim()
    site.settle("first", Result.RETRY, "e1", record=RETRYING, delay_ms=60_000)
    site.redis.delete(keys.DUE)

    assert site.repair() == [Repair("entry", "e1 first"), Repair("lost", f"first {BOX}")]
    assert site.redis.lrange(keys.mail("first", BOX), 0, -1) == [b"e1"]


def test_a_dead_letter_that_is_in_no_list_is_in_it_again(site: Site) -> None:
    site.deliver("e1")
    site.claim()
    site.settle("first", Result.DEAD, "e1", record=DEAD)
    site.redis.delete(keys.DEAD)

    assert site.repair() == [Repair("letter", "e1 first")]
    assert site.redis.zrange(keys.DEAD, 0, -1) == [b"e1 first"]


def test_who_holds_mail_without_a_lease_has_one_and_loses_it_if_nobody_speaks_for_it(
    site: Site,
) -> None:
    site.deliver("e1", "e2")
    site.claim()
    site.redis.delete(keys.LEASES)

    assert [one.kind for one in site.repair()] == ["lease"]
    freed: list[str] = []
    for _ in range(25):
        site.now += 1_000
        freed += site.ledger.sweep(queues="rq:queue:bellhop:", now_ms=site.now).freed
    assert freed == ["w"]


def test_a_worker_does_not_keep_what_is_not_its_to_hold(site: Site) -> None:
    site.redis.hset(keys.held("w"), mapping={"unknown device:front": 1, "nonsense": 1})
    site.redis.rpush(keys.mail("unknown", BOX), "e1")

    assert {one.kind for one in site.repair()} >= {"held"}
    assert site.redis.exists(keys.held("w")) == 0
    assert site.redis.lrange(keys.ready("unknown"), 0, -1) == [BOX.encode()]


@pytest.mark.parametrize("lost", ["set", "sets", "no json"])
def test_a_set_that_cannot_be_read_has_a_worker_called_that_tells_it_again(
    site: Site, lost: str
) -> None:
    name = keys.PREFIX + f"set:{site.handlers.fingerprint}"
    if lost == "no json":
        site.redis.set(name, "no json")
    else:
        site.redis.delete(keys.SETS if lost == "sets" else name)
    site.now += 1_000

    assert site.ledger.repair(now_ms=site.now).wake == (site.handlers.fingerprint,)
    limits = [ClaimLimit("first", 1, 1)]
    assert not site.ledger.claim("w", site.handlers, limits, now_ms=site.now).known
    site.ledger.subscribe("w", site.handlers, now_ms=site.now)
    assert site.repair() == []
    site.deliver("e1", "e2")
    assert site.boxes() == ALL


def test_the_set_of_a_worker_without_handlers_is_no_fault(ledger: Ledger) -> None:
    ledger.subscribe("w", HandlerSet([]))

    repaired = ledger.repair()

    assert repaired.repairs == ()
    assert repaired.wake == ()
    assert ledger.redis.hlen(keys.SETS) == 1


def test_an_event_that_was_given_to_nobody_is_given_to_its_handlers(ledger: Ledger) -> None:
    ledger.accept([Arrival("m1", "e1", "lock.unlocked", BOX, b"{}")])
    ledger.redis.delete(keys.UNROUTED)
    site = Site(ledger)

    assert site.repair() == [Repair("unrouted", "e1")]
    assert site.boxes() == {"first": ["e1"], "limited": ["e1"]}


def test_mail_of_a_handler_that_nobody_knows_is_abandoned_in_the_end(site: Site) -> None:
    site.redis.hset(keys.PREFIX + "routes", "lock.unlocked", "stranger first")
    site.deliver("e1")
    site.repair()

    assert site.redis.hexists(keys.SUBSCRIPTIONS, "stranger")
    for _ in range(2):
        site.now += 25 * 3600 * 1000
        site.ledger.sweep(queues="rq:queue:bellhop:", alive=["w"], now_ms=site.now)
    assert site.redis.exists(keys.mail("stranger", BOX)) == 0
    assert b"abandoned" in site.ledger.event("e1")["h:stranger"]


def test_a_long_log_is_walked_to_its_end_and_from_its_beginning_again(site: Site) -> None:
    for number in range(0, 1_200, 100):
        site.deliver(*(f"e{number + i}" for i in range(100)), mailbox=f"device:{number}")
    for times in range(2):
        site.redis.lrem(keys.mail("first", "device:0"), 1, f"e{times}")
        site.redis.lrem(keys.mail("first", "device:1100"), 1, f"e{1_100 + times}")
        assert {one.where for one in site.repair(times=24)} == {
            f"e{times} first",
            f"e{1_100 + times} first",
        }


def test_many_foremen_look_no_more_often_than_a_few_times_a_second(site: Site) -> None:
    site.repair(times=1)
    site.redis.rpush(keys.ready("first"), "device:none")

    site.now += 100
    assert site.ledger.repair(now_ms=site.now).repairs == ()
    site.now += 200
    assert site.ledger.repair(now_ms=site.now).repairs == (Repair("empty", "first device:none"),)


def test_what_was_under_our_name_is_kept_for_two_weeks(site: Site) -> None:
    site.redis.set(keys.DUE, "somebody's")
    [repair] = site.repair()

    assert repair.sentence == "a key of another type was put aside"
    assert repair.fields == {"key": "due"}
    assert site.redis.get(keys.PREFIX + "broken:due") == b"somebody's"
    assert site.redis.ttl(keys.PREFIX + "broken:due") == pytest.approx(14 * 24 * 3600, abs=60)


def test_a_user_that_may_not_rename_deletes_what_is_not_ours(site: Site, redis_url: str) -> None:
    site.redis.acl_setuser(
        "plain", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-rename"]
    )
    site.redis.set(keys.DUE, "somebody's")
    try:
        with connect(redis_url) as client:
            client.execute_command("AUTH", "plain", "any")
            repairs = Ledger(client, timedelta(days=14)).repair(now_ms=site.now + 1_000).repairs
    finally:
        site.redis.acl_deluser("plain")

    assert repairs == (Repair("type", "due"),)
    assert site.redis.exists(keys.DUE, keys.PREFIX + "broken:due") == 0
