"""The keys that the scripts leave behind are the documented ones."""

from typing import Any

import pytest

from bellhop.durations import LEASE
from bellhop.events import Drift
from bellhop.hooks import Hook
from bellhop.ledger import ClaimLimit, Quarantined, Replay, Subscription, keys
from tests.bellhop.ledger.conftest import (
    BELL,
    DONE,
    KEEP,
    LOG,
    Desk,
    arrival,
    box,
    dead,
    done,
    failed,
    names,
)

LIMITED = Subscription("limited", ["lock.*"], 1)
FAULTS = {"due_since", "repair", "repairs", "repaired", "broken"}
"""What scripts write only where something is wrong, and to find that."""

BY_HAND = {"abandoning", "alarms", "moving", "paused", "probe", "sealed"}
"""What no script writes."""


@pytest.fixture
def full(bare: Desk) -> Desk:
    """A ledger in which every kind of key was left behind."""
    desk = bare
    on_call = Subscription("on.call", ["bell"], hook=Hook.DEAD)
    desk.subscribe("idle", Subscription("never", ["nothing"]))
    desk.subscribe("woken", LOG, on_call)
    for worker in ("idle", "woken"):
        desk.idle(worker)
    for worker in ("w", "v", "u"):
        desk.subscribe(worker, BELL, LIMITED)
    desk.accept(Quarantined("q1", b"{", ("no event_id",)))
    drift = Drift("lock.unlocked", "method", "unknown_value", '"palm_vein"')
    about = ("action_attempt_id a1",)
    desk.accept(arrival("e1")._replace(drift=[drift], subjects=about))
    desk.ledger.index(most=1)
    desk.deliver("e2", "e3", "e4")
    assert set(names(desk.claim("w").mail)) == {"bell device:1", "limited device:1"}
    newest = done("e3")._replace(occurred_ms=desk.now)
    desk.settle(box(KEEP, failed("e1", 60_000, wants_retries=True), dead("e2"), newest))
    desk.deliver("e5", mailbox="device:2")
    desk.claim("v", ClaimLimit("bell", 1, 1))
    desk.settle(worker="v")
    desk.die("w", under="e4 bell")
    assert desk.settle(worker="v", entries=9).suspects_wait
    assert desk.claim("u", ClaimLimit("limited", 1, 1, slow=True)).mail
    for worker in ("killed", "careful"):
        desk.subscribe(worker, BELL)
    assert desk.claim("careful").mail[0].alone
    desk.deliver("e7", mailbox="device:4")
    (mail,) = desk.claim("killed", ClaimLimit("bell", 1, 1)).mail
    desk.die("killed", under=f"{mail.entries[0].event.event_id} bell")
    desk.deliver("e6", mailbox="device:3")
    desk.sweep("idle", "v", jumped_ms=10_000)
    desk.ledger.fetch(LEASE, now_ms=desk.now)
    desk.replay(Replay("e3", "bell", DONE, "again"))
    return desk


def test_no_script_touches_a_key_without_the_hash_tag(full: Desk) -> None:
    assert full.redis.dbsize() > 20
    assert all(name.startswith("{bellhop}:") for name in all_keys(full))


def test_all_keys_of_the_scripts_are_in_keys_py(full: Desk) -> None:
    kinds = {name.removeprefix(keys.PREFIX).partition(":")[0] for name in all_keys(full)}
    table = [row for row in (keys.__doc__ or "").splitlines() if row.startswith("| `")]
    documented = {row.split("`")[1].partition(":")[0] for row in table}
    assert kinds == documented - FAULTS - BY_HAND - {"unrouted", "untold"}


def test_what_comes_before_the_first_worker_is_in_a_documented_key(bare: Desk) -> None:
    bare.deliver("e1")
    bare.accept(Quarantined("msg_2", b"{", ("no id",)))
    assert {keys.UNROUTED, keys.UNTOLD} <= set(all_keys(bare))


def all_keys(desk: Desk) -> list[str]:
    found: Any = desk.redis.keys("*")
    return [name.decode() for name in found]
