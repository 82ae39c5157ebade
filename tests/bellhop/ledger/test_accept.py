from datetime import timedelta

import pytest
from redis.exceptions import ResponseError

from bellhop.events import Drift
from bellhop.ledger import About, Ledger, Quarantined, Receipt, keys
from tests.bellhop.ledger.conftest import Desk, arrival, box, done, names

ODD = "ü \n\x00%s {x} *:€"


def test_an_event_is_stored_logged_and_put_into_its_mailbox(desk: Desk) -> None:
    receipt = desk.accept(arrival("e1", "device:1", b'{"a": 1}'))

    assert receipt.new == (True,)
    assert desk.found["log"] == ["e1"]
    assert desk.found["mail"] == {"device:1": ["e1"]}
    assert desk.found["ready"] == ["device:1"]
    assert desk.event("e1") == {
        "body": b'{"a": 1}',
        "type": "lock.unlocked",
        "mailbox": "device:1",
        "delivery": "msg_e1",
        "received": desk.now,
        "order": 1,
        "state": "accepted",
        "records": {},
        "open": 0,
        "dead": 0,
        "begun": False,
        "deaths": {},
        "may be forgotten": False,
    }


def test_an_accept_that_fails_halfway_takes_the_event_when_it_comes_again(desk: Desk) -> None:
    desk.redis.set(keys.LOG, "no stream")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        desk.deliver("e1")
    desk.redis.delete(keys.LOG)

    assert desk.deliver("e1").new == (True,)
    assert desk.found["mail"] == {"device:1": ["e1"]}


def test_a_release_that_fails_halfway_stays_in_quarantine(desk: Desk) -> None:
    desk.accept(Quarantined("msg_e1", b"{}", ("event_id: missing",), {}))
    desk.redis.set(keys.LOG, "no stream")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        desk.accept(arrival("e1")._replace(released=True))
    desk.redis.delete(keys.LOG)

    assert list(desk.found["quarantine"]) == ["msg_e1"]
    assert desk.accept(arrival("e1")._replace(released=True)).new == (True,)


def test_a_second_delivery_of_an_event_is_not_accepted_again(desk: Desk) -> None:
    desk.deliver("e1")
    before = desk.found

    assert desk.deliver("e1").new == (False,)
    assert desk.found == before


def test_the_same_event_under_a_new_svix_id_is_a_duplicate(desk: Desk) -> None:
    desk.deliver("e1")
    again = arrival("e1", "device:2", b"changed")._replace(delivery_id="msg_new")

    assert desk.accept(again).new == (False,)
    assert desk.found["mail"] == {"device:1": ["e1"]}
    assert desk.event("e1")["body"] == b"{}"


def test_another_event_under_a_svix_id_that_was_seen_is_a_duplicate(desk: Desk) -> None:
    desk.deliver("e1")

    assert desk.accept(arrival("e2")._replace(delivery_id="msg_e1")).new == (False,)
    assert list(desk.found["events"]) == ["e1"]


def test_an_event_that_comes_twice_in_a_batch_is_accepted_once(desk: Desk) -> None:
    assert desk.deliver("e1", "e2", "e1").new == (True, True, False)
    assert desk.found["mail"] == {"device:1": ["e1", "e2"]}


