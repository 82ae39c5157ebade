from datetime import timedelta

import pytest
from redis.exceptions import ResponseError

from bellhop.ledger import About, Ledger, Quarantined, Receipt, Subscription, keys
from tests.bellhop.ledger.conftest import BELL, END, LOG, Desk, arrival, box, done, names

ODD = "ü \n\x00%s {x} *:€"


def test_an_event_is_stored_logged_and_put_into_its_mailbox(desk: Desk) -> None:
    receipt = desk.accept(arrival("e1", "device:1", b'{"a": 1}'))

    assert receipt.new == (True,)
    assert desk.found["log"] == ["e1"]
    assert desk.found["mail"] == {"bell device:1": ["e1"]}
    assert desk.found["ready"] == {"bell": ["device:1"]}
    assert desk.event("e1") == {
        "body": b'{"a": 1}',
        "type": "lock.unlocked",
        "mailbox": "device:1",
        "delivery": "msg_e1",
        "received": desk.now,
        "order": 1,
        "state": "accepted",
        "records": {"bell": ""},
        "open": 1,
        "dead": 0,
        "deaths": {},
        "interrupted": {},
        "told": {},
        "may be forgotten": False,
    }


def test_every_handler_of_its_type_has_an_event_in_a_mailbox_of_its_own(desk: Desk) -> None:
    unlocks = Subscription("unlocks", ["lock.unlocked"])
    codes = Subscription("codes", ["access_code.*"])
    desk.subscribe("v", LOG, unlocks, codes)
    desk.deliver("e1")

    boxes = ("bell device:1", "log device:1", "unlocks device:1")
    assert desk.found["mail"] == {name: ["e1"] for name in boxes}
    assert desk.event("e1")["records"] == {"bell": "", "log": "", "unlocks": ""}
    assert desk.event("e1")["open"] == 3


def test_an_event_that_no_handler_wants_is_unhandled_at_once(bare: Desk) -> None:
    bare.subscribe("w", Subscription("codes", ["access_code.*"]))
    receipt = bare.deliver("e1")

    assert receipt == Receipt((True,), ())
    assert bare.event("e1")["state"] == "unhandled"
    assert bare.event("e1")["may be forgotten"]
    assert bare.found["mail"] == {}


def test_a_type_that_came_before_goes_to_a_handler_that_is_new(desk: Desk) -> None:
    desk.deliver("e1")
    desk.subscribe("v", LOG)
    desk.deliver("e2")

    assert desk.found["mail"] == {"bell device:1": ["e1", "e2"], "log device:1": ["e2"]}


def test_an_event_may_have_a_thousand_handlers(bare: Desk) -> None:
    bare.subscribe("w", *(Subscription(f"h{number}", ["*"]) for number in range(1_000)))
    bare.deliver("e1")

    assert bare.event("e1")["open"] == len(bare.found["mail"]) == 1_000


def test_an_accept_that_fails_halfway_takes_the_event_when_it_comes_again(desk: Desk) -> None:
    desk.redis.xadd(keys.LOG, {"the": "last"}, id=f"{2**64 - 1}-{2**64 - 1}")
    with pytest.raises(ResponseError, match="Invalid stream ID"):
        desk.deliver("e1")
    desk.redis.delete(keys.LOG)

    assert desk.deliver("e1").new == (True,)
    assert desk.found["mail"] == {"bell device:1": ["e1"]}


def test_a_second_delivery_of_an_event_is_not_accepted_again(desk: Desk) -> None:
    desk.deliver("e1")
    before = desk.found

    assert desk.deliver("e1").new == (False,)
    assert desk.found == before


def test_the_same_event_under_a_new_svix_id_is_a_duplicate(desk: Desk) -> None:
    desk.deliver("e1")
    again = arrival("e1", "device:2", b"changed")._replace(delivery_id="msg_new")

    assert desk.accept(again).new == (False,)
    assert desk.found["mail"] == {"bell device:1": ["e1"]}
    assert desk.event("e1")["body"] == b"{}"


def test_another_event_under_a_svix_id_that_was_seen_is_a_duplicate(desk: Desk) -> None:
    desk.deliver("e1")

    assert desk.accept(arrival("e2")._replace(delivery_id="msg_e1")).new == (False,)
    assert list(desk.found["events"]) == ["e1"]


