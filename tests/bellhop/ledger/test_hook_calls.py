"""Hooks are given calls, as handlers are given events: about dead letters, and the quarantine."""

import json
from typing import Any

import pytest

from bellhop.durations import WORKER_GONE_AFTER
from bellhop.errors import NameTaken
from bellhop.hooks import END_OF_CALL, Hook
from bellhop.ledger import Quarantined, Resolution, Subscription, keys
from bellhop.ledger.calls import milliseconds
from tests.bellhop.ledger.conftest import (
    BELL,
    DEAD,
    END,
    KEEP,
    LOG,
    Desk,
    arrival,
    box,
    dead,
    done,
    names,
    record,
)

ON_CALL = Subscription("on.call", ["b*"], hook=Hook.DEAD)
INSPECTOR = Subscription("inspector", ["*"], hook=Hook.QUARANTINED)
FIRST, SECOND = (f"hook:0000000{number}{END_OF_CALL}" for number in (1, 2))


@pytest.fixture
def hooked(bare: Desk) -> Desk:
    """A ledger with two handlers and a hook, about `bell`, of a worker each."""
    bare.subscribe("w", BELL, LOG)
    bare.subscribe("v", ON_CALL)
    return bare


def give_up(desk: Desk, handler: str = "bell") -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(END, dead("e1"), handler=handler))


def body_of(desk: Desk, worker: str = "v") -> Any:
    (mail,) = desk.claim(worker).mail
    return mail.entries[0].event.body


def test_a_handler_that_gives_up_calls_the_hooks_of_its_name(hooked: Desk) -> None:
    give_up(hooked)

    call = hooked.event(FIRST)
    assert call["call"] == {
        "kind": "dead",
        "event_id": "e1",
        "handler": "bell",
        "at": str(hooked.now),
    }
    assert (call["mailbox"], call["records"], call["open"]) == ("device:1", {"on.call": ""}, 1)
    assert hooked.event("e1")["told"] == {"bell": FIRST}
    assert hooked.found["mail"]["on.call device:1"] == [FIRST]
    assert hooked.found["log"] == ["e1"]


def test_one_whose_name_fits_no_hook_calls_nobody(hooked: Desk) -> None:
    give_up(hooked, "log")

    assert hooked.found["calls"] == 0
    assert hooked.event("e1")["told"] == {}


def test_a_hook_is_given_the_dead_letter_as_it_is_then(hooked: Desk) -> None:
    give_up(hooked)

    call, is_so, about, body, said = body_of(hooked)
    assert (is_so, body, said) == (1, b"{}", DEAD.encode())
    assert b'"handler":"bell"' in call
    assert b"lock.unlocked" in about


def test_one_that_was_tried_again_meanwhile_is_told_to_be_so_no_more(hooked: Desk) -> None:
    give_up(hooked)
    hooked.resolve(Resolution("retry", "e1", "bell", record("retrying")))

    assert body_of(hooked)[1] == 0


def test_what_a_hook_gives_up_calls_nobody(hooked: Desk) -> None:
    hooked.subscribe("v", ON_CALL._replace(patterns=["*"]))
    give_up(hooked)
    hooked.claim("v")
    hooked.settle(box(END, dead(FIRST), handler="on.call"), worker="v")

    assert hooked.found["calls"] == 1
    assert set(hooked.found["dead"]) == {"e1 bell", f"{FIRST} on.call"}


def test_a_call_that_is_through_may_be_forgotten(hooked: Desk) -> None:
    give_up(hooked)
    hooked.claim("v")
    hooked.settle(box(END, done(FIRST), handler="on.call"), worker="v")

    assert (hooked.event(FIRST)["state"], hooked.event(FIRST)["open"]) == ("done", 0)
    assert hooked.event(FIRST)["may be forgotten"]


def test_a_call_for_a_hook_whose_mailbox_is_left_empty_by_the_same_settle_is_ready_once(
    bare: Desk,
) -> None:
    bare.subscribe("w", BELL, ON_CALL)
    bare.deliver("e1", "e2")
    bare.claim(entries=1)
    bare.settle(box(KEEP, dead("e1")), entries=1)
    assert bare.found["held"] == {"w": {"bell device:1": 0, "on.call device:1": 1}}
    bare.settle(box(END, done(FIRST), handler="on.call"), box(END, dead("e2")))

    assert bare.found["mail"] == {"on.call device:1": [SECOND]}
    assert bare.ready("on.call") == ["device:1"]


