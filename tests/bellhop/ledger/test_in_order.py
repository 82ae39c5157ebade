"""Events that wait behind an earlier one of their mailbox, for one handler."""

from bellhop.ledger import Open, Outcome, SettledEntry
from tests.bellhop.ledger.conftest import Desk, box, dead, done, failed, names


def behind(name: str, handler: str = "bell") -> SettledEntry:
    """Finish an entry: it has to wait for an earlier one."""
    return SettledEntry(name, True, [Outcome(handler, "behind", 0, "waits")])


def entries(desk: Desk, shift: str) -> list[str]:
    """Claim, and return the entries of the only mailbox."""
    return names(desk.claim(shift).mail)["device:1"]


def with_two_behind(desk: Desk) -> None:
    """Let e1 fail, and e2 and e3 wait behind it."""
    desk.deliver("e1", "e2", "e3")
    desk.claim()
    desk.settle(box("end", failed("e1", "bell", 5_000), behind("e2"), behind("e3")))


def come_back(desk: Desk) -> None:
    """Let the retry become due."""
    desk.now += 5_000
    desk.sweep()


def test_what_waits_is_in_no_mailbox_and_not_forgotten(desk: Desk) -> None:
    with_two_behind(desk)

    assert desk.found["mail"] == {}
    assert desk.found["ready"] == []
    assert desk.found["behind"] == {"bell device:1": ["e2", "e3"]}
    assert desk.found["unfinished"] == {"bell device:1": {"e1": 1, "e2": 2, "e3": 3}}
    for event_id in ("e1", "e2", "e3"):
        event = desk.event(event_id)
        assert (event["state"], event["open"]) == ("retrying", 1)
        assert not event["may be forgotten"]


def test_those_behind_go_on_in_order_when_the_one_before_is_done(desk: Desk) -> None:
    with_two_behind(desk)
    come_back(desk)

    assert entries(desk, "w/2") == ["e1 bell"]
    desk.settle(box("end", done("e1 bell", "bell")), shift="w/2")
    assert entries(desk, "w/3") == ["e2 bell", "e3 bell"]
    desk.settle(box("end", done("e2 bell", "bell"), done("e3 bell", "bell")), shift="w/3")

    assert desk.found["unfinished"] == desk.found["behind"] == desk.found["mail"] == {}
    assert {event["state"] for event in desk.found["events"].values()} == {"done"}


def test_it_goes_on_when_the_one_before_is_dead(desk: Desk) -> None:
    with_two_behind(desk)
    come_back(desk)

    entries(desk, "w/2")
    desk.settle(box("end", dead("e1 bell", "bell")), shift="w/2")
    assert entries(desk, "w/3") == ["e2 bell", "e3 bell"]


def test_those_behind_one_that_fails_in_its_turn_wait_again(desk: Desk) -> None:
    with_two_behind(desk)
    come_back(desk)
    entries(desk, "w/2")
    desk.settle(box("end", done("e1 bell", "bell")), shift="w/2")
    entries(desk, "w/3")

    waits = SettledEntry("e3 bell", True, [Outcome("bell", "behind", 0, "waits")])
    desk.settle(box("end", failed("e2 bell", "bell", 5_000), waits), shift="w/3")
    assert desk.found["mail"] == {}
    assert desk.found["behind"] == {"bell device:1": ["e3"]}
    assert desk.event("e3")["open"] == 1


def test_no_more_go_on_together_than_a_batch_takes(desk: Desk) -> None:
    ids = [f"e{number}" for number in range(2, 40)]
    desk.deliver("e1", *ids)
    desk.claim()
    desk.settle(box("end", failed("e1", "bell", 5_000), *map(behind, ids)))
    come_back(desk)
    entries(desk, "w/2")
    desk.settle(box("end", done("e1 bell", "bell")), shift="w/2")

    assert entries(desk, "w/3") == [f"{one} bell" for one in ids[:16]]
    handled = [done(f"{one} bell", "bell") for one in ids[:16]]
    desk.settle(box("end", *handled), shift="w/3")
    assert entries(desk, "w/4") == [f"{one} bell" for one in ids[16:32]]


def test_it_goes_on_waiting_while_the_one_before_is_tried_again(desk: Desk) -> None:
    with_two_behind(desk)
    come_back(desk)

    entries(desk, "w/2")
    desk.settle(box("end", failed("e1 bell", "bell", 5_000)), shift="w/2")
    assert desk.found["mail"] == {}
    assert desk.found["behind"] == {"bell device:1": ["e2", "e3"]}


def test_it_goes_on_when_the_record_of_the_one_before_is_gone(desk: Desk) -> None:
    with_two_behind(desk)
    come_back(desk)

    entries(desk, "w/2")
    desk.redis.delete("{bellhop}:event:e1")
    desk.settle(box("end", SettledEntry("e1 bell", True, [])), shift="w/2")
    assert entries(desk, "w/3") == ["e2 bell", "e3 bell"]


def test_only_that_handler_waits(desk: Desk) -> None:
    with_two_behind(desk)
    desk.deliver("e4")

    (mail,) = desk.claim("w/2").mail
    assert [entry.name for entry in mail.entries] == ["e4"]
    assert mail.open == {"bell": Open(3, (1, 2, 3))}
    desk.settle(box("end", done("e4", "log")), shift="w/2")
    assert desk.event("e4")["state"] == "done"


def test_one_that_waits_for_nothing_is_put_into_the_mailbox_at_once(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", behind("e1")))

    assert desk.found["mail"] == {"device:1": ["e1 bell"]}
    assert desk.found["ready"] == ["device:1"]
    assert desk.found["behind"] == {}


def test_one_that_was_let_go_does_not_make_a_held_mailbox_ready(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)
    desk.settle(box("keep", behind("e1")))

    assert desk.found["mail"] == {"device:1": ["e2", "e1 bell"]}
    assert desk.found["ready"] == []
    assert desk.found["held"] == {"w/1": {"device:1": 0}}


def test_an_outcome_that_comes_twice_waits_once(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    waits = Outcome("bell", "behind", 0, "waits")
    desk.settle(box("keep", failed("e1", "bell", 5_000), SettledEntry("e2", False, [waits])))
    desk.settle(box("keep", SettledEntry("e2", True, [waits])))

    assert desk.found["behind"] == {"bell device:1": ["e2"]}
    assert desk.event("e2")["open"] == 1


def test_handlers_and_mailboxes_with_odd_names_are_kept_apart(desk: Desk) -> None:
    desk.deliver("e1", mailbox="b c")
    desk.deliver("e2", mailbox="c")
    desk.claim()
    desk.settle(
        box("end", failed("e1", "a", 5_000), mailbox="b c"),
        box("end", failed("e2", "a", 5_000), mailbox="c"),
    )
    assert desk.found["unfinished"] == {"a b c": {"e1": 1}, "a c": {"e2": 2}}


def test_the_newest_event_that_a_handler_saw_is_remembered(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim()
    outcomes = [Outcome("bell", "done", 0, "ok", occurred) for occurred in (2_000, 1_000)]
    desk.settle(
        box("end", *(SettledEntry(f"e{n}", True, [one]) for n, one in enumerate(outcomes, 1)))
    )

    claimed = desk.ledger.claim(
        "w/2", lease=desk.ledger.retention, mailboxes=1, entries=1, with_newest=True
    )
    assert claimed.mail[0].newest == {"bell": 2_000}
    assert desk.claim("w/2").mail[0].newest == {}
