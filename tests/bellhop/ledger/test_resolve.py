"""Dead letters: tried again, or dropped, once."""

from datetime import timedelta

from bellhop.ledger import Outcome, Resolution, Resolved, SettledEntry, keys
from tests.bellhop.ledger.conftest import Desk, box, dead, done, failed, names


def resolve(desk: Desk, *resolutions: Resolution) -> Resolved:
    return desk.ledger.resolve(resolutions, now_ms=desk.now)


def with_a_dead_letter(desk: Desk, *more: str) -> None:
    """Let the handler `bell` give up e1."""
    desk.deliver("e1", *more)
    desk.claim()
    desk.settle(box("end", dead("e1", "bell"), *(done(name, "bell") for name in more)))
    assert desk.found["dead"] == {"e1 bell": desk.now}


RETRY = Resolution("retry", "e1", "bell", "again")
DROP = Resolution("drop", "e1", "bell", "no use")


def test_one_that_is_tried_again_is_for_its_handler_only(desk: Desk) -> None:
    with_a_dead_letter(desk)

    assert resolve(desk, RETRY) == Resolved((True,), True)
    (mail,) = desk.claim("w/2").mail
    assert names([mail]) == {"device:1": ["e1 bell"]}
    assert mail.entries[0].records == {"bell": "again"}
    assert desk.found["dead"] == {}
    event = desk.event("e1")
    assert (event["state"], event["open"], event["dead"]) == ("retrying", 1, 0)


def test_it_can_die_again(desk: Desk) -> None:
    with_a_dead_letter(desk)
    resolve(desk, RETRY)
    desk.claim("w/2")
    desk.settle(box("end", dead("e1 bell", "bell")), shift="w/2")

    assert desk.found["dead"] == {"e1 bell": desk.now}
    assert (desk.event("e1")["state"], desk.event("e1")["dead"]) == ("dead", 1)


def test_when_it_is_done_at_last_its_time_to_live_begins(desk: Desk) -> None:
    with_a_dead_letter(desk)
    assert desk.redis.pttl(keys.event("e1")) == -1
    resolve(desk, RETRY)
    assert desk.redis.pttl(keys.event("e1")) == -1
    desk.claim("w/2")
    desk.settle(box("end", done("e1 bell", "bell")), shift="w/2")

    assert desk.event("e1")["state"] == "done"
    assert desk.redis.pttl(keys.event("e1")) > 0


def test_one_that_is_dropped_is_over(desk: Desk) -> None:
    with_a_dead_letter(desk)

    assert resolve(desk, DROP) == Resolved((True,), False)
    event = desk.event("e1")
    assert (event["state"], event["dead"], event["records"]) == ("done", 0, {"bell": "no use"})
    fourteen_days = timedelta(days=14) // timedelta(milliseconds=1)
    assert 0 < desk.redis.pttl(keys.event("e1")) <= fourteen_days
    assert desk.found["mail"] == {}


def test_an_event_with_another_dead_letter_or_a_retry_stays(desk: Desk) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    both = SettledEntry("e1", True, [Outcome(name, "dead", 0, "no") for name in ("bell", "log")])
    retried = SettledEntry(
        "e2", True, [Outcome("bell", "dead", 0, "no"), Outcome("log", "retry", 9_000, "later")]
    )
    desk.settle(box("end", both, retried))

    resolve(desk, DROP, DROP._replace(event_id="e2"))
    assert desk.event("e1")["state"] == "dead"
    assert desk.event("e2")["state"] == "retrying"
    assert not desk.event("e1")["may be forgotten"]
    assert not desk.event("e2")["may be forgotten"]


def test_what_somebody_else_dealt_with_is_left_alone(desk: Desk) -> None:
    with_a_dead_letter(desk)
    assert resolve(desk, RETRY, RETRY, DROP).done == (True, False, False)
    assert resolve(desk, RETRY._replace(event_id="nobody's")).done == (False,)

    assert names(desk.claim("w/2").mail) == {"device:1": ["e1 bell"]}
    assert desk.event("e1")["open"] == 1


def test_workers_that_died_under_it_are_forgiven(desk: Desk) -> None:
    desk.deliver("e1")
    for shift in ("a/1", "b/1"):
        desk.claim(shift)
        desk.die(shift[0])
    desk.claim()
    assert desk.event("e1")["deaths"] == {None: 2}
    desk.settle(box("end", dead("e1", "bell")))
    resolve(desk, RETRY)

    assert desk.event("e1")["deaths"] == {}
    assert desk.claim("w/2").mail[0].entries[0].deaths == 0


def test_one_that_nobody_could_read_is_tried_as_a_whole(desk: Desk) -> None:
    desk.deliver("e1")
    desk.claim()
    desk.settle(box("end", dead("e1", "*")))
    resolve(desk, RETRY._replace(handler="*"))

    (mail,) = desk.claim("w/2").mail
    assert names([mail]) == {"device:1": ["e1"]}
    assert mail.entries[0].records == {}
    desk.settle(box("end", done("e1", "bell")), shift="w/2")
    assert desk.event("e1")["state"] == "done"
    assert desk.event("e1")["records"] == {"bell": "ok"}


def test_later_events_can_wait_behind_it(desk: Desk) -> None:
    with_a_dead_letter(desk)
    resolve(desk, RETRY)
    desk.deliver("e2")

    (mail,) = desk.claim("w/2").mail
    assert mail.open["bell"].orders == (1,)


def test_one_whose_event_is_gone_is_one_no_more(desk: Desk) -> None:
    with_a_dead_letter(desk)
    desk.redis.delete(keys.event("e1"))

    assert resolve(desk, RETRY) == Resolved((True,), False)
    assert desk.found["dead"] == desk.found["events"] == desk.found["mail"] == {}


def test_a_retry_asks_for_one_shift(desk: Desk) -> None:
    with_a_dead_letter(desk)
    assert resolve(desk, RETRY).wants_shift
    desk.deliver("e2", mailbox="device:2")
    desk.claim("w/2", mailboxes=1)
    desk.settle(box("end", failed("e1 bell", "bell", 9_000)), shift="w/2")
    assert desk.found["due"]


def test_an_event_that_other_handlers_are_yet_to_see_is_not_forgotten_meanwhile(
    desk: Desk,
) -> None:
    desk.deliver("e1", "e2")
    desk.claim()
    gave_up = [Outcome("bell", "dead", 0, "no")]
    desk.settle(box("keep", *(SettledEntry(name, False, gave_up) for name in ("e1", "e2"))))
    resolve(desk, DROP, RETRY._replace(event_id="e2"))

    for event_id in ("e1", "e2"):
        assert desk.event(event_id)["state"] == "accepted"
        assert desk.redis.pttl(keys.event(event_id)) == -1
    desk.settle(box("end", done("e1", "log"), done("e2", "log")))
    assert (desk.event("e1")["state"], desk.event("e2")["state"]) == ("done", "retrying")
