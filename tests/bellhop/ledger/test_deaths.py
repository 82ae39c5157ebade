"""What a dead worker held is free again, and what killed it is found out."""

import pytest

from tests.bellhop.ledger.conftest import (
    BELL,
    END,
    KEEP,
    LEASE_MS,
    LOG,
    Desk,
    box,
    done,
    failed,
    names,
)


def deaths(desk: Desk, event_id: str = "e1") -> dict[str, int]:
    found: dict[str, int] = desk.event(event_id)["deaths"]
    return found


def interrupted(desk: Desk, event_id: str = "e1") -> dict[str, int]:
    found: dict[str, int] = desk.event(event_id)["interrupted"]
    return found


# Leases


def test_what_a_worker_held_is_free_when_its_lease_ends(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.subscribe("v")
    *before, last = desk.sweep_again_and_again(LEASE_MS // 1_000, "v")

    assert not any(swept.freed for swept in before)
    assert last.freed == ("w",)
    assert last.wake == (desk.sets["v"].fingerprint,)
    assert names(desk.claim("v").mail) == {"bell device:1": ["e1", "e2"]}


def test_a_worker_that_somebody_speaks_for_keeps_its_mail_however_long_it_takes(
    desk: Desk,
) -> None:
    desk.deliver("e1")
    desk.claim()

    assert not any(swept.freed for swept in desk.sweep_again_and_again(100, "w"))
    assert desk.settle(box(END, done("e1"))).ours


def test_what_a_dead_worker_held_is_free_at_once(desk: Desk) -> None:
    for number, worker in enumerate(("host/a w", "host/a w2")):
        desk.deliver(f"e{number}", mailbox=f"device:{number}")
        desk.claim(worker, mailboxes=1)

    assert desk.sweep(dead={"host/a w": "", "a stranger": ""}).freed == ("host/a w",)
    assert list(desk.found["held"]) == ["host/a w2"]


def test_what_is_freed_comes_before_other_mail(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    desk.deliver("e3", mailbox="device:2")
    desk.die()

    assert desk.ready() == ["device:1", "device:2"]


def test_mail_for_a_mailbox_that_is_freed_stays_behind_what_was_there(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)
    desk.deliver("e3")
    desk.die(under="e1 bell")
    desk.deliver("e4")

    assert desk.found["mail"] == {"bell device:1": ["e1", "e2", "e3", "e4"]}
    assert desk.found["suspects"] == {"bell": ["device:1"]}
    assert desk.ready() == []


# Who is to blame


def test_the_entry_that_a_pool_knows_its_worker_died_under_is_counted(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.deliver("e3", mailbox="device:2")
    desk.claim()
    desk.die(under="e1 bell")

    assert deaths(desk) == {"bell": 1}
    assert desk.found["suspects"] == {"bell": ["device:1"]}
    assert desk.ready() == ["device:2"], "which is not to blame"
    assert interrupted(desk, "e3") == deaths(desk, "e2") == {}


def test_it_is_counted_though_what_was_handled_before_it_was_not_settled(desk: Desk) -> None:
    """Else both would be run again and again, and kill one worker after the other."""
    desk.deliver("e1", "e2", "e3")
    for number in range(1, 4):
        worker = f"w{number}"
        desk.claim(worker)
        if desk.found["held"][worker] == {"bell device:1": 1}:  # e1, alone
            desk.settle(box(END, done("e1")), worker=worker, entries=9)
        desk.die(worker, under="e2 bell")
        assert deaths(desk, "e2") == {"bell": number}

    assert desk.event("e1")["state"] == "done"
    (mail,) = desk.claim("v").mail
    assert (names([mail]), mail.entries[0].deaths) == ({"bell device:1": ["e2"]}, 3)


def test_only_the_handler_that_it_died_in_is_blamed(bare: Desk) -> None:
    bare.subscribe("w", BELL, LOG)
    bare.deliver("e1")
    bare.claim()
    bare.die(under="e1 log")

    assert deaths(bare) == {"log": 1}
    assert bare.found["suspects"] == {"log": ["device:1"]}
    assert bare.ready("bell") == ["device:1"]


@pytest.mark.parametrize("in_order", [False, True], ids=["a machine's end", "an end in order"])
def test_an_entry_that_was_all_a_worker_held_is_not_to_blame(desk: Desk, in_order: bool) -> None:
    """A handler of half an hour, on machines that are taken away, is no poison."""
    desk.deliver("e1", "e2")
    for worker in ("w", "v"):
        assert names(desk.claim(worker, entries=1).mail) == {"bell device:1": ["e1"]}
        if in_order:
            desk.die(worker, under=None)
        else:
            lost = desk.sweep_again_and_again(LEASE_MS // 1_000)[-1]
            assert lost.freed == (worker,)

    assert deaths(desk) == {}
    assert interrupted(desk) == ({} if in_order else {"bell": 2})
    assert desk.found["suspects"] == ({} if in_order else {"bell": ["device:1"]})


def test_one_that_runs_alone_as_a_suspect_is_counted_three_times_and_no_more(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    for number in range(1, 6):
        desk.claim(f"w{number}", entries=1)
        desk.die(f"w{number}")
        assert deaths(desk) == ({"bell": number - 2} if number > 2 else {})

    (mail,) = desk.claim("v").mail
    assert mail.entries[0].deaths == 3
    assert deaths(desk, "e2") == {}


def test_a_suspect_stays_one_when_its_worker_ended_in_order(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim("w")
    desk.die("w", under="e1 bell")
    assert desk.claim("v").mail[0].alone
    desk.die("v", under=None)

    assert deaths(desk) == {"bell": 1}
    assert interrupted(desk) == {}
    assert desk.found["suspects"] == {"bell": ["device:1"]}


def test_if_nobody_knows_what_a_worker_died_under_nobody_is_blamed_the_first_time(
    desk: Desk,
) -> None:
    desk.deliver("e1", "e2")
    desk.deliver("e3", mailbox="device:2")
    desk.claim()
    desk.die()

    assert deaths(desk) == deaths(desk, "e3") == {}
    assert interrupted(desk) == interrupted(desk, "e3") == {"bell": 1}
    assert interrupted(desk, "e2") == {}
    assert set(desk.ready()) == {"device:1", "device:2"}
    assert names(desk.claim("v").mail) == {
        "bell device:1": ["e1", "e2"],
        "bell device:2": ["e3"],
    }


def test_what_was_interrupted_twice_is_run_alone_and_then_counted(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    for worker in ("w", "v"):
        desk.claim(worker)
        desk.die(worker)

    (mail,) = desk.claim("u").mail
    assert (mail.alone, names([mail])) == (True, {"bell device:1": ["e1"]})
    desk.die("u")
    assert deaths(desk) == {"bell": 1}


def test_a_death_in_a_later_run_is_counted_with_the_earlier_ones(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.die(under="e1 bell")
    desk.claim("v")
    desk.settle(box(END, failed("e1")), worker="v")
    desk.sweep("v")
    desk.deliver("e2", mailbox="device:2")
    desk.claim("u")
    desk.die("u", under="e1 bell")

    assert deaths(desk) == {"bell": 2}


def test_what_has_a_death_is_a_suspect_though_nobody_knows_who_killed_the_next_worker(
    desk: Desk,
) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.die(under="e1 bell")
    desk.claim("v")
    desk.settle(box(END, failed("e1")), worker="v")
    desk.sweep("v")
    desk.deliver("e2", mailbox="device:2")
    desk.claim("u")
    desk.die("u")

    assert desk.found["suspects"] == {"bell": ["device:1"]}
    assert desk.ready() == ["device:2"]


def test_a_mailbox_of_which_nothing_was_in_hand_is_not_blamed(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim(entries=1)
    desk.settle(box(KEEP, done("e1")))
    desk.die()

    assert desk.ready() == ["device:1"]
    assert deaths(desk, "e2") == interrupted(desk, "e2") == {}


# Suspects


def test_nothing_is_claimed_beside_a_suspect(desk: Desk) -> None:
    """Else a handler that kills its worker would never be found out while there is other mail."""
    desk.deliver("poison")
    desk.claim()
    desk.die(under="poison bell")
    desk.deliver("e2", mailbox="device:2")

    claimed = desk.claim("v")
    assert names(claimed.mail) == {"bell device:1": ["poison"]}
    assert claimed.mail[0].alone
    assert claimed.wake, "others take the rest"


def test_a_claim_of_a_suspect_whose_answer_was_lost_says_again_that_it_is_alone(
    desk: Desk,
) -> None:
    desk.deliver("e1", "e2")
    for worker in ("w", "v"):
        desk.claim(worker)
        desk.die(worker)
    first = desk.claim("u")

    assert first.mail[0].alone
    assert desk.claim("u").mail == first.mail


def test_a_worker_that_holds_mail_is_told_that_suspects_wait_and_gets_nothing(desk: Desk) -> None:
    desk.deliver("e1")
    desk.deliver("e2", mailbox="device:2")
    desk.claim("w", mailboxes=1)
    desk.claim("v", mailboxes=1)
    desk.deliver("e3", mailbox="device:3")
    desk.die("w", under="e1 bell")

    settled = desk.settle(worker="v", entries=9)
    assert (settled.ours, settled.mail, settled.suspects_wait) == (True, (), True)
    settled = desk.settle(box(END, done("e2"), mailbox="device:2"), worker="v", entries=9)
    assert names(settled.mail) == {"bell device:1": ["e1"]}
    assert settled.mail[0].alone


def test_suspects_of_other_handlers_keep_nobody_from_claiming(desk: Desk) -> None:
    desk.subscribe("v", LOG)
    desk.deliver("e1", "e2")
    desk.claim("w", entries=1)
    desk.die("w", under="e1 bell")

    assert names(desk.claim("v", entries=1).mail) == {"log device:1": ["e1"]}
    settled = desk.settle(box(KEEP, done("e1"), handler="log"), worker="v", entries=9)
    assert not settled.suspects_wait


def test_a_handler_that_kills_its_worker_is_found_out_though_there_is_other_mail(
    desk: Desk,
) -> None:
    """A worker with async handlers asks for more mail while one is under way."""
    desk.deliver("poison")
    desk.claim("w")
    desk.die("w")
    desk.claim("w0")
    for number in range(1, 4):
        desk.die(f"w{number - 1}")
        desk.deliver(f"e{number}", mailbox=f"device:{number + 1}")
        assert names(desk.claim(f"w{number}").mail) == {"bell device:1": ["poison"]}

    assert deaths(desk, "poison") == {"bell": 2}


def test_a_suspect_that_was_handled_is_none_any_more(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim(entries=1)
    desk.die(under="e1 bell")
    desk.claim("v")
    settled = desk.settle(box(END, done("e1")), worker="v", entries=9)

    assert not settled.mail[0].alone
    assert names(settled.mail) == {"bell device:1": ["e2", "e3"]}
