"""What somebody else wrote into the ledger, or a fault left there, keeps nobody's mail.

Each case spoils one thing. Events of the same device, of others and for another handler are
handled, the foreman goes on, and no call fails.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bellhop import Context, SeamEvent
from bellhop.ledger import DeadLetters, Query, Record, keys, read_condition, read_subscriptions
from bellhop.queue import queue_keys
from tests.workers.conftest import Workplace

SPOILT = "e1"
"""The event that each case may spoil. It waits for both handlers, in a mailbox of `BOX`."""

BOX = "device:front"
EVENT = keys.event(SPOILT)
RECORD = "h:strict"

Spoil = Callable[[Any], object]

DEAD: dict[str, tuple[Spoil, str]] = {
    "what is known of it is no JSON": (
        lambda redis: redis.hset(EVENT, "about", "1-1 no json"),
        "what the ledger knows of the event cannot be read",
    ),
    "what is known of it is a number": (
        lambda redis: redis.hset(EVENT, "about", "5"),
        "what the ledger knows of the event cannot be read",
    ),
    "what is known of it is of other types": (
        lambda redis: redis.hset(EVENT, "about", '1-1 [1, {"a": []}, null]'),
        "what the ledger knows of the event cannot be read",
    ),
    "its body is gone": (
        lambda redis: redis.hdel(EVENT, "body"),
        "the body of the event is gone",
    ),
    "its body is no event": (
        lambda redis: redis.hset(EVENT, "body", b"\xff{"),
        "cannot be read any more",
    ),
    "its record is no JSON": (
        lambda redis: redis.hset(EVENT, RECORD, "no json"),
        "what is on record of the handler cannot be read",
    ),
    "its record is no UTF-8": (
        lambda redis: redis.hset(EVENT, RECORD, b"\xff\xfe"),
        "what is on record of the handler cannot be read",
    ),
    "its record is a list": (
        lambda redis: redis.hset(EVENT, RECORD, "[1]"),
        "what is on record of the handler cannot be read",
    ),
    "its attempts are no attempts": (
        lambda redis: redis.hset(EVENT, RECORD, '{"state": "retrying", "attempts": [1, "x"]}'),
        "what is on record of the handler cannot be read",
    ),
    "its attempts were made after the end of time": (
        lambda redis: redis.hset(
            EVENT, RECORD, '{"state": "retrying", "attempts": [[1e99, 1, null]]}'
        ),
        "what is on record of the handler cannot be read",
    ),
    "it was given back how often nobody knows": (
        lambda redis: redis.hset(
            EVENT, RECORD, '{"state": "retrying", "attempts": [], "forgiven": "x"}'
        ),
        "what is on record of the handler cannot be read",
    ),
}
"""What is spoilt, so that the event becomes a dead letter, with a part of its reason."""

DONE: dict[str, Spoil] = {
    "nothing": lambda _: None,
    "a newer version knows more of it": lambda redis: redis.hset(
        EVENT,
        "about",
        redis.hget(EVENT, "about").decode().replace("]", ', 1796000000, {"more": [1]}]'),
    ),
    "its record has more in it": lambda redis: redis.hset(
        EVENT,
        RECORD,
        '{"state": "retrying", "attempts": [[1, 2.0, null, "mark", {"a": 1}]], "more": {"b": 2}}',
    ),
    "its counts are no numbers": lambda redis: redis.hset(
        EVENT,
        mapping={"open": "x", "dead": "y", "deaths:strict": "z", "interrupted:strict": "{}"},
    ),
    "its newest event is no number": lambda redis: redis.hset(
        keys.PREFIX + f"newest:{BOX}", "strict", "x"
    ),
    "its retries are no sorted set": lambda redis: redis.set(
        keys.PREFIX + f"retrying:strict {BOX}", "x"
    ),
    "a list names a box that has no mail": lambda redis: redis.lpush(
        keys.ready("strict"), "nobody", b"\xff\xfe", ""
    ),
    "a list of suspects names a box that has no mail": lambda redis: redis.lpush(
        keys.suspects("strict"), "nobody", b"\xff\xfe", ""
    ),
    "a list names a box twice": lambda redis: redis.rpush(keys.ready("strict"), BOX),
    "a box holds what is no event": lambda redis: redis.lpush(
        keys.mail("strict", BOX), "no such event", b"\xff\xfe", ""
    ),
    "a stranger's box holds what is no event": lambda redis: (
        redis.lpush(keys.mail("strict", "stranger"), b"\xff\xfe"),
        redis.lpush(keys.ready("strict"), "stranger"),
    ),
    "the worker holds what is no box": lambda redis: (
        redis.hset(
            keys.held("w"), mapping={"nonsense": "x", "strict nobody": "y", b"\xff \xff": 1}
        ),
        redis.zadd(keys.LEASES, {"w": 10**14}),
    ),
    "the worker holds a box of a handler that it has not": lambda redis: (
        redis.hset(keys.held("w"), "unknown nobody", 1),
        redis.zadd(keys.LEASES, {"w": 10**14}),
    ),
    "a dead worker held what is no box": lambda redis: (
        redis.hset(keys.held("ghost"), mapping={"nonsense": "x", "strict nobody": "y"}),
        redis.zadd(keys.LEASES, {"ghost": 1}),
    ),
    "what is due is no entry": lambda redis: redis.zadd(
        keys.DUE,
        {"nonsense": 1, b"\xff\xfe": 1, "": 1, "e77 strict nobody": 1, " strict nobody": 1},
    ),
    "a subscription is no JSON": lambda redis: redis.hset(keys.SUBSCRIPTIONS, "other", "no json"),
    "a subscription is a list": lambda redis: redis.hset(keys.SUBSCRIPTIONS, "other", "[[1]]"),
    "its own subscription is no JSON": lambda redis: (
        redis.hset(keys.SUBSCRIPTIONS, "strict", "no json"),
        redis.hset(keys.SETS, "other", "other"),  # so that all are worked out again
    ),
    "a subscription has patterns that are none": lambda redis: redis.hset(
        keys.SUBSCRIPTIONS, "other", '{"patterns": [1, {}, null, "[%", "("], "since": {}}'
    ),
    "a set of handlers is no JSON": lambda redis: (
        redis.hset(keys.SETS, "other", "other strict"),
        redis.set(keys.PREFIX + "set:other", "no json"),
        redis.hset(keys.WORKERS, "ghost", "other"),
        redis.zadd(keys.ALIVE, {"ghost": 1}),
    ),
    "a set of handlers is of numbers": lambda redis: (
        redis.hset(keys.SETS, "other", "other"),
        redis.set(keys.PREFIX + "set:other", '[1, null, {"name": 1}, {"name": "other"}]'),
        redis.hset(keys.WORKERS, "ghost", "other"),
        redis.zadd(keys.ALIVE, {"ghost": 1}),
    ),
    "a limit is no number": lambda redis: redis.hset(keys.LIMITS, "strict", "x"),
    "a name is no UTF-8": lambda redis: (
        redis.hset(keys.SUBSCRIPTIONS, b"\xff", '{"patterns": ["lock.*"]}'),
        redis.zadd(keys.SEEN, {b"\xff": 1}),
        redis.hset(keys.SETS, b"\xfe", b"\xff"),
        redis.delete(keys.PREFIX + "routes"),
    ),
    "an entry of the log is no event": lambda redis: (
        redis.xadd(keys.LOG, {"else": "x"}, id="1000000-1"),
        redis.xadd(keys.LOG, {"event": b"\xff"}, id="1000000-2"),
    ),
    "the number of events is no number": lambda redis: redis.set(keys.ORDER, "x"),
    "the number of events is gone": lambda redis: redis.delete(keys.ORDER),
    "what is to be found is no JSON": lambda redis: redis.lpush(
        keys.UNINDEXED, "nonsense", b"\xff", "1 1 1 no json", "1 1 1 [1, [], {}]"
    ),
    "numbers of the foreman are none": lambda redis: (
        redis.set(keys.SWEPT, "x"),
        redis.set(keys.PREFIX + "jumps", "x"),
        redis.set(keys.PREFIX + "settled:w", "x"),
    ),
    "an event that nobody can route came first": lambda redis: (
        redis.hset(keys.event("lost"), mapping={"about": "nonsense", "body": "{}"}),
        redis.rpush(keys.UNROUTED, "lost", "no such event", b"\xff"),
    ),
}
"""What is spoilt, though the event is handled all the same."""

KEYS = (
    "deliveries", "seen", "limits", "paused", "routes", "unrouted", "untold", "workers", "alive",
    "sets", "leases", "due", "jumps", "order", "replaying", "log", "unindexed", "created",
    "attempts", "unfetched", "fetched_to", "dead", "quarantine", "drift", "swept", "subscriptions",
    "working:strict", "held:w", "settled:w", f"newest:{BOX}", f"retrying:strict {BOX}", "repairs",
    "index:event_type lock.unlocked",
)  # fmt: skip
"""Keys of which each is replaced by one of another type, while the event waits."""


class Scene:
    """A handler in strict order, and another beside it, that note what they saw."""

    def __init__(self, workplace: Workplace) -> None:
        self.workplace = workplace
        self.redis = workplace.ledger.redis
        self.seen: list[tuple[str, str]] = []

        @workplace.on("lock.*", name="strict", in_order=True, attempts=1)
        def strict(event: SeamEvent, context: Context) -> None:
            self.seen.append(("strict", event.event_id))

        @workplace.on("lock.*", name="other", attempts=1)
        async def other(event: SeamEvent) -> None:
            self.seen.append(("other", event.event_id))

        workplace.runtime.subscribe()
        assert workplace.deliver(device="front") == SPOILT

    def go_on(self) -> None:
        """Deliver more, and let worker and foreman do what they do."""
        self.workplace.deliver(device="front")
        self.workplace.deliver(device="back")
        for _ in range(3):
            self.sweep()
            self.workplace.work()
        self.workplace.deliver(device="garden")
        self.workplace.work()
        self.sweep()

    def sweep(self) -> None:
        ledger = self.workplace.ledger
        ledger.sweep(queues=queue_keys(), alive=["w"])
        ledger.index()
        ledger.fetch(timedelta(minutes=1))
        ledger.repair()
        self.redis.hdel(keys.PREFIX + "repair", "at")  # so that it does not wait for its time


@pytest.fixture
def scene(workplace: Workplace) -> Scene:
    return Scene(workplace)


@pytest.mark.parametrize("case", DEAD)
def test_an_event_that_is_spoilt_becomes_a_dead_letter(scene: Scene, case: str) -> None:
    spoil, reason = DEAD[case]
    spoil(scene.redis)

    scene.go_on()

    assert ("strict", SPOILT) not in scene.seen
    record = json.loads(scene.workplace.ledger.event(SPOILT)["h:strict"])
    assert reason in record["error"]
    assert f"{SPOILT} strict".encode() in scene.redis.zrange(keys.DEAD, 0, -1)
    _all_others_are_handled(scene)


@pytest.mark.parametrize("case", DONE)
def test_what_is_spoilt_beside_it_keeps_no_event(scene: Scene, case: str) -> None:
    DONE[case](scene.redis)

    scene.go_on()

    assert ("strict", SPOILT) in scene.seen
    _all_others_are_handled(scene)
    assert scene.redis.zcard(keys.DEAD) == 0


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("other_type", ["string", "set"])
def test_a_key_of_another_type_is_put_aside(scene: Scene, name: str, other_type: str) -> None:
    key = keys.PREFIX + name
    string = other_type == "string" and scene.redis.type(key) != b"string"
    scene.redis.delete(key)
    if string:
        scene.redis.set(key, "somebody's")
    elif name in ("paused", "replaying", "working:strict"):
        scene.redis.rpush(key, "somebody's")
    else:
        scene.redis.sadd(key, "somebody's")

    scene.go_on()

    assert scene.workplace.deliver(device="attic")
    scene.workplace.work()
    _all_others_are_handled(scene)


def _all_others_are_handled(scene: Scene) -> None:
    """Three events beside the one that may be spoilt, each by both handlers, once and in order.

    And it can still be looked at.
    """
    for handler in ("strict", "other"):
        handled = [event_id for name, event_id in scene.seen if name == handler]
        assert [one for one in handled if one in ("e1", "e2")] in (["e1", "e2"], ["e2"])
        assert {"e2", "e3", "e4"} <= set(handled)
        assert len(handled) == len(set(handled))
    assert len(list(Record(scene.redis).all(Query()))) >= 1
    assert list(DeadLetters(scene.redis)) is not None
    assert read_condition(scene.redis).swept_at
    assert {"strict", "other"} <= {one.name for one in read_subscriptions(scene.redis)}
