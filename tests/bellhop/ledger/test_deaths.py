"""What a dead worker held is free again, and what killed it is found out."""

from datetime import timedelta

from bellhop.ledger import Swept
from tests.bellhop.ledger.conftest import LEASE, Desk, box, done, failed, names

LEASE_MS = LEASE // timedelta(milliseconds=1)


def test_what_a_shift_held_is_free_when_its_lease_ends(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim("w/1")
    desk.now += LEASE_MS - 1
    assert desk.sweep().ended == ()

    desk.now += 1
    assert desk.sweep() == Swept(True, 0, ("w/1",))
    assert names(desk.claim("v/1").mail) == {"device:1": ["e1"]}


def test_an_outage_longer_than_the_lease_frees_nothing_of_a_worker_that_comes_back(
    desk: Desk,
) -> None:
    desk.deliver("e1")
    desk.claim("w/1", entries=1)
    desk.sweep()
    desk.now += 2 * LEASE_MS
    assert desk.sweep().ended == ()
    assert desk.settle(box("end", done("e1")), shift="w/1").ours
    assert desk.event("e1")["deaths"] == {}


def test_a_worker_that_does_not_come_back_after_an_outage_loses_its_mail(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim("w/1", entries=1)
    desk.sweep()
    desk.now += 2 * LEASE_MS
    assert desk.sweep().ended == ()
    for _ in range(3):
        desk.now += 4_999
        assert desk.sweep().ended == ()
    desk.now += 4_999
    assert desk.sweep().ended == ("w/1",)


def test_what_a_dead_worker_held_is_free_at_once(desk: Desk) -> None:
    for n in range(3):
        desk.deliver(f"e{n}", mailbox=f"device:{n}")
    desk.claim("host/a w/1", mailboxes=1)
    desk.claim("host/a w/2", mailboxes=1)
    desk.claim("host/a w2/1", mailboxes=1)

    assert desk.sweep("host/a w", "a stranger").ended == ("host/a w/1", "host/a w/2")
    assert list(desk.found["held"]) == ["host/a w2/1"]


def test_what_is_freed_comes_before_other_mail(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim("w/1")
    desk.deliver("e2", mailbox="device:2")
    desk.die("w")

    assert desk.found["careful"] == ["device:1"]
    assert desk.found["ready"] == ["device:2"]


def test_an_entry_under_which_a_worker_died_alone_is_counted(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    for deaths in (1, 2, 3):
        desk.claim(f"w/{deaths}", entries=1)
        desk.die()
        assert desk.event("e1")["deaths"] == {None: deaths}

    (mail,) = desk.claim("v/1").mail
    assert mail.entries[0].deaths == 3
    assert desk.event("e2")["deaths"] == {}


def test_a_death_under_the_last_of_several_entries_is_counted(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim()
    desk.settle(box("keep", done("e1"), done("e2")))
    desk.die()

    assert desk.event("e3")["deaths"] == {None: 1}
    assert desk.found["doubts"] == {"device:1": 1}


def test_after_a_death_half_as_many_mailboxes_are_taken_together(desk: Desk) -> None:
    """So the one that kills is found in a few deaths, and the others are handled meanwhile."""
    for number in range(8):
        desk.deliver(f"e{number}", mailbox=f"device:{number}")
    deaths = 0
    taken = desk.claim("w0/1").mail
    assert len(taken) == 8
    for number in range(1, 20):
        desk.die(f"w{number - 1}")
        deaths += 1
        taken = desk.claim(f"w{number}/1").mail
        while taken and "device:5" not in names(taken):
            shift = f"w{number}/1"
            for mail in taken:
                (entry,) = mail.entries
                assert mail.careful
                desk.settle(box("end", done(entry.name), mailbox=mail.mailbox), shift=shift)
            taken = desk.claim(shift).mail
        if taken[0].entries[0].deaths == 3:
            break
    assert names(taken) == {"device:5": ["e5"]}
    assert deaths == 6  # with 8, 4, 2, and three times alone
    finished = [name for name, event in desk.found["events"].items() if event["state"] == "done"]
    assert len(finished) >= 4


def test_a_death_with_several_entries_in_hand_is_nobodys(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.die()

    assert desk.event("e1")["deaths"] == desk.event("e2")["deaths"] == {}
    assert desk.found["doubts"] == {"device:1": 2}


def test_a_death_with_several_mailboxes_in_hand_is_nobodys(desk: Desk) -> None:
    desk.deliver("e1")
    desk.deliver("e2", mailbox="device:2")
    desk.claim()
    desk.die()

    assert desk.event("e1")["deaths"] == desk.event("e2")["deaths"] == {}
    assert desk.found["doubts"] == {"device:1": 1, "device:2": 1}


def test_a_death_under_a_retry_is_counted_for_its_handler(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", failed("e1", "bell")))
    desk.sweep()
    desk.claim("w/2")
    desk.die()

    assert desk.event("e1")["deaths"] == {"bell": 1}
    (mail,) = desk.claim("v/1").mail
    assert mail.entries[0].deaths == 1


def test_a_handler_that_kills_its_worker_is_found_out_though_there_is_other_mail(
    desk: Desk,
) -> None:
    """The shift of a worker with async handlers asks for more mail while one is under way."""
    desk.deliver("poison")
    desk.claim("w/0")
    for number in range(1, 4):
        desk.die()
        desk.deliver(f"e{number}", mailbox=f"device:{number + 1}")
        assert list(names(desk.claim(f"w/{number}").mail)) == ["device:1"]
        desk.settle(shift=f"w/{number}", mailboxes=9, entries=9)

    assert desk.event("poison")["deaths"] == {None: 3}


def test_mail_for_a_mailbox_that_is_freed_stays_behind_what_was_there(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)
    desk.deliver("e3")
    desk.die()

    assert desk.found["mail"] == {"device:1": ["e1", "e2", "e3"]}
    assert not desk.deliver("e4").wants_shift
    assert desk.found["careful"] == ["device:1"]
    assert desk.found["ready"] == []


def test_a_mailbox_of_which_nothing_was_in_hand_is_not_doubted(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)
    desk.settle(box("keep", done("e1")))
    desk.die()

    assert desk.found["ready"] == ["device:1"]
    assert desk.found["doubts"] == {}
