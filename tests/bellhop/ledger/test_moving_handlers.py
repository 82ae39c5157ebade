"""The scripts that pause, forget and move handlers, step by step."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from bellhop.connections import connect
from bellhop.hooks import Hook
from bellhop.ledger import (
    Arrival,
    Claimed,
    ClaimLimit,
    GiveBack,
    HandlerSet,
    Ledger,
    Outcome,
    Replay,
    Result,
    SettledEntry,
    SettledMail,
    Step,
    StepState,
    Subscription,
    keys,
    read_subscriptions,
    read_waiting,
)
from bellhop.ledger.handled import opened
from bellhop.ledger.moves import START, Paused
from bellhop.moving import move
from bellhop.vault import Kind, Vault

QUEUES = "rq:queue:bellhop:"
RETRIED = '{"state": "retrying", "attempts": [[1, 2.5, "oh no"]]}'


class Post:
    """A ledger, workers that have handlers, and a clock that a test sets."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.redis: Any = ledger.redis
        seconds, _ = ledger.redis.time()
        self.now = seconds * 1000
        self._sets: dict[str, HandlerSet] = {}
        self._settles: Counter[str] = Counter()
        self._events = 0

    def begin(self, worker: str, *handlers: str, pattern: str = "*") -> None:
        self._sets[worker] = HandlerSet([Subscription(name, [pattern]) for name in handlers])
        self.ledger.subscribe(worker, self._sets[worker], now_ms=self.now)

    def end(self, *workers: str) -> None:
        self.sweep(dead=dict.fromkeys(workers, ""))

    def sweep(self, **options: Any) -> Any:
        return self.ledger.sweep(queues=QUEUES, now_ms=self.now, **options)

    def accept(self, count: int = 1, mailbox: str = "device:1") -> list[str]:
        ids = [f"e{self._events + number}" for number in range(1, count + 1)]
        self._events += count
        self.ledger.accept(
            [Arrival(f"msg_{one}", one, "lock.unlocked", mailbox, b"{}") for one in ids],
            now_ms=self.now,
        )
        return ids

    def claim(self, worker: str, handler: str, entries: int = 99, mailboxes: int = 99) -> Claimed:
        limit = ClaimLimit(handler, mailboxes, entries, 99)
        return self.ledger.claim(
            worker, self._sets[worker], [limit], now_ms=self.now,
            settles=self._settles[worker],
        )  # fmt: skip

    def settle(
        self, worker: str, handler: str, *entries: SettledEntry, mailbox: str = "device:1",
        give_back: GiveBack = GiveBack.END,
    ) -> None:  # fmt: skip
        self._settles[worker] += 1
        number = self._settles[worker]
        done = SettledMail(handler, mailbox, give_back, entries)
        settled = self.ledger.settle(worker, self._sets[worker], number, [done], now_ms=self.now)
        assert settled.ours

    def forget(self, handler: str) -> list[Step]:
        return list(self._to_the_end(lambda place: self._forget_some(handler, place)))

    def _forget_some(self, handler: str, place: Any) -> Step:
        return self.ledger.forget_some(handler, place, now_ms=self.now)

    def move(self, old: str, new: str, at: int | None = None) -> list[Step]:
        """Move all, or stop after so many steps."""
        steps = self._to_the_end(
            lambda place: self.ledger.move_some(old, new, place, now_ms=self.now)
        )
        return list(islice(steps, at))

    def _to_the_end(self, call: Any) -> Iterator[Step]:
        place = START
        while True:
            step = call(place)
            yield step
            if step.state is not StepState.MORE:
                return
            place = step.place

    def mail(self, handler: str, mailbox: str = "device:1") -> list[str]:
        return [one.decode() for one in self.redis.lrange(keys.mail(handler, mailbox), 0, -1)]

    def record(self, event_id: str, handler: str) -> Any:
        found = self.redis.hget(keys.event(event_id), f"h:{handler}")
        return found if found is None else found.decode()

    def due(self) -> dict[str, float]:
        return {one.decode(): at for one, at in self.redis.zrange(keys.DUE, 0, -1, withscores=True)}

    def check_mailboxes(self) -> None:
        """See that every mailbox with mail is in one place, and no other is."""
        check_mailboxes(self.redis)

    def events(self) -> list[str]:
        return [name.removeprefix("event:") for name in self.names("event:")]

    def names(self, beginning: str) -> list[str]:
        """Return the keys whose names begin so, or hold a handler's name."""
        return sorted(
            name
            for one in self.redis.scan_iter("*")
            if (name := one.decode().removeprefix(keys.PREFIX)).startswith(beginning)
        )


