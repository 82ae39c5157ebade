"""A program writes into no ledger of another version, and an older one is brought up to date."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import timedelta
from itertools import count, islice
from typing import Any

import pytest
from redis import Redis

from bellhop.errors import WrongVersion
from bellhop.ledger import (
    VERSION,
    Arrival,
    ClaimLimit,
    HandlerSet,
    Ledger,
    Record,
    Replay,
    Resolution,
    Subscription,
    keys,
    read_version,
    require_version,
)
from bellhop.ledger.upgrading import STEPS, Step, StillAtWork, planned, require_idle, upgrade
from bellhop.vault import NO_KEYS, PLAINTEXT, Kind, Sealed, Vault
from tests.bellhop.ledger import old_layout

RETENTION = timedelta(days=14)
HANDLERS = HandlerSet([Subscription(name, ["lock.*"]) for name in ("bell", "quick", "strict")])
ARRIVAL = Arrival("m1", "new", "lock.unlocked", "device:front", b"{}")


def dump(redis: Redis) -> dict[bytes, Any]:
    """Return all that is stored, but for when a sweep or a subscription was."""
    names: Any = redis.keys("*")
    return {name: redis.dump(name) for name in sorted(names)}


def test_a_ledger_that_holds_nothing_gets_our_version_with_the_first_write(ledger: Ledger) -> None:
    require_version(ledger.redis)
    assert read_version(ledger.redis) is None
    ledger.accept([ARRIVAL])
    assert ledger.redis.get(keys.VERSION) == str(VERSION).encode()


def test_one_that_lost_its_version_but_is_ours_gets_it_back(ledger: Ledger) -> None:
    ledger.accept([ARRIVAL])
    ledger.subscribe("w", HANDLERS)
    ledger.redis.delete(keys.VERSION)

    require_version(ledger.redis)
    ledger.accept([ARRIVAL])
    assert read_version(ledger.redis) == VERSION


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1])
def test_no_script_touches_a_ledger_of_another_version(ledger: Ledger, version: int) -> None:
    ledger.accept([ARRIVAL])
    ledger.redis.set(keys.VERSION, version)
    before = dump(ledger.redis)

    for call in (
        lambda: ledger.accept([ARRIVAL._replace(delivery_id="m2", event_id="other")]),
        lambda: ledger.subscribe("w", HANDLERS),
        lambda: ledger.claim("w", HANDLERS, [ClaimLimit("bell", 1, 1)]),
        lambda: ledger.settle("w", HANDLERS, 1, []),
        lambda: ledger.ask_to_settle("w", HANDLERS, 1, []).answer(),
        lambda: ledger.idle("w", HANDLERS, timedelta(seconds=30)),
        lambda: ledger.sweep(queues="rq:queue:bellhop:"),
        lambda: ledger.repair(),
        lambda: ledger.index(),
        lambda: ledger.fetch(timedelta(seconds=30)),
        lambda: ledger.replay([Replay("new", "bell", "", "{}")]),
        lambda: ledger.resolve([Resolution("drop", "new", "bell", "{}")]),
        lambda: require_version(ledger.redis),
    ):
        with pytest.raises(WrongVersion) as raised:
            call()
        assert raised.value.found == version

    assert dump(ledger.redis) == before


def test_who_finds_a_newer_one_is_told_what_it_needs() -> None:
    assert str(WrongVersion(7, 2)) == (
        "the ledger in this Redis cannot be used: a newer Bellhop wrote it (version 7). Upgrade "
        "this one: it understands no version above 2, and has written nothing"
    )
    assert "call `bellhop upgrade` once" in str(WrongVersion(1, 2))


@pytest.fixture
def old(redis: Redis) -> Redis:
    """A ledger of version 1."""
    old_layout.write(redis)
    return redis


def test_a_ledger_without_a_version_is_of_the_first(old: Redis) -> None:
    before = dump(old)
    assert read_version(old) == 1
    with pytest.raises(WrongVersion, match="is of version 1"):
        Ledger(old, RETENTION).accept([ARRIVAL])
    assert dump(old) == before


def test_what_waits_in_the_first_layout_waits_in_the_second(old: Redis) -> None:
    assert list(upgrade(old, RETENTION, planned(old))) == [2]

    ledger = Ledger(old, RETENTION)
    assert old.lrange(keys.UNROUTED, 0, -1) == [b"e1", b"e3", b"e2", b"e4", b"e11"]
    assert old.zrange(keys.DUE, 0, -1, withscores=True) == [
        (b"e4 bell device:held", old_layout.NOW + 60_000),
        (b"e5 bell device:front", old_layout.NOW + 70_000),
        (b" strict device:order", old_layout.NOW + 80_000),
    ]
    assert old.lrange(keys.mail("strict", "device:order"), 0, -1) == [b"e6", b"e7", b"e8"]
    assert old.lrange(keys.mail("bell", "device:front"), 0, -1) == [b"e9"]
    assert old.zrange(keys.DEAD, 0, -1) == [b"e10 bell"]
    assert old.zrange(keys.PREFIX + "retrying:bell device:front", 0, -1) == [b"e5", b"e9"]

    ledger.subscribe("w", HANDLERS)
    limits = [ClaimLimit(name, 9, 99, 9) for name in ("bell", "quick", "strict")]
    got = {
        (one.handler, one.mailbox): [entry.event.event_id for entry in one.entries]
        for one in ledger.claim("w", HANDLERS, limits).mail
    }
    assert got == {
        ("bell", "device:front"): ["e9", "e1", "e2", "e11"],
        ("bell", "device:back"): ["e3"],
        ("quick", "device:front"): ["e1", "e2", "e11"],
        ("quick", "device:back"): ["e3"],
        ("strict", "device:front"): ["e1", "e2", "e11"],
        ("strict", "device:back"): ["e3"],
        ("strict", "device:held"): ["e4"],
    }
    assert ledger.event("e4")["h:quick"] == old_layout.DONE.encode()
    assert ledger.event("e4")["open"] == b"2"
    assert ledger.event("e12")["state"] == b"done"
    assert old.pttl(keys.event("e12")) > 0


def test_nothing_of_the_old_layout_is_left_and_nothing_is_to_be_repaired(old: Redis) -> None:
    list(upgrade(old, RETENTION, planned(old)))

    ledger = Ledger(old, RETENTION)
    ledger.subscribe("w", HANDLERS)
    for now in range(0, 10_000, 1_000):
        assert ledger.repair(now_ms=old_layout.NOW + now).repairs == ()
    names: Any = old.keys("*")
    kinds = {name.decode().removeprefix(keys.PREFIX).partition(":")[0] for name in names}
    gone = {
        "ready", "careful", "doubts", "company", "shifts", "held", "settled", "waiting", "resting",
        "bell", "open", "unfinished", "behind", "upgrading",
    }  # fmt: skip
    assert kinds & gone == {"ready", "waiting"}
    assert old.exists(keys.PREFIX + "ready", keys.PREFIX + "waiting") == 0  # they have names now
    assert len(list(Record(old).page(_everything(), limit=50).events)) == 12


def test_an_upgrade_that_was_stopped_is_gone_on_with(old: Redis) -> None:
    list(upgrade(old, RETENTION, planned(old)))
    whole = dump(old)

    for pieces in count(1):
        old.flushall()
        old_layout.write(old)
        old.set(keys.VERSION, 1)
        done = len(list(islice(STEPS[1].run(old, RETENTION, NO_KEYS), pieces)))
        assert read_version(old) == 1
        list(upgrade(old, RETENTION, planned(old)))
        found = dump(old)
        assert found.keys() == whole.keys()
        times = {keys.SUBSCRIPTIONS.encode(), keys.SEEN.encode()}
        assert {name for name in found if found[name] != whole[name]} <= times
        if done < pieces:
            break
    assert pieces > 4


def test_several_steps_are_taken_one_after_the_other(ledger: Ledger) -> None:
    redis = ledger.redis
    taken = []

    def step(name: str) -> Step:
        def run(redis: Redis, retention: timedelta, vault: Vault) -> Iterator[None]:
            taken.append((name, read_version(redis)))
            yield

        return Step(name, run)

    steps = {version: step(f"from {version}") for version in (2, 3, 4)}
    redis.set(keys.VERSION, 3)

    assert list(upgrade(redis, RETENTION, planned(redis, steps, 5))) == [4, 5]
    assert taken == [("from 3", 3), ("from 4", 4)]
    assert read_version(redis) == 5
    assert planned(redis, steps, 5) == {}
    with pytest.raises(WrongVersion):
        planned(redis, steps, 4)


def test_there_is_a_step_from_each_version() -> None:
    assert list(STEPS) == list(range(1, VERSION))


def test_it_is_refused_while_somebody_works(old: Redis) -> None:
    require_idle(old)
    seconds, _ = old.time()
    old.set(keys.SWEPT, seconds * 1000 - 2_000)
    with pytest.raises(StillAtWork, match="a foreman was at work"):
        require_idle(old)
    old.zadd(keys.ALIVE, {"w": seconds * 1000})
    with pytest.raises(StillAtWork, match="1 alive"):
        require_idle(old)
    old.delete(keys.ALIVE)
    old.set(keys.SWEPT, seconds * 1000 - 10_000)
    require_idle(old)


def _everything() -> Any:
    from bellhop.ledger import Query

    return Query()


OTHER_KEY = urlsafe_b64encode(b"o" * 32).decode()


@pytest.fixture
def encrypted(old: Redis) -> Redis:
    """A ledger of version 1 whose programs had `old_layout.KEY`."""
    old_layout.encrypt(old)
    return old


@pytest.mark.parametrize("first", [[], [OTHER_KEY]], ids=["same key", "new key in front"])
def test_what_the_first_layout_encrypted_is_read_in_the_second(
    encrypted: Redis, first: list[str]
) -> None:
    every = Vault([*first, old_layout.KEY, PLAINTEXT], opens_earlier=True)
    assert list(upgrade(encrypted, RETENTION, planned(encrypted), every)) == [2]

    vault = Vault([*first, old_layout.KEY][:1])  # the first is all that it takes from now on
    ledger = Ledger(encrypted, RETENTION, vault)
    ledger.check_vault()
    ledger.subscribe("w", HANDLERS)
    claimed = ledger.claim("w", HANDLERS, [ClaimLimit("quick", 9, 99, 9)])
    entries = [entry.event for mail in claimed.mail for entry in mail.entries]
    assert [one.event_id for one in entries] == ["e1", "e2", "e11", "e3"]
    for one in entries:
        assert isinstance(one.body, bytes)
        body = vault.open(one.body, Kind.EVENT, one.event_id)
        assert json.loads(body)["event_id"] == one.event_id
    e10 = Record(encrypted, vault).get("e10")
    assert e10 is not None
    assert e10.handled()[0].error == "away"
    quarantined: Any = encrypted.hget(keys.quarantined("msg_q"), "body")
    assert vault.open(quarantined, Kind.QUARANTINED, "msg_q") == b"no event"
    fetched: Any = encrypted.hget(keys.attempt("a1"), "body")
    assert vault.open(fetched, Kind.FETCHED, "a1") == b"{}"
    assert b"\x00sealed:" not in b"".join(filter(None, dump(encrypted).values()))


@pytest.mark.parametrize("known", [[], [OTHER_KEY]], ids=["no key", "another key"])
def test_without_its_key_nothing_of_an_encrypted_ledger_is_changed(
    encrypted: Redis, known: list[str]
) -> None:
    before = dump(encrypted)
    vault = Vault([*known, PLAINTEXT], opens_earlier=True)
    with pytest.raises(Sealed, match="BELLHOP_ENCRYPTION_KEYS"):
        list(upgrade(encrypted, RETENTION, planned(encrypted), vault))
    assert dump(encrypted) == before


def test_nothing_is_changed_if_a_key_is_missing_for_one_body_only(encrypted: Redis) -> None:
    encrypted.hset(keys.event("e7"), "body", old_layout.sealed(b"{}", OTHER_KEY))
    before = dump(encrypted)
    vault = Vault([old_layout.KEY, PLAINTEXT], opens_earlier=True)
    with pytest.raises(Sealed, match="event e7"):
        list(upgrade(encrypted, RETENTION, planned(encrypted), vault))
    assert dump(encrypted) == before
