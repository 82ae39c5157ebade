"""The keys that the scripts leave behind are the documented ones."""

from datetime import timedelta
from typing import Any

from bellhop.events import Drift
from bellhop.ledger import Outcome, Quarantined, Replay, SettledEntry, keys
from tests.bellhop.ledger.conftest import LEASE, Desk, arrival, box, dead, done, failed, progress


def test_no_script_touches_a_key_without_the_hash_tag(desk: Desk) -> None:
    run_everything(desk)

    assert desk.redis.dbsize() > 10
    assert all(name.startswith("{bellhop}:") for name in all_keys(desk))


def test_all_keys_of_the_scripts_are_in_keys_py(desk: Desk) -> None:
    run_everything(desk)

    kinds = {name.removeprefix(keys.PREFIX).partition(":")[0] for name in all_keys(desk)}
    table = [row for row in (keys.__doc__ or "").splitlines() if row.startswith("| `")]
    documented = {row.split("`")[1].partition(":")[0] for row in table}
    assert kinds == documented - {"alarms", "probe", "sealed"}


def all_keys(desk: Desk) -> list[str]:
    found: Any = desk.redis.keys("*")
    return [name.decode() for name in found]


def run_everything(desk: Desk) -> None:
    """Leave every kind of key behind."""
    desk.deliver("e0", mailbox="device:0")
    desk.claim("u/1", rested=True)
    for number in range(20):  # more than are rung for
        desk.ledger.rest(f"r/{number}", timedelta(minutes=1))
    desk.accept(Quarantined("q1", b"{", ("no event_id",)))
    drift = Drift("lock.unlocked", "method", "unknown_value", '"palm_vein"')
    about = ("action_attempt_id a1",)
    desk.accept(arrival("e1")._replace(drift=[drift], subjects=about))
    desk.ledger.index(most=1)
    desk.deliver("e2", "e3", "e4")
    desk.deliver("e5", mailbox="device:2")
    desk.deliver("e6", mailbox="device:3")
    desk.claim("w/1", mailboxes=1, rested=True)
    desk.settle(
        box("keep", progress("e1", "log"), failed("e1", "bell", 60_000), dead("e2", "bell"))
    )
    waits = Outcome("bell", "behind", 0, "waits", desk.now)
    desk.settle(box("keep", SettledEntry("e3", False, [waits])))
    desk.settle(box("keep", done("e3")))
    desk.claim("v/1", mailboxes=1, rested=True)
    desk.die("w")
    desk.settle(shift="v/1")
    desk.ledger.fetch(LEASE, now_ms=desk.now)
    desk.ledger.replay([Replay("e3", "added.today", "", "again")])
