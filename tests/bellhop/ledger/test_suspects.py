"""Events under which workers died are run one at a time, and other mail goes on beside them."""

import pytest

from tests.bellhop.ledger.conftest import END, Desk, box, done, names


@pytest.fixture
def suspected(desk: Desk) -> Desk:
    """Suspects for three devices, `e1` to `e3`, and other mail for two more."""
    for number in range(1, 4):
        desk.deliver(f"e{number}", mailbox=f"device:{number}")
        desk.claim(f"killed{number}")
    for number in (3, 2, 1):  # what is freed comes before other mail
        desk.die(f"killed{number}", under=f"e{number} bell")
    for worker in ("w", "v"):
        desk.subscribe(worker)
    desk.deliver("e8", "e9", mailbox="device:8")
    desk.deliver("e10", mailbox="device:10")
    return desk


def test_after_each_suspect_comes_other_mail(suspected: Desk) -> None:
    given = names(suspected.claim(mailboxes=1, entries=1).mail)
    for event_id, device in [("e1", 1), ("e8", 8), ("e2", 2), ("e10", 10), ("e3", 3), ("e9", 8)]:
        assert given == {f"bell device:{device}": [event_id]}
        result = box(END, done(event_id), mailbox=f"device:{device}")
        given = names(suspected.settle(result, mailboxes=1, entries=1).mail)
    assert given == {}


def test_beside_one_that_runs_others_run_other_mail(suspected: Desk) -> None:
    assert names(suspected.claim().mail) == {"bell device:1": ["e1"]}
    assert names(suspected.claim("v").mail) == {
        "bell device:8": ["e8", "e9"],
        "bell device:10": ["e10"],
    }
    assert not suspected.settle(worker="v", entries=9).suspects_wait
    suspected.settle(
        box(END, done("e8"), done("e9"), mailbox="device:8"),
        box(END, done("e10"), mailbox="device:10"),
        worker="v",
    )
    assert not suspected.idle("v"), "there is nothing that it may take"

    suspected.settle(box(END, done("e1"), mailbox="device:1"))
    assert suspected.found["wake"] == {"v"}
    assert names(suspected.claim("v", was_idle=True).mail) == {"bell device:2": ["e2"]}


def test_the_end_of_a_worker_that_runs_one_lets_others_have_the_next(suspected: Desk) -> None:
    suspected.claim()
    suspected.die(under="e1 bell")
    assert names(suspected.claim("v").mail) == {"bell device:1": ["e1"]}


def test_a_worker_whose_hands_do_not_get_empty_takes_other_mail_in_between(suspected: Desk) -> None:
    """What it runs may take an hour. It waits, goes on for as long, and then waits for longer."""
    suspected.claim()
    suspected.settle(box(END, done("e1"), mailbox="device:1"), mailboxes=1, entries=1)
    waits = []
    for _ in range(14):
        waits.append(suspected.settle(mailboxes=1, entries=1).suspects_wait)
        suspected.now += 500
        suspected.deliver(f"f{len(waits)}", mailbox=f"other:{len(waits)}")
    assert waits == [True, True, False, False, *[True] * 4, *[False] * 4, True, True]