def check_mailboxes(redis: Any) -> None:
    places: Counter[str] = Counter()
    for key in redis.scan_iter(f"{keys.PREFIX}*"):
        kind, _, of = key.decode().removeprefix(keys.PREFIX).partition(":")
        if kind in ("ready", "suspects"):
            places.update(f"{of} {one.decode()}" for one in redis.lrange(key, 0, -1))
        elif kind == "held":
            places.update(one.decode() for one in redis.hkeys(key))
    for member in redis.zrange(keys.DUE, 0, -1):
        if member.startswith(b" "):
            places[member.decode().strip()] += 1
    mail = {
        key.decode().removeprefix(f"{keys.PREFIX}mail:")
        for key in redis.scan_iter(f"{keys.PREFIX}mail:*")
    }
    assert dict(places) == dict.fromkeys(mail, 1)


@pytest.fixture
def post(ledger: Ledger) -> Post:
    """A ledger with nothing in it, and a clock that the test sets."""
    return Post(ledger)


def retry(event_id: str, delay_ms: int = 60_000, *, told: bool = False) -> SettledEntry:
    return SettledEntry(event_id, Outcome(Result.RETRY, RETRIED, delay_ms), told=told)


def park(event_id: str, delay_ms: int = 60_000) -> SettledEntry:
    return SettledEntry(event_id, Outcome(Result.PARK, RETRIED, delay_ms))


def done(event_id: str) -> SettledEntry:
    return SettledEntry(event_id, Outcome(Result.DONE, '{"state": "done", "attempts": []}'))


def subscribed(redis: Redis) -> set[str]:
    return {one.name for one in read_subscriptions(redis)}


# Pause


def test_nothing_is_claimed_of_a_paused_handler_until_it_is_resumed(post: Post) -> None:
    post.begin("w", "one", "two")
    assert post.ledger.pause("one") == (Paused.CHANGED, ())
    assert post.ledger.pause("one") == (Paused.SAME, ())
    post.accept()

    assert post.claim("w", "one").mail == ()
    assert len(post.claim("w", "two").mail) == 1
    post.settle("w", "two", done("e1"))

    state, wake = post.ledger.pause("one", resume=True)
    assert state is Paused.CHANGED
    assert len(wake) == 1
    assert post.ledger.pause("one", resume=True)[0] is Paused.SAME
    assert len(post.claim("w", "one").mail) == 1


def test_a_handler_that_nobody_subscribed_is_not_paused(post: Post) -> None:
    assert post.ledger.pause("one")[0] is Paused.UNKNOWN
    assert not post.redis.exists(keys.PAUSED)


# Forget


def test_what_waits_is_abandoned_on_record_and_nothing_of_the_handler_is_left(post: Post) -> None:
    post.begin("w", "one", "two")
    post.ledger.pause("one")
    post.accept(3)
    post.accept(2, "device:2")
    post.end("w")

    steps = post.forget("one")

    assert steps[-1].state is StepState.OVER
    assert sum(step.events for step in steps) == 5
    assert json.loads(post.record("e1", "one"))["state"] == "abandoned"
    assert post.record("e1", "two") == ""
    assert post.ledger.event("e1")["open"] == b"1"
    assert subscribed(post.redis) == {"two"}
    for name in ("mail:one", "ready:one", "suspects:one", "working:one", "paused", "limits"):
        assert post.names(name) == []
    post.check_mailboxes()
    post.accept()
    assert post.record("e6", "one") is None


def test_retries_and_parked_mailboxes_are_abandoned_with_their_attempts(post: Post) -> None:
    post.begin("w", "one")
    post.accept(2)
    post.accept(2, "device:2")
    post.claim("w", "one")
    post.settle("w", "one", retry("e1", told=True))
    post.settle("w", "one", park("e3"), mailbox="device:2", give_back=GiveBack.PARK)
    post.end("w")

    assert post.forget("one")[-1].state is StepState.OVER

    assert post.due() == {}
    for event_id in ("e1", "e3"):
        record = json.loads(post.record(event_id, "one"))
        assert record == {"state": "abandoned", "attempts": [[1, 2.5, "oh no"]]}
    assert post.ledger.event("e4")["state"] == b"done"
    assert post.names("mail:") == post.names("retrying:") == []


