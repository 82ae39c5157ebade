"""What waits for a handler that no worker has is abandoned after a while, and nothing else is."""

from datetime import timedelta

import pytest

from bellhop.hooks import Hook
from bellhop.ledger import Replay, Resolution, Subscription
from tests.bellhop.ledger.conftest import (
    DEAD,
    DONE,
    END,
    KEEP,
    LOG,
    PARK,
    RETRYING,
    Desk,
    arrival,
    box,
    dead,
    done,
    failed,
    names,
    parked,
    record,
)

MINUTE = timedelta(minutes=1)


def let_all_be_forgotten(desk: Desk) -> None:
    """Let the last worker go, and its handlers be forgotten."""
    desk.sweep()
    desk.sweep_again_and_again(31)
    desk.sweep(forget_after=timedelta(0))
    desk.sweep(forget_after=timedelta(0))
    assert desk.found["subscriptions"] == {}


def test_after_a_day_without_a_worker_the_mail_of_a_handler_is_abandoned(desk: Desk) -> None:
    desk.subscribe("v", LOG)
    desk.deliver("e1")
    desk.sweep("v", dead={"w": ""})
    desk.sweep_again_and_again(60, "v")

    swept = desk.sweep("v", forget_after=MINUTE)
    assert swept.more
    assert swept.abandoned == ()
    assert desk.event("e1")["records"]["log"] == ""
    assert desk.event("e1")["records"]["bell"] == '{"state": "abandoned", "attempts": []}'
    assert desk.event("e1")["open"] == 1
    swept = desk.sweep("v", forget_after=MINUTE)
    assert (swept.abandoned, swept.more) == (("bell",), False)
    assert set(desk.found["subscriptions"]) == {"log"}
    assert set(desk.found["mail"]) == {"log device:1"}


def test_an_event_that_only_abandoned_handlers_had_is_over(desk: Desk) -> None:
    desk.deliver("e1")
    let_all_be_forgotten(desk)

    assert (desk.event("e1")["state"], desk.event("e1")["open"]) == ("done", 0)
    assert desk.event("e1")["may be forgotten"]


def test_retries_and_parked_mailboxes_are_abandoned_too(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.deliver("e4", mailbox="device:2")
    desk.claim()
    desk.settle(
        box(PARK, failed("e1", 3_600_000, wants_retries=True), parked("e2", 3_600_000)),
        box(END, failed("e4", 3_600_000), mailbox="device:2"),
    )
    let_all_be_forgotten(desk)

    for name in ("due", "mail", "retrying"):
        assert desk.found[name] == {}, name
    for event_id in ("e1", "e2", "e4"):
        assert desk.event(event_id)["records"]["bell"] == RETRYING.replace("retrying", "abandoned")
    assert {desk.event(f"e{n}")["open"] for n in range(1, 5)} == {0}


def test_what_was_replayed_and_abandoned_waits_no_more(desk: Desk) -> None:
    desk.handle("e1")
    desk.replay(Replay("e1", "bell", DONE, record("replaying")))
    let_all_be_forgotten(desk)

    assert desk.found["replaying"] == set()
    assert desk.event("e1")["records"]["bell"] == record("abandoned")


def test_a_handler_that_comes_back_in_time_keeps_what_is_left(desk: Desk) -> None:
    desk.accept(*(arrival(f"e{n}", f"device:{n}") for n in range(1_000)))
    desk.sweep(dead={"w": ""})
    desk.now += 1_000
    assert desk.sweep(forget_after=timedelta(0)).more
    desk.subscribe("v")

    assert desk.sweep("v", forget_after=MINUTE).abandoned == ()
    assert len(desk.found["mail"]) == len(desk.ready()) == 500
    assert desk.found["subscriptions"]["bell"][0] == {"patterns": ["*"]}


def test_a_hook_is_given_no_more_calls_while_it_is_abandoned(bare: Desk) -> None:
    bare.subscribe("w", LOG)
    bare.subscribe("v", Subscription("on.call", ["*"], hook=Hook.DEAD))
    bare.deliver("e1", "e2")
    bare.claim()
    bare.settle(box(KEEP, dead("e1"), handler="log"))
    bare.sweep("w", dead={"v": ""})
    bare.now += 1_000
    assert bare.sweep("w", forget_after=timedelta(0)).more
    bare.settle(box(END, dead("e2"), handler="log"))

    assert bare.found["calls"] == 1


def test_a_long_mailbox_is_abandoned_some_hundred_events_at_a_time(desk: Desk) -> None:
    desk.deliver(*(f"e{n}" for n in range(501)))
    desk.sweep(dead={"w": ""})
    desk.now += 1_000

    assert desk.sweep(forget_after=timedelta(0)).more
    assert desk.found["mail"] == {"bell device:1": ["e500"]}
    assert desk.ready() == ["device:1"]
    assert desk.sweep(forget_after=timedelta(0)).more
    assert desk.sweep(forget_after=timedelta(0)).abandoned == ("bell",)
    assert desk.found["mail"] == {}


def test_nothing_is_abandoned_whose_workers_were_only_cut_off_from_redis(desk: Desk) -> None:
    """The first foreman that is back speaks for its own workers, not yet for all others."""
    desk.subscribe("v", LOG)
    desk.deliver("e1")
    desk.sweep("w", "v")
    desk.now += 25 * 3_600_000

    assert desk.sweep("v").abandoned == ()
    assert names(desk.claim("w").mail) == {"bell device:1": ["e1"]}
    assert set(desk.found["subscriptions"]) == {"bell", "log"}


def test_when_all_handlers_are_forgotten_events_wait_for_the_next_worker(desk: Desk) -> None:
    let_all_be_forgotten(desk)
    desk.deliver("e1")

    assert desk.found["unrouted"] == ["e1"]
    desk.subscribe("v", LOG)
    assert names(desk.claim("v").mail) == {"log device:1": ["e1"]}


@pytest.mark.parametrize("what", ["replayed", "resolved"])
def test_to_give_a_forgotten_handler_an_old_event_gives_it_nothing_else(
    desk: Desk, what: str
) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box(END, dead("e1") if what == "resolved" else done("e1")))
    let_all_be_forgotten(desk)
    desk.deliver("e2")
    again = record("retrying")
    if what == "replayed":
        assert desk.replay(Replay("e1", "bell", DONE, again)).done == (True,)
    else:
        assert desk.event("e1")["records"]["bell"] == DEAD
        assert desk.resolve(Resolution("retry", "e1", "bell", again)).done == (True,)
    desk.sweep()
    desk.deliver("e3")

    assert desk.found["unrouted"] == ["e2", "e3"]
    assert desk.event("e2")["state"] == "accepted"
    desk.subscribe("v")
    assert desk.found["mail"] == {"bell device:1": ["e1", "e2", "e3"]}


def test_an_event_that_comes_after_an_old_one_was_replayed_waits_for_the_next_worker(
    desk: Desk,
) -> None:
    desk.handle("e1")
    let_all_be_forgotten(desk)
    desk.replay(Replay("e1", "bell", DONE, record("replaying")))
    desk.deliver("e2")

    assert desk.found["unrouted"] == ["e2"]
