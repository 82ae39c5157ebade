"""A worker is given mail of the handlers that it has, and holds it."""

from bellhop.ledger import About, ClaimedEvent, ClaimLimit, Entry, Mail, Settled, keys
from tests.bellhop.ledger.conftest import (
    BELL,
    END,
    KEEP,
    LEASE_MS,
    LOG,
    RETRYING,
    Desk,
    arrival,
    box,
    done,
    failed,
    names,
)


def test_a_claim_returns_all_that_is_needed_to_run_an_entry(desk: Desk) -> None:
    desk.accept(arrival("e1", "device:1", b'{"a": 1}'))

    about = About(desk.now, 1, "lock.unlocked", "device:1", "msg_e1")
    event = ClaimedEvent("e1", about, b'{"a": 1}')
    assert desk.claim().mail == (Mail("bell", "device:1", False, (Entry(event),), []),)


def test_claimed_entries_stay_in_their_mailbox(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()

    assert desk.found["mail"] == {"bell device:1": ["e1", "e2"]}
    assert desk.ready() == []
    assert desk.found["held"] == {"w": {"bell device:1": 2}}
    assert desk.found["leases"] == {"w": desk.now + LEASE_MS}


def test_a_mailbox_is_held_by_one_worker_only(desk: Desk) -> None:
    desk.deliver("e1", "e2")

    assert names(desk.claim("w", entries=1).mail) == {"bell device:1": ["e1"]}
    assert desk.claim("v").mail == ()


def test_another_handlers_mailbox_of_the_device_is_free_meanwhile(desk: Desk) -> None:
    desk.subscribe("v", LOG)
    desk.deliver("e1", "e2")

    assert names(desk.claim("w").mail) == {"bell device:1": ["e1", "e2"]}
    assert names(desk.claim("v").mail) == {"log device:1": ["e1", "e2"]}


def test_a_worker_gets_mail_of_the_handlers_that_it_has_and_of_no_other(desk: Desk) -> None:
    desk.subscribe("u", LOG)
    desk.subscribe("v", BELL, LOG)
    desk.deliver("e1")

    assert names(desk.claim("w").mail) == {"bell device:1": ["e1"]}
    assert desk.settle(box(END, done("e1")), entries=9) == Settled(True, (), ())
    assert names(desk.claim("v").mail) == {"log device:1": ["e1"]}


def test_an_event_for_several_handlers_is_handed_out_once_and_tells_for_how_many(
    bare: Desk,
) -> None:
    bare.subscribe("w", BELL, LOG)
    bare.deliver("e1", "e2")
    bell, log = bare.claim().mail

    for place in (0, 1):
        assert bell.entries[place].event is log.entries[place].event
        assert bell.entries[place].event.handlers == 2


def test_mailboxes_are_claimed_in_the_order_in_which_they_became_ready(desk: Desk) -> None:
    for device in ("device:3", "device:1", "device:2"):
        desk.deliver(device, mailbox=device)

    assert [one.mailbox for one in desk.claim(mailboxes=2).mail] == ["device:3", "device:1"]
    assert [one.mailbox for one in desk.claim("v").mail] == ["device:2"]


def test_entries_are_shared_out_among_mailboxes(desk: Desk) -> None:
    for device in ("device:1", "device:2"):
        desk.deliver(*(f"{device}-{n}" for n in range(9)), mailbox=device)

    mail = desk.claim(mailboxes=5, entries=6).mail
    assert names(mail) == {
        "bell device:1": ["device:1-0", "device:1-1", "device:1-2"],
        "bell device:2": ["device:2-0", "device:2-1", "device:2-2"],
    }


def test_of_each_mailbox_a_share_is_taken_though_more_are_ready_than_entries_wanted(
    desk: Desk,
) -> None:
    for device in ("1", "2", "3"):
        desk.deliver(*(f"{device}-{n}" for n in range(9)), mailbox=f"device:{device}")

    mail = desk.claim("w", ClaimLimit("bell", 9, 6, share=4)).mail
    assert [len(one.entries) for one in mail] == [4, 2]
    assert desk.ready() == ["device:3"]


def test_entries_are_divided_by_the_handlers_that_have_mail(bare: Desk) -> None:
    bare.subscribe("w", BELL, LOG)
    bare.deliver(*(f"e{n}" for n in range(9)))
    limits = [ClaimLimit(name, 9, 4) for name in ("bell", "log", "nobody")]
    assert [len(one.entries) for one in bare.claim("w", *limits).mail] == [2, 2]

    bare.settle(box(END), box(END, handler="log"))
    whole = [one._replace(is_async=True) for one in limits]
    assert [len(one.entries) for one in bare.claim("w", *whole, settles=1).mail] == [4, 4]


def test_a_handler_that_has_entries_of_its_own_takes_none_from_others(bare: Desk) -> None:
    bare.subscribe("w", BELL, LOG)
    bare.deliver(*(f"e{n}" for n in range(9)))
    limits = [ClaimLimit("bell", 9, 4), ClaimLimit("log", 9, 3, is_async=True)]

    assert [len(one.entries) for one in bare.claim("w", *limits).mail] == [4, 3]


def test_each_handler_is_the_first_in_its_turn(bare: Desk) -> None:
    """A claim stops when it has read enough: the last ones would get nothing for ever."""
    bare.subscribe("w", BELL, LOG)
    bare.deliver("e1")

    assert [one.handler for one in bare.claim(settles=2).mail] == ["bell", "log"]
    bare.sweep(dead={"w": ""})
    bare.subscribe("v", BELL, LOG)
    assert [one.handler for one in bare.claim("v", settles=3).mail] == ["log", "bell"]


def test_a_claim_of_one_entry_takes_one_mailbox(desk: Desk) -> None:
    desk.deliver("e1", mailbox="device:1")
    desk.deliver("e2", mailbox="device:2")

    assert names(desk.claim(mailboxes=5, entries=1).mail) == {"bell device:1": ["e1"]}


def test_a_claim_stops_at_four_mebibytes(desk: Desk) -> None:
    for n in range(8):
        desk.accept(arrival(f"e{n}", f"device:{n // 2}", b"x" * 1024 * 1024))

    mail = desk.claim().mail
    assert [name for box in names(mail).values() for name in box] == ["e0", "e1", "e2", "e3"]
    assert desk.ready() == ["device:2", "device:3"]


def test_a_body_of_more_than_four_mebibytes_is_claimed_by_itself(desk: Desk) -> None:
    desk.accept(arrival("big", "device:1", b"x" * 5 * 1024 * 1024), arrival("e2", "device:1"))
    desk.deliver("e3", mailbox="device:2")

    assert names(desk.claim().mail) == {"bell device:1": ["big"]}


def test_what_did_not_fit_for_one_handler_stays_ready_for_it(bare: Desk) -> None:
    bare.subscribe("w", BELL, LOG)
    bare.accept(arrival("big", "device:1", b"x" * 5 * 1024 * 1024))

    assert names(bare.claim().mail) == {"bell device:1": ["big"]}
    assert bare.ready("log") == ["device:1"]


def test_a_claim_of_nothing_takes_nothing(desk: Desk) -> None:
    desk.deliver("e1")

    assert desk.claim(mailboxes=0).mail == ()
    assert desk.claim(entries=0).mail == ()
    assert desk.ready() == ["device:1"]
    assert desk.found["leases"] == {}


def test_a_claim_asks_for_the_next_shift_while_more_is_ready(desk: Desk) -> None:
    for n in range(3):
        desk.deliver(f"e{n}", mailbox=f"device:{n}")

    claims = [desk.claim(worker, mailboxes=1) for worker in ("w", "v", "u")]
    wake = (desk.sets["w"].fingerprint,)
    assert [claimed.wake for claimed in claims] == [wake, wake, ()]


def test_a_claim_whose_answer_was_lost_returns_the_same_mail_when_repeated(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.deliver("e4", mailbox="device:2")
    first = desk.claim(mailboxes=1, entries=2)
    desk.deliver("e5")

    again = desk.claim(mailboxes=1, entries=2)
    assert again.mail == first.mail
    assert names(again.mail) == {"bell device:1": ["e1", "e2"]}
    assert again.wake


def test_a_claim_that_finds_nothing_leaves_nothing_behind(desk: Desk) -> None:
    before = desk.found

    assert desk.claim() == (True, (), ())
    assert desk.found == before


def test_a_retry_comes_with_the_record_of_its_handler_alone(bare: Desk) -> None:
    bare.subscribe("w", BELL, LOG)
    bare.deliver("e1")
    bare.claim()
    bare.settle(box(END, failed("e1")), box(KEEP, done("e1"), handler="log"))
    bare.sweep("w")

    (mail,) = bare.claim(settles=1).mail
    assert names([mail]) == {"bell device:1": ["e1"]}
    assert mail.entries[0].record == RETRYING


def test_a_mailbox_of_a_thousand_entries_is_claimed_in_one_call(desk: Desk) -> None:
    event_ids = [f"e{n}" for n in range(1_000)]
    desk.deliver(*event_ids)

    assert names(desk.claim(entries=1_000).mail) == {"bell device:1": event_ids}


def test_an_entry_whose_record_is_gone_is_handed_out_without_a_body(desk: Desk) -> None:
    desk.deliver("e1")
    desk.redis.delete(keys.event("e1"))

    (mail,) = desk.claim().mail
    assert mail.entries == (Entry(ClaimedEvent("e1", About(), None)),)
    assert desk.settle(box(END, done("e1"))).ours
    assert desk.redis.exists(keys.event("e1"), keys.mail("bell", "device:1")) == 0


def test_a_mailbox_on_the_list_without_mail_is_passed_over(desk: Desk) -> None:
    """Somebody deleted the key of its mail."""
    desk.deliver("e1")
    desk.deliver("e2", mailbox="device:2")
    desk.redis.delete(keys.mail("bell", "device:1"))

    assert names(desk.claim().mail) == {"bell device:2": ["e2"]}
    desk.deliver("e3")
    assert desk.ready() == ["device:1"]


def test_thousands_of_mailboxes_are_claimed_and_settled_at_once(desk: Desk) -> None:
    """Lua hands over fewer than 8,000 values at a time."""
    count = 9_000
    for first in range(0, count, 500):
        desk.accept(*(arrival(f"e{n}", f"device:{n}") for n in range(first, first + 500)))

    mail = desk.claim(mailboxes=count, entries=count).mail
    assert [one.mailbox for one in mail] == [f"device:{n}" for n in range(count)]
    results = [box(END, done(f"e{n}"), mailbox=f"device:{n}") for n in range(count)]
    assert desk.settle(*results).ours
    left = (keys.ready("bell"), keys.LEASES, keys.held("w"), keys.mail("bell", "device:0"))
    assert not desk.redis.exists(*left)