def test_a_handler_that_a_worker_has_is_not_forgotten_nor_moved(post: Post) -> None:
    post.begin("w", "one")
    post.accept()
    for step in (post.forget("one")[-1], post.move("one", "new")[-1]):
        assert (step.state, step.workers) == (StepState.HAD, ("w",))
    assert subscribed(post.redis) == {"one"}
    assert post.mail("one") == ["e1"]


def test_a_worker_that_nobody_spoke_for_has_no_handler_any_more(post: Post) -> None:
    post.begin("w", "one")
    post.begin("other", "two")
    post.now += 31_000
    post.sweep(alive=["other"])
    post.begin("third", "two", "three")  # its set is worked out anew
    assert post.forget("one")[-1].state is StepState.OVER
    post.end("third")
    assert subscribed(post.redis) == {"two", "three"}


def test_mail_that_a_lost_worker_holds_is_waited_for(post: Post) -> None:
    post.begin("w", "one")
    post.accept(2)
    post.claim("w", "one")
    post.redis.hdel(keys.WORKERS, "w")
    post.redis.delete(keys.SETS)

    for step in (post.forget("one")[-1], post.move("one", "new")[-1]):
        assert (step.state, step.workers) == (StepState.HELD, ("w",))
    assert post.mail("one") == ["e1", "e2"]

    post.end("w")
    post.move("one", "new")
    assert post.mail("new") == ["e1", "e2"]
    assert post.redis.hget(keys.event("e1"), "interrupted:new") == b"1"
    post.check_mailboxes()


def test_what_is_not_known_is_said_to_be(post: Post) -> None:
    assert post.forget("one")[-1].state is StepState.UNKNOWN
    assert post.move("one", "new")[-1].state is StepState.UNKNOWN
    assert post.names("") == ["version"]


def test_a_handler_is_forgotten_a_thousand_events_at_a_time_and_from_where_it_stopped(
    post: Post,
) -> None:
    post.begin("w", "one")
    post.accept(2500)
    for number in range(20):
        post.accept(50, f"device:{number + 2}")
    post.end("w")

    first = post.ledger.forget_some("one", now_ms=post.now)
    assert first.state is StepState.MORE
    assert 1000 <= first.events <= 2000
    post.check_mailboxes()
    post.accept()
    assert post.record("e3501", "one") is None  # nothing new is given to it

    steps = post.forget("one")
    assert steps[-1].state is StepState.OVER
    assert max(step.events for step in steps) <= 2000
    assert first.events + sum(step.events for step in steps) == 3500
    assert post.names("mail:") == []


# Move


def test_what_waits_goes_to_the_new_handler_in_front_of_its_own(post: Post) -> None:
    post.begin("w", "old")
    post.accept(2)
    post.end("w")
    post.begin("v", "new", "other")
    post.ledger.redis.hset(  # as after the day: nothing more is given to it
        keys.SUBSCRIPTIONS, "old", '{"patterns":[],"since":"1"}'
    )
    post.redis.delete(f"{keys.PREFIX}routes")
    post.accept(2)

    steps = post.move("old", "new")

    assert steps[-1].state is StepState.OVER
    assert (sum(one.events for one in steps), sum(one.had for one in steps)) == (2, 0)
    assert post.mail("new") == ["e1", "e2", "e3", "e4"]
    assert post.record("e1", "old") is None
    assert post.record("e1", "new") == ""
    assert subscribed(post.redis) == {"new", "other"}
    post.check_mailboxes()
    [mail] = post.claim("v", "new").mail
    assert [one.event.event_id for one in mail.entries] == ["e1", "e2", "e3", "e4"]


def test_a_new_handler_without_a_worker_is_given_what_the_old_one_was(post: Post) -> None:
    post.begin("w", "old", pattern="lock.*")
    post.ledger.pause("old")
    post.accept()
    post.end("w")

    post.move("old", "new")
    post.accept()

    [new] = read_subscriptions(post.redis)
    assert (new.name, new.patterns, new.paused, new.workers) == ("new", ("lock.*",), True, ())
    assert post.mail("new") == ["e1", "e2"]
    post.begin("v", "new", pattern="lock.*")
    post.ledger.pause("new", resume=True)
    [mail] = post.claim("v", "new").mail
    assert [one.event.event_id for one in mail.entries] == ["e1", "e2"]


