"""Handlers are subscribed while a worker has them, and for a while after that."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bellhop.ledger import (
    HandlerSet,
    Ledger,
    Subscription,
    handler_sets,
    keys,
    read_live_sets,
    read_subscriptions,
    workers_alive,
)
from bellhop.patterns import Pattern
from tests.bellhop.ledger.conftest import (
    BELL,
    LOG,
    Desk,
    arrival,
    names,
)
from tests.examples import examples

MINUTE = timedelta(minutes=1)


def test_handlers_that_are_left_to_others_are_subscribed_unless_somebody_did(bare: Desk) -> None:
    bare.deliver("e1")
    bare.subscribe("w", BELL)
    wider = Subscription("bell", ["*", "lock.*"])
    bare.ledger.subscribe("v", HandlerSet([], ["v*"], [LOG, wider]), now_ms=bare.now)
    bare.deliver("e2")
    assert bare.found["mail"] == {"bell device:1": ["e1", "e2"], "log device:1": ["e2"]}
    assert bare.found["subscriptions"]["bell"] == ({"patterns": list(BELL.patterns)}, bare.now)


def test_a_new_handler_gets_what_comes_from_now_on(desk: Desk) -> None:
    desk.deliver("e1")
    desk.subscribe("v", LOG)
    desk.deliver("e2")

    assert desk.found["subscriptions"]["log"] == ({"patterns": ["*"]}, desk.now)
    assert names(desk.claim("v").mail) == {"log device:1": ["e2"]}


def test_a_handler_of_a_new_version_gets_what_fits_the_old_and_the_new_patterns(
    bare: Desk,
) -> None:
    bare.subscribe("old", Subscription("bell", ["lock.*"]))
    began = bare.now
    bare.now += 1_000
    bare.subscribe("new", Subscription("bell", ["access_code.*"]))

    assert bare.found["subscriptions"] == {
        "bell": ({"patterns": ["access_code.*", "lock.*"]}, began)
    }


def test_when_the_old_version_is_gone_so_are_its_patterns(bare: Desk) -> None:
    bare.subscribe("old", Subscription("bell", ["lock.*"]), LOG)
    bare.subscribe("new", Subscription("bell", ["access_code.*"]))

    gone = bare.sets["old"].fingerprint
    assert bare.sweep(dead={"old": ""}).dropped == (gone,)
    assert bare.found["subscriptions"]["bell"] == ({"patterns": ["access_code.*"]}, bare.now)
    assert bare.found["subscriptions"]["log"] == ({"patterns": ["*"]}, bare.now), (
        "nobody has it: it stays"
    )
    assert bare.deliver("e1").new == (True,)
    assert bare.event("e1")["records"] == {"log": ""}


def test_a_set_stays_while_another_worker_has_it(desk: Desk) -> None:
    desk.subscribe("v")

    assert desk.sweep(dead={"w": ""}).dropped == ()
    assert handler_sets(desk.redis) == [desk.sets["v"].fingerprint]
    assert desk.sweep(dead={"v": ""}).dropped == (desk.sets["v"].fingerprint,)
    assert handler_sets(desk.redis) == []


def test_the_fingerprint_of_a_set_is_that_of_names_patterns_and_limits() -> None:
    sets = [
        [BELL],
        [LOG],
        [BELL, LOG],
        [Subscription("bell", ["lock.*"])],
        [Subscription("bell", ["*"], 3)],
    ]
    assert len({HandlerSet(one).fingerprint for one in sets}) == len(sets)
    assert HandlerSet([LOG, BELL]).fingerprint == HandlerSet([BELL, LOG]).fingerprint
    assert HandlerSet([BELL], ["b*"]).fingerprint != HandlerSet([BELL]).fingerprint


def test_what_a_worker_is_restricted_to_is_known(bare: Desk) -> None:
    bare.ledger.subscribe("w", HandlerSet([BELL], ["b*", "x"]), now_ms=bare.now)
    bare.ledger.subscribe("v", HandlerSet([BELL]), now_ms=bare.now + 1)
    restricted, other = read_live_sets(bare.redis)
    assert (restricted.workers, restricted.only) == (("w",), ("b*", "x"))
    assert (other.workers, other.only) == (("v",), ())


def test_to_subscribe_again_changes_nothing(desk: Desk) -> None:
    desk.deliver("e1")
    before = desk.found

    desk.subscribe("w")
    assert desk.found == before


def test_a_worker_that_nobody_speaks_for_is_forgotten_after_half_a_minute(desk: Desk) -> None:
    desk.subscribe("v", LOG)
    desk.sweep("v")

    silent = desk.sweep_again_and_again(29, "v")
    assert not any(swept.dropped for swept in silent)
    [swept] = desk.sweep_again_and_again(1, "v")
    assert swept.dropped == (desk.sets["w"].fingerprint,)
    assert workers_alive(desk.redis) == list(desk.found["alive"]) == ["v"]


def test_a_handler_was_last_seen_when_its_last_worker_was_forgotten(desk: Desk) -> None:
    desk.sweep()
    desk.sweep_again_and_again(30)

    assert desk.found["seen"] == {"bell": desk.now}


def test_one_that_was_forgotten_is_told_so_when_it_claims_and_subscribes_again(desk: Desk) -> None:
    desk.sweep()
    desk.sweep_again_and_again(30)
    desk.deliver("e1")

    assert not desk.claim().known
    desk.subscribe("w")
    assert names(desk.claim().mail) == {"bell device:1": ["e1"]}


def test_one_that_was_forgotten_does_not_idle_but_claims(desk: Desk) -> None:
    desk.sweep(dead={"w": ""})

    assert desk.idle()
    assert desk.found["idle"] == {}


def test_a_handler_without_a_worker_keeps_its_mail_and_gets_more(desk: Desk) -> None:
    desk.deliver("e1")
    desk.sweep(dead={"w": ""})
    desk.deliver("e2")
    desk.now += 1_000

    assert desk.sweep(forget_after=MINUTE).abandoned == ()
    desk.subscribe("v")
    assert names(desk.claim("v").mail) == {"bell device:1": ["e1", "e2"]}


# Before the first worker


def test_what_comes_before_the_first_worker_waits_for_it_in_order(bare: Desk) -> None:
    bare.deliver("e1", "e2")
    bare.deliver("e3", mailbox="device:2")

    assert bare.found["unrouted"] == ["e1", "e2", "e3"]
    assert bare.event("e1")["state"] == "accepted"
    assert not bare.event("e1")["may be forgotten"]
    [fingerprint] = bare.subscribe("w")
    assert fingerprint == bare.sets["w"].fingerprint
    assert bare.found["unrouted"] == []
    assert bare.found["mail"] == {"bell device:1": ["e1", "e2"], "bell device:2": ["e3"]}


def test_it_is_given_out_a_thousand_at_a_time_and_what_comes_meanwhile_is_last(bare: Desk) -> None:
    bare.deliver(*(f"e{number}" for number in range(2_001)))
    bare.subscribe("w")
    assert len(bare.found["unrouted"]) == 1_001
    bare.deliver("last")

    assert bare.sweep("w").more
    assert not bare.sweep("w").more
    every_event = [f"e{number}" for number in range(2_001)]
    assert bare.found["mail"] == {"bell device:1": [*every_event, "last"]}


def test_what_waits_for_the_first_worker_and_fits_no_handler_is_unhandled(bare: Desk) -> None:
    bare.deliver("e1")
    bare.subscribe("w", Subscription("codes", ["access_code.*"]))

    assert bare.event("e1")["state"] == "unhandled"
    assert bare.event("e1")["may be forgotten"]


# What people see


def test_subscriptions_are_told_with_their_workers_and_what_waits(ledger: Ledger) -> None:
    """By the server's clock, as everyone but tests does."""
    wide, narrow = HandlerSet([BELL, LOG]), HandlerSet([Subscription("bell", ["lock.*"], 2)])
    for worker, handlers in (("b", wide), ("a", wide), ("c", narrow)):
        ledger.subscribe(worker, handlers)
    ledger.accept([arrival("e1"), arrival("e2", "device:2")])
    ledger.redis.sadd(keys.PAUSED, "log")

    bell, log = read_subscriptions(ledger.redis)
    assert (bell.name, sorted(bell.patterns), bell.limit) == ("bell", ["*", "lock.*"], 2)
    assert (log.name, log.patterns, log.limit) == ("log", ("*",), None)
    assert (bell.workers, log.workers) == (("a", "b", "c"), ("a", "b"))
    assert (bell.mailboxes, log.mailboxes) == (2, 2)
    assert (bell.paused, log.paused) == (False, True)
    assert bell.since <= bell.seen_at
    assert set(workers_alive(ledger.redis)) == {"a", "b", "c"}


# Patterns

TEXTS = st.text("ab.*%-[é\n", max_size=6)


@settings(
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(pattern=TEXTS, event_type=TEXTS)
def test_an_event_goes_to_the_patterns_that_routing_says(
    ledger: Ledger, pattern: str, event_type: str
) -> None:
    ledger.redis.flushall()
    ledger.subscribe("w", HandlerSet([Subscription("bell", [pattern])]))
    ledger.accept([arrival("e1")._replace(event_type=event_type)])

    assert (b"h:bell" in ledger.redis.hgetall(keys.event("e1"))) == Pattern(pattern).matches(
        event_type
    )