def test_what_goes_into_quarantine_calls_the_hooks_that_want_to_know(bare: Desk) -> None:
    bare.subscribe("w", BELL, ON_CALL)
    bare.subscribe("v", INSPECTOR)
    receipt = bare.accept(Quarantined("msg_1", b"{", ("no id", "no type")))

    assert receipt.wake == (bare.sets["v"].fingerprint,)
    assert bare.found["told"] == {"msg_1": FIRST}
    assert bare.found["mail"] == {"inspector quarantine": [FIRST]}
    _, is_so, body, problems, received = body_of(bare)
    assert (is_so, body, problems) == (1, b"{", b"no id\nno type")
    assert received == str(bare.now).encode()


def test_what_was_released_meanwhile_is_told_to_be_in_quarantine_no_more(bare: Desk) -> None:
    bare.subscribe("v", INSPECTOR)
    bare.accept(Quarantined("msg_e1", b"{", ("no id",)))
    bare.accept(arrival("e1")._replace(released=True))

    assert body_of(bare)[1:] == [0, None, None, None]


def test_what_came_into_quarantine_before_the_first_worker_is_told_to_its_hooks(
    bare: Desk,
) -> None:
    for number in (1, 2):
        bare.accept(Quarantined(f"msg_{number}", b"{", ("no id",)))
    bare.accept(arrival("e1")._replace(delivery_id="msg_1", released=True))
    bare.now += 60_000
    wake = bare.subscribe("v", INSPECTOR)

    assert wake == (bare.sets["v"].fingerprint,)
    assert names(bare.claim("v").mail) == {"inspector quarantine": [FIRST]}
    assert bare.found["untold"] == []
    told = bare.redis.hget(keys.quarantined("msg_2"), "told")
    assert told == FIRST.encode()


def test_of_many_of_them_a_thousand_are_told_at_a_time(bare: Desk) -> None:
    bare.accept(*(Quarantined(f"msg_{number}", b"{", ("no id",)) for number in range(1_500)))
    bare.subscribe("v", INSPECTOR)
    assert len(bare.found["untold"]) == 500
    assert not bare.sweep("v").more
    assert bare.found["untold"] == []
    assert len(bare.found["mail"]["inspector quarantine"]) == 1_500


def test_a_hook_that_comes_later_is_not_told_of_what_nobody_was_told(bare: Desk) -> None:
    bare.accept(Quarantined("msg_1", b"{", ("no id",)))
    bare.subscribe("w", BELL)
    bare.accept(Quarantined("msg_2", b"{", ("no id",)))
    bare.subscribe("v", INSPECTOR)

    assert bare.found["mail"] == {}
    assert bare.found["untold"] == []


def test_a_hooks_patterns_are_of_no_types_of_events(bare: Desk) -> None:
    bare.subscribe("v", ON_CALL._replace(patterns=["*"]), INSPECTOR)
    bare.deliver("e1")

    assert bare.event("e1")["state"] == "unhandled"
    assert bare.found["mail"] == {}


def test_the_patterns_of_a_hook_are_a_list_of_none(bare: Desk) -> None:
    strange = Subscription("on.call", ['"patterns":{}', "{}"], hook=Hook.DEAD)
    bare.subscribe("v", strange)

    stored = json.loads(bare.redis.hget(keys.SUBSCRIPTIONS, "on.call") or "")
    assert stored == {"patterns": [], "dead": list(strange.patterns), "since": str(bare.now)}


@pytest.mark.parametrize("kind", [None, Hook.QUARANTINED])
def test_a_name_that_a_live_worker_has_for_something_else_is_refused(
    bare: Desk, kind: Hook | None
) -> None:
    bare.subscribe("w", LOG, BELL._replace(hook=kind))
    before = bare.found

    with pytest.raises(NameTaken, match=r"'bell' is a h.* in the live worker w, and something el"):
        bare.subscribe("v", Subscription("bell", ["bell"], hook=Hook.DEAD))
    assert bare.found == before


def test_a_name_may_be_a_hook_once_nobody_alive_has_it_as_a_handler(bare: Desk) -> None:
    bare.subscribe("w", BELL)
    bare.now += milliseconds(WORKER_GONE_AFTER)
    bare.subscribe("v", Subscription("bell", ["bell"], hook=Hook.DEAD))

    patterns, _ = bare.found["subscriptions"]["bell"]
    assert patterns == {"patterns": ["*"], "dead": ["bell"]}
    give_up(bare)
    assert names(bare.claim("v").mail) == {"bell device:1": [FIRST]}
