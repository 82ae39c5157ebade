"""In strict order a mailbox waits while its first event is to be tried again."""

from tests.bellhop.ledger.conftest import (
    BELL,
    DONE,
    END,
    FRONT,
    KEEP,
    LOG,
    PARK,
    RETRYING,
    Desk,
    box,
    dead,
    done,
    names,
    parked,
)


def with_a_parked_mailbox(desk: Desk, delay_ms: int = 5_000) -> None:
    """Let e1 be handled, e2 fail, and e3 wait behind it."""
    desk.deliver("e1", "e2", "e3")
    desk.claim()
    desk.settle(box(PARK, done("e1"), parked("e2", delay_ms)))


def test_what_failed_stays_first_in_its_mailbox_which_waits(desk: Desk) -> None:
    with_a_parked_mailbox(desk)

    assert desk.found["mail"] == {"bell device:1": ["e2", "e3"]}
    assert desk.found["due"] == {" bell device:1": desk.now + 5_000}
    assert desk.found["ready"] == desk.found["held"] == desk.found["leases"] == {}
    assert desk.event("e1")["records"] == {"bell": DONE}
    event = desk.event("e2")
    assert (event["state"], event["open"], event["records"]) == ("retrying", 1, {"bell": RETRYING})


def test_it_comes_back_in_order_when_it_is_due(desk: Desk) -> None:
    with_a_parked_mailbox(desk)
    desk.deliver("e4")
    desk.now += 4_999
    assert desk.sweep("w").retries == 0
    assert desk.claim(settles=1).mail == ()

    desk.now += 1
    assert desk.sweep("w").retries == 1
    (mail,) = desk.claim(settles=1).mail
    assert names([mail]) == {"bell device:1": ["e2", "e3", "e4"]}
    assert [entry.record for entry in mail.entries] == [RETRYING, "", ""]


def test_mail_that_comes_meanwhile_neither_wakes_anybody_nor_is_claimed(desk: Desk) -> None:
    with_a_parked_mailbox(desk)

    assert not desk.deliver("e4").wake
    assert desk.ready() == []


def test_only_that_handler_waits(bare: Desk) -> None:
    bare.subscribe("w", BELL, LOG)
    bare.deliver("e1", "e2")
    bare.claim()
    bare.settle(box(PARK, parked("e1")), box(END, done("e1"), done("e2"), handler="log"))
    bare.deliver("e3")

    assert names(bare.claim(settles=1).mail) == {"log device:1": ["e3"]}
    assert bare.event("e1")["records"] == {"bell": RETRYING, "log": DONE}


def test_other_devices_do_not_wait(desk: Desk) -> None:
    with_a_parked_mailbox(desk)
    desk.deliver("e4", mailbox="device:2")

    assert names(desk.claim(settles=1).mail) == {"bell device:2": ["e4"]}


def test_it_goes_on_when_what_failed_is_dead(desk: Desk) -> None:
    with_a_parked_mailbox(desk)
    desk.now += 5_000
    desk.sweep("w")
    desk.claim(settles=1)
    desk.settle(box(END, dead("e2")))

    assert names(desk.claim(settles=2).mail) == {"bell device:1": ["e3"]}


def test_one_that_fails_again_waits_again(desk: Desk) -> None:
    with_a_parked_mailbox(desk)
    desk.now += 5_000
    desk.sweep("w")
    desk.claim(settles=1)
    desk.settle(box(PARK, parked("e2", 60_000)))

    assert desk.found["due"] == {" bell device:1": desk.now + 60_000}
    assert desk.found["mail"] == {"bell device:1": ["e2", "e3"]}
    assert desk.event("e2")["open"] == 1


def test_a_death_under_the_first_of_a_mailbox_that_came_back_is_counted(desk: Desk) -> None:
    with_a_parked_mailbox(desk)
    desk.now += 5_000
    desk.sweep("w")
    desk.claim(settles=1)
    desk.die(under="e2 bell")

    assert desk.event("e2")["deaths"] == {"bell": 1}
    assert desk.found["suspects"] == {"bell": ["device:1"]}
    assert desk.found["mail"] == {"bell device:1": ["e2", "e3"]}


def test_a_mailbox_that_is_given_back_before_it_was_begun_keeps_its_order(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.settle(box(KEEP, done("e1")))
    desk.settle(box(FRONT))
    desk.deliver("e3")

    assert names(desk.claim("v").mail) == {"bell device:1": ["e2", "e3"]}
