"""Events that are over, given to handlers again, or to new ones."""

from bellhop.ledger import Replay, Replayed, Resolution, keys
from tests.bellhop.ledger.conftest import Desk, box, dead, done, failed, names

AGAIN = Replay("e1", "bell", "ok", "again")
FIRST = Replay("e1", "added.today", "", "first")


def replay(desk: Desk, *replays: Replay) -> Replayed:
    return desk.ledger.replay(replays, now_ms=desk.now)


def with_one_that_is_over(desk: Desk, *more: str) -> None:
    desk.deliver("e1", *more)
    desk.claim()
    desk.settle(box("end", *(done(name, "bell") for name in ("e1", *more))))
    assert desk.found["mail"] == {}


def test_it_goes_to_one_handler_at_the_end_of_its_mailbox(desk: Desk) -> None:
    with_one_that_is_over(desk)
    desk.deliver("e2")

    assert replay(desk, FIRST, AGAIN) == Replayed((True, True), 2, False)
    (mail,) = desk.claim("w/2").mail
    assert names([mail]) == {"device:1": ["e2", "e1 added.today", "e1 bell"]}
    assert [entry.records for entry in mail.entries] == [
        {},
        {"added.today": "first"},
        {"bell": "again"},
    ]


def test_a_shift_is_asked_for(desk: Desk) -> None:
    with_one_that_is_over(desk)
    assert replay(desk).wants_shift is False
    assert replay(desk, AGAIN).wants_shift is True


def test_its_record_stays_as_long_as_it_is_open_and_then_as_long_as_any(desk: Desk) -> None:
    with_one_that_is_over(desk)
    assert desk.redis.pttl(keys.event("e1")) > 0
    replay(desk, AGAIN, FIRST)
    assert desk.redis.pttl(keys.event("e1")) == -1
    assert (desk.event("e1")["state"], desk.event("e1")["open"]) == ("retrying", 2)

    desk.claim("w/2")
    desk.settle(box("keep", done("e1 bell", "bell")), shift="w/2")
    assert desk.redis.pttl(keys.event("e1")) == -1
    desk.settle(box("end", done("e1 added.today", "added.today")), shift="w/2")
    assert desk.redis.pttl(keys.event("e1")) > 0
    assert desk.event("e1")["state"] == "done"


def test_it_is_told_how_many_still_wait(desk: Desk) -> None:
    with_one_that_is_over(desk, "e2")
    assert replay(desk, AGAIN, AGAIN._replace(event_id="e2")).waiting == 2

    desk.claim("w/2")
    assert replay(desk).waiting == 2
    desk.settle(box("keep", failed("e1 bell", "bell", 5_000)), shift="w/2")
    assert replay(desk).waiting == 1
    desk.settle(box("end", done("e2 bell", "bell")), shift="w/2")
    assert replay(desk) == Replayed((), 0, False)


def test_what_is_before_the_handler_anyway_is_left_alone(desk: Desk) -> None:
    desk.deliver("e1", "e2", "e3")
    desk.claim()
    desk.settle(box("keep", failed("e1", "bell", 5_000), done("e2", "bell")))

    assert replay(desk, AGAIN._replace(read="oh no")).done == (False,)
    assert replay(desk, Replay("e3", "bell", "", "again")).done == (False,)
    once = Replay("e2", "bell", "ok", "again")
    assert replay(desk, once, once._replace(read="again")).done == (True, False)
    assert replay(desk, FIRST).done == (True,), "another handler may have it"


def test_what_was_done_meanwhile_is_left_alone(desk: Desk) -> None:
    with_one_that_is_over(desk)
    assert replay(desk, AGAIN._replace(read="what it was"), FIRST._replace(read="ok")).done == (
        False,
        False,
    )
    assert replay(desk, AGAIN._replace(event_id="e9", read="")).done == (False,)
    assert desk.found["mail"] == {}


def test_a_dead_letter_is_none_any_more_and_can_become_one_again(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", dead("e1", "bell")))

    assert replay(desk, AGAIN._replace(read="no use")).done == (True,)
    assert desk.found["dead"] == {}
    assert (desk.event("e1")["state"], desk.event("e1")["dead"]) == ("retrying", 0)
    drop = Resolution("drop", "e1", "bell", "no use")
    assert desk.ledger.resolve([drop], now_ms=desk.now).done == (False,)

    desk.claim("w/2")
    desk.settle(box("end", dead("e1 bell", "bell")), shift="w/2")
    assert list(desk.found["dead"]) == ["e1 bell"]
    assert desk.event("e1")["state"] == "dead"


def test_workers_that_died_under_it_are_forgiven(desk: Desk) -> None:
    with_one_that_is_over(desk)
    replay(desk, AGAIN)
    desk.claim("a/1")
    desk.die("a")
    assert desk.event("e1")["deaths"] == {"bell": 1}
    desk.claim("b/1")
    desk.settle(box("end", done("e1 bell", "bell")), shift="b/1")

    replay(desk, AGAIN)
    assert desk.claim("c/1").mail[0].entries[0].deaths == 0


def test_later_events_do_not_wait_behind_it_until_it_fails(desk: Desk) -> None:
    with_one_that_is_over(desk)
    replay(desk, AGAIN)
    desk.deliver("e2")
    (mail,) = desk.claim("w/2").mail
    assert mail.open == {}

    desk.settle(box("end", failed("e1 bell", "bell", 5_000)), shift="w/2")
    (mail,) = desk.claim("w/3").mail
    assert mail.open["bell"].orders == (1,)
