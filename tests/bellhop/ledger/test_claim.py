from bellhop.ledger import About, Entry, Mail, keys
from tests.bellhop.ledger.conftest import (
    LEASE,
    Desk,
    arrival,
    box,
    done,
    failed,
    names,
    progress,
)


def test_a_claim_returns_all_that_is_needed_to_run_an_entry(desk: Desk) -> None:
    desk.accept(arrival("e1", "device:1", b'{"a": 1}'))

    about = About(desk.now, 1, "lock.unlocked", "device:1", "msg_e1")
    assert desk.claim().mail == (
        Mail("device:1", False, (Entry("e1", None, b'{"a": 1}', about, 0, {}),)),
    )


def test_claimed_entries_stay_in_their_mailbox(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()

    assert desk.found["mail"] == {"device:1": ["e1", "e2"]}
    assert desk.found["ready"] == []
    assert desk.found["held"] == {"w/1": {"device:1": 2}}
    assert desk.found["shifts"] == {"w/1": desk.now + LEASE.total_seconds() * 1000}


def test_a_mailbox_is_held_by_one_shift_only(desk: Desk) -> None:
    desk.deliver("e1", "e2")

    assert names(desk.claim("w/1", entries=1).mail) == {"device:1": ["e1"]}
    assert desk.claim("v/1").mail == ()


def test_mailboxes_are_claimed_in_the_order_in_which_they_became_ready(desk: Desk) -> None:
    for device in ("device:3", "device:1", "device:2"):
        desk.deliver(device, mailbox=device)

    assert list(names(desk.claim(mailboxes=2).mail)) == ["device:3", "device:1"]
    assert list(names(desk.claim("v/1").mail)) == ["device:2"]


def test_entries_are_shared_out_among_mailboxes(desk: Desk) -> None:
    for device in ("device:1", "device:2"):
        desk.deliver(*(f"{device}-{n}" for n in range(9)), mailbox=device)

    mail = desk.claim(mailboxes=5, entries=6).mail
    assert names(mail) == {
        "device:1": ["device:1-0", "device:1-1", "device:1-2"],
        "device:2": ["device:2-0", "device:2-1", "device:2-2"],
    }


def test_a_claim_of_one_entry_takes_one_mailbox(desk: Desk) -> None:
    desk.deliver("e1", mailbox="device:1")
    desk.deliver("e2", mailbox="device:2")

    assert names(desk.claim(mailboxes=5, entries=1).mail) == {"device:1": ["e1"]}


def test_a_claim_stops_at_four_mebibytes(desk: Desk) -> None:
    for n in range(8):
        desk.accept(arrival(f"e{n}", f"device:{n // 2}", b"x" * 1024 * 1024))

    mail = desk.claim().mail
    assert [name for box in names(mail).values() for name in box] == ["e0", "e1", "e2", "e3"]
    assert desk.found["ready"] == ["device:2", "device:3"]


def test_a_body_of_more_than_four_mebibytes_is_claimed_by_itself(desk: Desk) -> None:
    desk.accept(arrival("big", "device:1", b"x" * 5 * 1024 * 1024), arrival("e2", "device:1"))
    desk.deliver("e3", mailbox="device:2")

    assert names(desk.claim().mail) == {"device:1": ["big"]}


def test_a_claim_of_nothing_takes_nothing(desk: Desk) -> None:
    desk.deliver("e1")

    assert desk.claim(mailboxes=0).mail == ()
    assert desk.claim(entries=0).mail == ()
    assert desk.found["ready"] == ["device:1"]
    assert desk.found["shifts"] == {}


def test_a_claim_asks_for_the_next_shift_while_more_is_ready(desk: Desk) -> None:
    for n in range(3):
        desk.deliver(f"e{n}", mailbox=f"device:{n}")

    claims = [desk.claim(f"w{n}/1", mailboxes=1) for n in range(3)]
    assert [claimed.wants_shift for claimed in claims] == [True, True, False]


def test_a_claim_whose_answer_was_lost_returns_the_same_mail_when_repeated(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.deliver("e4", mailbox="device:2")
    first = desk.claim(mailboxes=1, entries=2)
    desk.deliver("e5")

    again = desk.claim(mailboxes=1, entries=2)
    assert again.mail == first.mail
    assert names(again.mail) == {"device:1": ["e1", "e2"]}
    assert again.wants_shift


def test_a_claim_that_finds_nothing_leaves_nothing_behind(desk: Desk) -> None:
    assert desk.claim() == ((), False)
    assert desk.redis.keys("*") == []


def test_an_event_in_progress_comes_with_what_its_handlers_did(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", progress("e1", "bell", "log")))

    (mail,) = desk.claim("v/1").mail
    assert mail.entries[0].records == {"bell": "ok", "log": "ok"}


def test_a_retry_comes_with_the_record_of_its_handler_alone(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", progress("e1", "log"), failed("e1", "bell")))
    desk.sweep()

    (mail,) = desk.claim("v/1").mail
    (entry,) = mail.entries
    assert (entry.event_id, entry.handler, entry.name) == ("e1", "bell", "e1 bell")
    assert entry.records == {"bell": "oh no"}


def test_after_a_death_mailboxes_are_claimed_one_entry_at_a_time(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.deliver("e4", mailbox="device:2")
    desk.claim(entries=4)
    desk.die()

    for mailbox, name in (("device:1", "e1"), ("device:2", "e4"), ("device:1", "e2")):
        (mail,) = desk.claim("v/1").mail
        assert (mail.careful, names([mail])) == (True, {mailbox: [name]})
        desk.settle(box("end", done(name), mailbox=mailbox), shift="v/1")

    (mail,) = desk.claim("v/1").mail
    assert (mail.careful, names([mail])) == (False, {"device:1": ["e3"]})


def test_a_careful_mailbox_is_claimed_before_those_that_are_ready(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.deliver("e2", mailbox="device:2")
    desk.die()

    claimed = desk.claim("v/1")
    assert names(claimed.mail) == {"device:1": ["e1"]}
    assert claimed.wants_shift


def test_a_shift_that_holds_mail_leaves_careful_mailboxes_to_others(desk: Desk) -> None:
    desk.deliver("e1")
    desk.deliver("e2", mailbox="device:2")
    desk.claim("w/1", mailboxes=1)
    desk.claim("v/1", mailboxes=1)
    desk.die("w")

    settled = desk.settle(shift="v/1", mailboxes=9, entries=9)
    assert settled.mail == ()
    assert settled.ours
    assert names(desk.claim("u/1").mail) == {"device:1": ["e1"]}


def test_nothing_is_claimed_beside_a_careful_mailbox(desk: Desk) -> None:
    """Else a handler that kills its worker would never be found out while there is other mail."""
    desk.deliver("e1")
    desk.claim("w/1")
    desk.die("w")
    desk.claim("v/1")
    desk.deliver("e2", mailbox="device:2")

    settled = desk.settle(shift="v/1", mailboxes=9, entries=9)
    assert settled.mail == ()
    assert desk.found["ready"] == ["device:2"]


def test_a_mailbox_of_a_thousand_entries_is_claimed_in_one_call(desk: Desk) -> None:
    event_ids = [f"e{n}" for n in range(1_000)]
    desk.deliver(*event_ids)

    assert names(desk.claim(entries=1_000).mail) == {"device:1": event_ids}


def test_an_entry_whose_record_is_gone_is_handed_out_without_a_body(desk: Desk) -> None:
    desk.deliver("e1")
    desk.redis.delete(keys.event("e1"))

    (mail,) = desk.claim().mail
    assert mail.entries == (Entry("e1", None, None, About(), 0, {}),)
    assert desk.settle(box("end", done("e1"))).ours
    assert desk.redis.exists(keys.event("e1"), keys.mail("device:1")) == 0


def test_thousands_of_mailboxes_are_claimed_and_settled_at_once(desk: Desk) -> None:
    """Lua hands over fewer than 8,000 values at a time."""
    count = 9_000
    for first in range(0, count, 500):
        desk.accept(*(arrival(f"e{n}", f"device:{n}") for n in range(first, first + 500)))

    mail = desk.claim(mailboxes=count, entries=count).mail
    assert [one.mailbox for one in mail] == [f"device:{n}" for n in range(count)]
    results = [box("end", done(f"e{n}"), mailbox=f"device:{n}") for n in range(count)]
    assert desk.settle(*results).ours
    assert not desk.redis.exists(keys.READY, keys.SHIFTS, keys.held("w/1"), keys.mail("device:0"))
