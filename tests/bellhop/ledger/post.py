"""A ledger whose handlers come and go, for the tests that pause, forget and move them."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

from redis import Redis

from bellhop.ledger import (
    Arrival,
    Claimed,
    ClaimLimit,
    Freed,
    GiveBack,
    HandlerSet,
    Ledger,
    Outcome,
    Result,
    SettledEntry,
    SettledMail,
    Step,
    StepState,
    Subscription,
    keys,
    read_subscriptions,
)
from bellhop.ledger.moves import START

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

    def free(self, waited: timedelta) -> Freed:
        return self.ledger.free(waited, now_ms=self.now)

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

    def park_mailboxes(self, worker: str, handler: str, mailboxes: int, events: int) -> None:
        """Have many mailboxes wait for a retry, each with so many events."""
        for number in range(mailboxes):
            first, *_ = self.accept(events, f"device:{number}")
            self.claim(worker, handler)
            self.settle(
                worker, handler, park(first), mailbox=f"device:{number}", give_back=GiveBack.PARK
            )

    def abandoned(self) -> int:
        """Return how many events, of those with one handler, that handler has given up."""
        return sum(self.redis.hget(keys.event(one), "state") == b"done" for one in self.events())

    def forget(self, handler: str) -> list[Step]:
        return list(self._to_the_end(lambda cursor: self._forget_some(handler, cursor)))

    def _forget_some(self, handler: str, cursor: Any) -> Step:
        return self.ledger.forget_some(handler, cursor, now_ms=self.now)

    def move(self, old: str, new: str, at: int | None = None) -> list[Step]:
        """Move all, or stop after so many steps."""
        steps = self._to_the_end(
            lambda cursor: self.ledger.move_some(old, new, cursor, now_ms=self.now)
        )
        return list(islice(steps, at))

    def _to_the_end(self, call: Any) -> Iterator[Step]:
        cursor = START
        while True:
            step = call(cursor)
            yield step
            if step.state is not StepState.MORE:
                return
            cursor = step.cursor

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


def retry(event_id: str, delay_ms: int = 60_000, *, wants_retries: bool = False) -> SettledEntry:
    return SettledEntry(
        event_id, Outcome(Result.RETRY, RETRIED, delay_ms), wants_retries=wants_retries
    )


def park(event_id: str, delay_ms: int = 60_000) -> SettledEntry:
    return SettledEntry(event_id, Outcome(Result.PARK, RETRIED, delay_ms))


def done(event_id: str) -> SettledEntry:
    return SettledEntry(event_id, Outcome(Result.DONE, '{"state": "done", "attempts": []}'))


def subscribed(redis: Redis) -> set[str]:
    return {one.name for one in read_subscriptions(redis)}