def test_a_hook_is_moved_and_forgotten_as_handlers_are(post: Post) -> None:
    set_of_hooks = HandlerSet([Subscription("old", ["*"], hook=Hook.DEAD)])
    post.ledger.subscribe("w", set_of_hooks, now_ms=post.now)
    post.end("w")

    assert post.move("old", "new")[-1].state is StepState.OVER
    stored = json.loads(post.redis.hget(keys.SUBSCRIPTIONS, "new"))
    assert stored["dead"] == ["*"]
    assert post.forget("new")[-1].state is StepState.OVER
    assert not post.redis.exists(keys.SUBSCRIPTIONS)


def test_a_new_handler_that_workers_have_keeps_its_patterns_and_is_not_paused(post: Post) -> None:
    post.begin("w", "old", pattern="lock.*")
    post.begin("v", "new", pattern="device.*")
    post.ledger.pause("old")
    post.end("w")
    post.move("old", "new")
    [new] = read_subscriptions(post.redis)
    assert (new.patterns, new.paused) == (("device.*",), False)


def test_an_event_that_the_new_handler_was_given_itself_is_not_given_to_it_twice(
    post: Post,
) -> None:
    post.begin("w", "old")
    post.accept(1)
    post.begin("v", "new")
    post.accept(3)  # to both
    post.claim("w", "old", entries=2)
    post.settle("w", "old", retry("e1"), retry("e2", told=True))
    post.claim("v", "new", entries=1)
    post.settle("v", "new", done("e2"))
    post.end("w")

    steps = post.move("old", "new")

    assert (sum(one.events for one in steps), sum(one.had for one in steps)) == (1, 3)
    assert post.mail("new") == ["e3", "e4"]
    assert list(post.due()) == ["e1 new device:1"]
    assert post.record("e1", "new") == RETRIED
    assert json.loads(post.record("e2", "new"))["state"] == "done"
    assert json.loads(post.record("e2", "old"))["state"] == "abandoned"
    assert json.loads(post.record("e3", "old"))["state"] == "abandoned"
    assert post.ledger.event("e3")["open"] == b"1"
    assert post.ledger.event("e2")["state"] == b"done"
    assert post.names("retrying:") == []
    post.check_mailboxes()


def test_what_a_worker_has_in_hand_of_the_new_handler_stays_in_front(post: Post) -> None:
    post.begin("w", "old")
    post.accept(2)
    post.end("w")
    post.begin("v", "new")
    post.redis.hset(keys.SUBSCRIPTIONS, "old", '{"patterns":[],"since":"1"}')
    post.redis.delete(f"{keys.PREFIX}routes")
    post.accept(3)
    post.claim("v", "new", entries=1)

    post.move("old", "new")

    assert post.mail("new") == ["e3", "e1", "e2", "e4", "e5"]
    post.check_mailboxes()
    post.settle("v", "new", done("e3"))
    assert post.mail("new") == ["e1", "e2", "e4", "e5"]
    post.check_mailboxes()


@pytest.mark.parametrize("state", ["nothing", "ready", "held", "parked"])
def test_a_parked_mailbox_stays_parked_until_it_was_due(post: Post, state: str) -> None:
    post.begin("w", "old")
    post.accept(2)
    post.claim("w", "old")
    post.settle("w", "old", park("e1"), give_back=GiveBack.PARK)
    post.end("w")
    post.redis.hset(keys.SUBSCRIPTIONS, "old", '{"patterns":[],"since":"1"}')
    post.redis.delete(f"{keys.PREFIX}routes")
    post.begin("v", "new")
    if state != "nothing":
        post.accept(1)
    if state in ("held", "parked"):
        post.claim("v", "new")
    if state == "parked":
        post.settle("v", "new", park("e3", 5_000), give_back=GiveBack.PARK)
    due = post.due()[" old device:1"]

    post.move("old", "new")

    post.check_mailboxes()
    if state == "held":
        assert post.mail("new") == ["e3", "e1", "e2"]
    else:
        assert post.due() == {" new device:1": due}
        assert post.mail("new")[:2] == ["e1", "e2"]
    assert post.record("e1", "new") == RETRIED


def test_a_suspect_is_run_alone_under_its_new_name_and_its_deaths_count(post: Post) -> None:
    post.begin("w", "old")
    post.accept(2)
    post.claim("w", "old")
    post.sweep(dead={"w": "e1 old"})
    post.begin("v", "new")

    post.move("old", "new")

    post.check_mailboxes()
    [mail] = post.claim("v", "new").mail
    assert mail.alone
    [entry] = mail.entries
    assert (entry.event.event_id, entry.deaths) == ("e1", 1)