def test_an_event_that_comes_twice_in_a_batch_is_accepted_once(desk: Desk) -> None:
    assert desk.deliver("e1", "e2", "e1").new == (True, True, False)
    assert desk.found["mail"] == {"bell device:1": ["e1", "e2"]}


def test_a_finished_event_that_comes_again_is_a_duplicate(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(END, done("e1")))

    assert desk.accept(arrival("e1")._replace(delivery_id="msg_new")).new == (False,)
    assert desk.found["mail"] == {}


def test_an_event_is_remembered_for_the_retention_after_nothing_of_it_is_open(desk: Desk) -> None:
    desk.deliver("e1")
    assert desk.redis.pttl(keys.event("e1")) == -1

    desk.claim()
    desk.settle(box(END, done("e1")))
    fourteen_days = timedelta(days=14) // timedelta(milliseconds=1)
    assert fourteen_days - 60_000 < desk.redis.pttl(keys.event("e1")) <= fourteen_days


def test_every_event_about_an_action_attempt_tells_of_it(desk: Desk) -> None:
    desk.accept(arrival("e1"))
    both = ("action_attempt_id a 1", "device_id action_attempt_id x", "action_attempt_id b")
    desk.accept(arrival("e2")._replace(subjects=both))
    desk.accept(arrival("e2")._replace(subjects=both, delivery_id="again"))

    assert desk.found["attempts"] == [(2, "a 1"), (2, "b")]


def test_a_batch_keeps_the_order_in_which_events_arrived(desk: Desk) -> None:
    desk.accept(*(arrival(f"e{n}", f"device:{n % 2}") for n in range(6)))
    desk.deliver("e6", mailbox="device:0")

    assert desk.found["mail"] == {
        "bell device:0": ["e0", "e2", "e4", "e6"],
        "bell device:1": ["e1", "e3", "e5"],
    }
    assert desk.ready() == ["device:0", "device:1"]


def test_a_burst_asks_for_one_shift_only(desk: Desk) -> None:
    receipts = [desk.deliver(f"e{n}", mailbox=f"device:{n}") for n in range(5)]

    fingerprint = desk.sets["w"].fingerprint
    assert [receipt.wake for receipt in receipts] == [(fingerprint,), (), (), (), ()]


def test_a_shift_is_asked_for_of_every_set_that_has_a_handler_of_the_event(desk: Desk) -> None:
    desk.subscribe("u", BELL, LOG)
    desk.subscribe("v", Subscription("codes", ["access_code.*"]))

    wake = desk.deliver("e1").wake
    assert set(wake) == {desk.sets[worker].fingerprint for worker in "wu"}


def test_mail_for_a_mailbox_that_is_held_asks_for_no_shift(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()

    assert not desk.deliver("e2").wake
    assert desk.ready() == []


def test_a_duplicate_asks_for_the_shift_that_mail_still_needs(desk: Desk) -> None:
    desk.deliver("e1")
    fingerprint = desk.sets["w"].fingerprint
    desk.redis.delete(f"{keys.PREFIX}waiting:{fingerprint}")

    assert desk.deliver("e1") == Receipt((False,), (fingerprint,))


def test_an_empty_batch_does_nothing(bare: Desk) -> None:
    assert bare.accept() == Receipt((), ())
    assert bare.redis.keys("*") == [keys.VERSION.encode()]


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
    assert (mail.entries[0].event.event_id, mail.entries[0].event.body) == ("e-ü€😀", body)
    assert mail.entries[0].event.about.delivery_id == f"msg {ODD}"
    assert desk.event("e-ü€😀")["type"] == ODD
    assert desk.found["quarantine"][f"q{ODD}"] == (body, ("ü€😀",), {ODD: ODD}, desk.now)


def test_an_empty_body_and_an_empty_mailbox_name_are_values_too(desk: Desk) -> None:
    assert desk.accept(arrival("e1", "", b"")).new == (True,)
    assert desk.accept(arrival("e1", "", b"")._replace(delivery_id="m")).new == (False,)

    (mail,) = desk.claim().mail
    assert (mail.mailbox, mail.entries[0].event.body) == ("", b"")


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
    assert names(desk.claim().mail) == {"bell device:1": ["e1", "e2"]}