def test_a_finished_event_that_comes_again_is_a_duplicate(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", done("e1")))

    assert desk.accept(arrival("e1")._replace(delivery_id="msg_new")).new == (False,)
    assert desk.found["mail"] == {}


def test_an_event_is_remembered_for_the_retention_after_nothing_of_it_is_open(desk: Desk) -> None:
    desk.deliver("e1")
    assert desk.redis.pttl(keys.event("e1")) == -1

    desk.claim()
    desk.settle(box("end", done("e1")))
    fourteen_days = timedelta(days=14) // timedelta(milliseconds=1)
    assert fourteen_days - 60_000 < desk.redis.pttl(keys.event("e1")) <= fourteen_days


def test_every_event_about_an_action_attempt_tells_of_it(desk: Desk) -> None:
    desk.accept(arrival("e1"))
    both = ("action_attempt_id a 1", "device_id action_attempt_id x", "action_attempt_id b")
    desk.accept(arrival("e2")._replace(subjects=both))
    desk.accept(arrival("e2")._replace(subjects=both, delivery_id="again"))

    assert desk.found["attempts"] == [(2, "a 1"), (2, "b")]


def test_a_body_that_is_no_event_is_kept_in_quarantine_and_in_no_mailbox(desk: Desk) -> None:
    headers = {"user-agent": "Svix-Webhooks/1"}
    receipt = desk.accept(Quarantined("msg_1", b"\xff", ("no event_id", "no type"), headers))

    assert receipt == Receipt((True,), False)
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
    assert desk.found["mail"] == {"device:1": ["e1"]}
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
    assert desk.found["mail"] == {"device:1": ["e1"]}


def test_nothing_is_released_that_was_not_in_quarantine(desk: Desk) -> None:
    assert desk.accept(arrival("e1")._replace(released=True)).new == (False,)
    assert desk.found["events"] == desk.found["mail"] == desk.found["deliveries"] == {}


UNKNOWN = Drift("lock.unlocked", "method", "unknown_value", '"palm_vein"')
MISSING = Drift("lock.unlocked", "occurred_at", "missing_field")


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


def test_a_batch_keeps_the_order_in_which_events_arrived(desk: Desk) -> None:
    desk.accept(*(arrival(f"e{n}", f"device:{n % 2}") for n in range(6)))
    desk.deliver("e6", mailbox="device:0")

    assert desk.found["mail"] == {
        "device:0": ["e0", "e2", "e4", "e6"],
        "device:1": ["e1", "e3", "e5"],
    }
    assert desk.found["ready"] == ["device:0", "device:1"]


def test_a_burst_asks_for_one_shift_only(desk: Desk) -> None:
    receipts = [desk.deliver(f"e{n}", mailbox=f"device:{n}") for n in range(5)]

    assert [receipt.wants_shift for receipt in receipts] == [True, False, False, False, False]


def test_mail_for_a_mailbox_that_is_held_asks_for_no_shift(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()

    assert not desk.deliver("e2").wants_shift
    assert desk.found["ready"] == []


def test_a_duplicate_asks_for_the_shift_that_mail_still_needs(desk: Desk) -> None:
    desk.deliver("e1")
    desk.redis.delete(keys.WAITING)

    assert desk.deliver("e1") == Receipt((False,), True)


def test_an_empty_batch_does_nothing(desk: Desk) -> None:
    assert desk.accept() == Receipt((), False)
    assert desk.redis.keys("*") == []


def test_two_thousand_deliveries_of_a_batch_are_all_accepted(desk: Desk) -> None:
    receipt = desk.accept(*(arrival(f"e{n}", f"device:{n % 7}") for n in range(2_000)))

    assert receipt.new == (True,) * 2_000
    assert sum(len(mail) for mail in desk.found["mail"].values()) == 2_000


def test_names_with_odd_characters_and_bodies_of_any_bytes_come_out_as_they_went_in(
    desk: Desk,
) -> None:
    body = bytes(range(256)) * 3
    item = arrival("e-ü€😀", ODD, body)._replace(delivery_id=f"msg {ODD}", event_type=ODD)
    desk.accept(item, Quarantined(f"q{ODD}", body, ("ü€😀",), {ODD: ODD}))

    (mail,) = desk.claim().mail
    assert mail.mailbox == ODD
    assert (mail.entries[0].event_id, mail.entries[0].body) == ("e-ü€😀", body)
    assert mail.entries[0].about.delivery_id == f"msg {ODD}"
    assert desk.event("e-ü€😀")["type"] == ODD
    assert desk.found["quarantine"][f"q{ODD}"] == (body, ("ü€😀",), {ODD: ODD}, desk.now)


def test_an_empty_body_and_an_empty_mailbox_name_are_values_too(desk: Desk) -> None:
    assert desk.accept(arrival("e1", "", b"")).new == (True,)
    assert desk.accept(arrival("e1", "", b"")._replace(delivery_id="m")).new == (False,)

    (mail,) = desk.claim().mail
    assert (mail.mailbox, mail.entries[0].body) == ("", b"")


def test_without_a_time_the_servers_clock_counts(ledger: Ledger) -> None:
    before, _ = ledger.redis.time()
    ledger.accept([arrival("e1")])
    after, _ = ledger.redis.time()

    received = About.read(ledger.event("e1")["about"]).received_ms
    assert before * 1000 <= received < (after + 1) * 1000


def test_the_scripts_are_loaded_again_after_the_server_forgot_them(desk: Desk) -> None:
    desk.deliver("e1")
    desk.redis.script_flush()

    assert desk.deliver("e2").new == (True,)
    assert names(desk.claim().mail) == {"device:1": ["e1", "e2"]}