def test_what_is_told_of_earlier_events_goes_along(post: Post) -> None:
    post.begin("w", "old")
    post.accept(2)
    post.claim("w", "old")
    seen = SettledEntry("e1", Outcome(Result.RETRY, RETRIED, 60_000), told=True, occurred_ms=5)
    post.settle("w", "old", seen)
    post.end("w")
    post.begin("v", "new")

    post.move("old", "new")

    limit = ClaimLimit("new", 9, 9, past=True)
    [mail] = post.ledger.claim("v", post._sets["v"], [limit], now_ms=post.now).mail
    assert (list(mail.retrying), mail.newest_ms) == ([1], 5)
    assert post.names("retrying:") == ["retrying:new device:1"]


def test_a_replayed_entry_is_counted_under_its_new_name(post: Post) -> None:
    post.begin("w", "old")
    post.accept(1)
    post.claim("w", "old")
    post.settle("w", "old", done("e1"))
    read = post.record("e1", "old")
    post.ledger.replay([Replay("e1", "old", read, '{"state": "replaying", "attempts": []}')])
    post.end("w")
    post.move("old", "new")
    assert post.redis.smembers(f"{keys.PREFIX}replaying") == {b"e1 new"}


def test_a_long_mailbox_is_moved_in_pieces_and_from_where_it_stopped(post: Post) -> None:
    post.begin("w", "old")
    ids = post.accept(3500)
    post.end("w")
    post.begin("v", "new")
    more = post.accept(3)  # to both, of which the new one has them in front of it

    first = post.move("old", "new", at=2)
    assert [step.events for step in first] == [1000, 1000]
    post.check_mailboxes()
    assert post.mail("new") == more

    steps = post.move("old", "new")  # from the start again

    assert steps[-1].state is StepState.OVER
    assert post.mail("new") == ids + more
    assert all(post.record(one, "new") == "" for one in ids)
    assert post.names("mail:old") == []
    post.check_mailboxes()


def test_what_comes_back_from_due_meanwhile_is_moved_too(post: Post) -> None:
    post.begin("w", "old")
    post.accept(2)
    post.claim("w", "old")
    post.settle("w", "old", retry("e1", 1_000))
    post.end("w")
    assert post.move("old", "new", at=1)[0].state is StepState.MORE
    post.now += 2_000
    post.sweep()

    assert post.move("old", "new")[-1].state is StepState.OVER
    assert sorted(post.mail("new")) == ["e1", "e2"]
    post.check_mailboxes()


def test_workers_of_the_new_handler_are_woken(post: Post) -> None:
    post.begin("w", "old")
    post.accept(1)
    post.end("w")
    post.begin("v", "new")
    assert len(post.move("old", "new")[0].wake) == 1


def test_what_handlers_said_can_be_read_under_the_new_name(redis: Redis) -> None:
    vault = Vault(["A" * 43 + "="])
    post = Post(Ledger(redis, timedelta(days=14), vault))
    said = [vault.seal_text("the door 4711", Kind.ATTEMPT, one, "old") for one in ("e1", "e2")]
    records = [json.dumps({"state": "retrying", "attempts": [[1, 2.5, text]]}) for text in said]
    post.begin("w", "old")
    post.accept(3)
    post.claim("w", "old")
    post.settle(
        "w", "old",
        SettledEntry("e1", Outcome(Result.RETRY, records[0], 0)),
        SettledEntry("e2", Outcome(Result.RETRY, records[1], 60_000)),
    )  # fmt: skip
    post.now += 1_000
    post.sweep()
    post.end("w")

    woken: list[Sequence[str]] = []
    *_, last = move(post.ledger, "old", "new", enqueue_shifts=woken.append, free_mail=post.sweep)

    assert last.events == 3
    assert post.mail("new") == ["e3", "e1"]
    for event_id in ("e1", "e2"):
        record = opened(json.loads(post.record(event_id, "new")), event_id, "new", vault)
        assert record["attempts"] == [[1, 2.5, "the door 4711"]]
    post.check_mailboxes()


@given(st.lists(st.sampled_from("aabcdefghij"), max_size=25), st.integers(1, 3))
def test_whatever_happened_each_event_is_with_the_new_handler_once_and_in_order(
    empty_redis: Redis, happened: list[str], pieces: int
) -> None:
    redis: Any = empty_redis
    redis.flushall()
    post = Post(Ledger(redis, timedelta(days=14)))
    post.begin("w", "old")
    for one in happened:
        _happen(post, one)
    post.end("w")
    given_to_old = [one for one in post.events() if _waits(post, one, "old")]

    for _ in range(pieces):
        post.move("old", "new", at=1)
    post.move("old", "new")

    post.check_mailboxes()
    assert "old" not in subscribed(redis)
    assert all(_waits(post, one, "new") or post.record(one, "new") for one in given_to_old)
    waiting = [one for name in post.names("mail:new ") for one in post.mail("new", name[9:])]
    waiting += [member.split()[0] for member in post.due() if not member.startswith(" ")]
    assert sorted(waiting) == [one for one in post.events() if _waits(post, one, "new")]


