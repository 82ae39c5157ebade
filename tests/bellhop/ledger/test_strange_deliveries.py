"""What is strange about a delivery: a body that is no event, and differences from the schema."""

import pytest
from redis.exceptions import ResponseError

from bellhop.events import Drift
from bellhop.ledger import Quarantined, Receipt, keys
from tests.bellhop.ledger.conftest import Desk, arrival

UNKNOWN = Drift("lock.unlocked", "method", "unknown_value", '"palm_vein"')
MISSING = Drift("lock.unlocked", "occurred_at", "missing_field")


def test_a_release_that_fails_halfway_stays_in_quarantine(desk: Desk) -> None:
    desk.accept(Quarantined("msg_e1", b"{}", ("event_id: missing",), {}))
    desk.redis.xadd(keys.LOG, {"the": "last"}, id=f"{2**64 - 1}-{2**64 - 1}")
    with pytest.raises(ResponseError, match="Invalid stream ID"):
        desk.accept(arrival("e1")._replace(released=True))
    desk.redis.delete(keys.LOG)

    assert list(desk.found["quarantine"]) == ["msg_e1"]
    assert desk.accept(arrival("e1")._replace(released=True)).new == (True,)


def test_a_body_that_is_no_event_is_kept_in_quarantine_and_in_no_mailbox(desk: Desk) -> None:
    headers = {"user-agent": "Svix-Webhooks/1"}
    receipt = desk.accept(Quarantined("msg_1", b"\xff", ("no event_id", "no type"), headers))

    assert receipt == Receipt((True,), ())
    kept = (b"\xff", ("no event_id", "no type"), headers, desk.now)
    assert desk.found["quarantine"] == {"msg_1": kept}
    assert desk.found["events"] == desk.found["mail"] == {}


def test_a_quarantined_delivery_that_comes_again_is_a_duplicate(desk: Desk) -> None:
    desk.accept(Quarantined("msg_1", b"first", ("no event_id",)))

    assert desk.accept(Quarantined("msg_1", b"second", ("",))).new == (False,)
    assert desk.found["quarantine"]["msg_1"][0] == b"first"


def test_what_is_released_from_quarantine_is_an_event_once(desk: Desk) -> None:
    desk.accept(Quarantined("msg_e1", b"{}", ("what is this",)))
    released = arrival("e1", "device:1")._replace(released=True)

    assert desk.accept(released, released).new == (True, False)
    assert desk.accept(released).new == (False,)
    assert desk.found["quarantine"] == {}
    assert desk.found["mail"] == {"bell device:1": ["e1"]}
    assert desk.found["log"] == ["e1"]


def test_a_released_delivery_that_comes_again_is_a_duplicate(desk: Desk) -> None:
    desk.accept(Quarantined("msg_e1", b"{}", ("what is this",)))
    desk.accept(arrival("e1")._replace(released=True))

    assert desk.deliver("e1").new == (False,)
    assert desk.found["deliveries"] == {"msg_e1": desk.now}


def test_what_is_released_after_its_event_came_another_way_is_no_second_one(desk: Desk) -> None:
    desk.accept(Quarantined("msg_strange", b"{}", ("what is this",)))
    desk.deliver("e1")

    released = arrival("e1")._replace(delivery_id="msg_strange", released=True)
    assert desk.accept(released).new == (False,)
    assert desk.found["quarantine"] == {}
    assert desk.found["mail"] == {"bell device:1": ["e1"]}


def test_nothing_is_released_that_was_not_in_quarantine(desk: Desk) -> None:
    assert desk.accept(arrival("e1")._replace(released=True)).new == (False,)
    assert desk.found["events"] == desk.found["mail"] == desk.found["deliveries"] == {}


def test_drift_is_counted_and_told_when_it_is_new(desk: Desk) -> None:
    first = desk.now
    receipt = desk.accept(arrival("e1")._replace(drift=[UNKNOWN, MISSING]))
    assert receipt.unseen == (UNKNOWN, MISSING)

    desk.now += 5_000
    assert desk.accept(arrival("e2")._replace(drift=[UNKNOWN])).unseen == ()
    assert desk.found["drift"] == {
        "lock.unlocked unknown_value method": ('"palm_vein"', 2, first, desk.now),
        "lock.unlocked missing_field occurred_at": (None, 1, first, first),
    }


def test_the_drift_of_a_duplicate_is_not_counted(desk: Desk) -> None:
    strange = arrival("e1")._replace(drift=[UNKNOWN])
    other = arrival("e2")._replace(drift=[MISSING])

    desk.accept(strange, strange, other)
    assert {name: count for name, (_, count, _, _) in desk.found["drift"].items()} == {
        "lock.unlocked unknown_value method": 1,
        "lock.unlocked missing_field occurred_at": 1,
    }


def test_only_the_thousand_differences_seen_last_are_kept(desk: Desk) -> None:
    for number in range(1_002):
        desk.now += 1
        drift = Drift("lock.unlocked", f"field {number}", "unknown_field", "1")
        desk.accept(arrival(f"e{number}")._replace(drift=[drift]))

    assert len(desk.found["drift"]) == 1_000
    assert "lock.unlocked unknown_field field 1" not in desk.found["drift"]
    assert "lock.unlocked unknown_field field 2" in desk.found["drift"]
