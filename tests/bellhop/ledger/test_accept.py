from datetime import timedelta

from bellhop.ledger import Ledger, Quarantined, keys
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
        "state": "accepted",
        "records": {},
        "open": 0,
        "dead": 0,
        "begun": False,
        "deaths": {},
        "may be forgotten": False,
    }


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


def test_a_body_that_is_no_event_is_kept_in_quarantine_and_in_no_mailbox(desk: Desk) -> None:
    receipt = desk.accept(Quarantined("msg_1", "no event_id", b"\xff"))

    assert receipt == ((True,), False)
    assert desk.found["quarantine"] == {"msg_1": (b"\xff", "no event_id", desk.now)}
    assert desk.found["events"] == desk.found["mail"] == {}


def test_a_quarantined_delivery_that_comes_again_is_a_duplicate(desk: Desk) -> None:
    desk.accept(Quarantined("msg_1", "no event_id", b"first"))

    assert desk.accept(Quarantined("msg_1", "", b"second")).new == (False,)
    assert desk.found["quarantine"]["msg_1"][0] == b"first"


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

    assert desk.deliver("e1") == ((False,), True)


def test_an_empty_batch_does_nothing(desk: Desk) -> None:
    assert desk.accept() == ((), False)
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
    desk.accept(item, Quarantined(f"q{ODD}", ODD, body))

    (mail,) = desk.claim().mail
    assert mail.mailbox == ODD
    assert (mail.entries[0].event_id, mail.entries[0].body) == ("e-ü€😀", body)
    assert mail.entries[0].delivery_id == f"msg {ODD}"
    assert desk.event("e-ü€😀")["type"] == ODD
    assert desk.found["quarantine"][f"q{ODD}"] == (body, ODD, desk.now)


def test_an_empty_body_and_an_empty_mailbox_name_are_values_too(desk: Desk) -> None:
    assert desk.accept(arrival("e1", "", b"")).new == (True,)
    assert desk.accept(arrival("e1", "", b"")._replace(delivery_id="m")).new == (False,)

    (mail,) = desk.claim().mail
    assert (mail.mailbox, mail.entries[0].body) == ("", b"")


def test_without_a_time_the_servers_clock_counts(ledger: Ledger) -> None:
    before, _ = ledger.redis.time()
    ledger.accept([arrival("e1")])
    after, _ = ledger.redis.time()

    received = int(ledger.event("e1")["received"])
    assert before * 1000 <= received < (after + 1) * 1000


def test_the_scripts_are_loaded_again_after_the_server_forgot_them(desk: Desk) -> None:
    desk.deliver("e1")
    desk.redis.script_flush()

    assert desk.deliver("e2").new == (True,)
    assert names(desk.claim().mail) == {"device:1": ["e1", "e2"]}