@pytest.fixture(scope="module")
def empty_redis(_server: Any) -> Iterator[Redis]:
    """A client that is there for all examples."""
    with connect(_server.url) as client:
        yield client


def _waits(post: Post, event_id: str, handler: str) -> bool:
    record = post.record(event_id, handler)
    return record is not None and (record == "" or '"retrying"' in record)


def _happen(post: Post, what: str) -> None:
    post.now += 1000
    match what:
        case "a":
            post.accept(2)
        case "b":
            post.accept(1, "device:2")
        case "c":
            post.begin("v", "new")
        case "d" | "e" | "f":
            _work(post, "w", "old", what)
        case "g" | "h" if "v" in post._sets:
            _work(post, "v", "new", "d" if what == "g" else "f")
        case "i":
            post.now += 61_000
            post.sweep(alive=["w", "v"])
        case "j" if "v" in post._sets and not post.redis.exists(keys.held("v")):
            post.claim("v", "new", entries=2)


def _work(post: Post, worker: str, handler: str, what: str) -> None:
    if post.redis.exists(keys.held(worker)):
        return
    outcome = {"d": done, "e": retry, "f": park}[what]
    claimed = post.claim(worker, handler, entries=1, mailboxes=1)
    for mail in claimed.mail:
        give_back = GiveBack.PARK if what == "f" else GiveBack.END
        entry = mail.entries[0].event.event_id
        post.settle(worker, handler, outcome(entry), mailbox=mail.mailbox, give_back=give_back)


# The day after which a handler is given up


def test_mail_is_kept_while_all_pools_are_away_and_until_their_workers_are_back(
    post: Post,
) -> None:
    post.begin("w", "one", "two")
    post.accept()
    post.end("w")
    post.now += 3 * 24 * 3_600_000

    assert post.sweep().abandoned == ()  # the first pool that is back, without workers yet
    post.begin("v", "one")
    for _ in range(11):
        post.now += 60_000
        post.redis.set(keys.SWEPT, post.now)  # as if somebody had swept each second
        post.sweep(alive=["v"])

    assert post.mail("one") == ["e1"]
    assert subscribed(post.redis) == {"one"}
    assert json.loads(post.record("e1", "two"))["state"] == "abandoned"


# A reload


def test_a_handler_that_a_reload_took_away_is_forgotten_if_nothing_waits_for_it(
    post: Post,
) -> None:
    handlers = ("held", "idle", "parked", "ready", "retried")
    post.begin("w", *handlers)
    post.accept()
    post.claim("w", "idle")
    post.settle("w", "idle", done("e1"))
    post.claim("w", "parked")
    post.settle("w", "parked", park("e1"), give_back=GiveBack.PARK)
    post.claim("w", "retried")
    post.settle("w", "retried", retry("e1"))
    post.claim("w", "held")
    assert post.sweep(alone=True).forgotten == ()
    post.redis.hdel(keys.WORKERS, "w")
    post.redis.delete(keys.SETS)

    assert post.sweep(alone=True).forgotten == ()  # the new ones may be on their way
    post.begin("v", "new")
    assert post.sweep().forgotten == ()
    assert post.sweep(alone=True).forgotten == ("idle",)
    assert subscribed(post.redis) == {"held", "parked", "ready", "retried", "new"}
    post.check_mailboxes()


# What waits


def test_what_waits_is_counted_in_all_its_places(post: Post) -> None:
    post.begin("w", "one", "two")
    post.accept(5)
    post.accept(3, "device:2")
    post.accept(1, "device:3")
    post.claim("w", "one", mailboxes=2)
    post.settle("w", "one", retry("e1"), give_back=GiveBack.KEEP)
    post.settle("w", "one", park("e6"), mailbox="device:2", give_back=GiveBack.PARK)

    found = read_waiting(post.ledger.redis, ["one", "two", "three"])

    assert (found["one"].mailboxes, found["one"].events, found["one"].retries) == (1, 8, 1)
    assert (found["two"].mailboxes, found["two"].events, found["two"].retries) == (3, 9, 0)
    assert not found["three"]
