"""A ledger that is talked to in few words."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from bellhop.durations import LEASE
from bellhop.ledger import (
    Arrival,
    Claimed,
    ClaimLimit,
    GiveBack,
    HandlerSet,
    Ledger,
    Mail,
    Outcome,
    Quarantined,
    Receipt,
    Replay,
    Replayed,
    Resolution,
    Resolved,
    Result,
    Settled,
    SettledEntry,
    SettledMail,
    Subscription,
    Swept,
)
from tests.bellhop.ledger import snapshot
from tests.bellhop.ledger.post import Post
from tests.bellhop.ledger.site import Site

LEASE_MS = LEASE // timedelta(milliseconds=1)
QUEUES = "queue:"
BELL = Subscription("bell", ["*"])
LOG = Subscription("log", ["*"])
KEEP, END, FRONT, PARK = GiveBack.KEEP, GiveBack.END, GiveBack.FRONT, GiveBack.PARK


class Desk:
    """A ledger, a clock that the test sets, and what each worker settled so far.

    `now` is in milliseconds, as the scripts count. An event `e1` comes with the delivery `msg_e1`.
    A worker has the handler `bell`, of all events, unless it subscribed to others.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.redis = ledger.redis
        seconds, _ = self.redis.time()
        self.now = seconds * 1000
        self.sets: dict[str, HandlerSet] = {}
        self._settles: dict[str, int] = {}

    def accept(self, *items: Arrival | Quarantined) -> Receipt:
        return self.ledger.accept(items, now_ms=self.now)

    def deliver(self, *event_ids: str, mailbox: str = "device:1") -> Receipt:
        return self.accept(*(arrival(event_id, mailbox) for event_id in event_ids))

    def subscribe(self, worker: str, *subscriptions: Subscription) -> tuple[str, ...]:
        self.sets[worker] = HandlerSet(subscriptions or [BELL])
        return self.ledger.subscribe(worker, self.sets[worker], now_ms=self.now)

    def set_of(self, worker: str) -> HandlerSet:
        """Return the handlers of a worker, which subscribes if it has not."""
        if worker not in self.sets:
            self.subscribe(worker)
        return self.sets[worker]

    def limits(self, worker: str, entries: int = 99, mailboxes: int = 9) -> list[ClaimLimit]:
        """Return how much to claim of each handler that a worker has."""
        told = json.loads(self.set_of(worker).json)
        return [ClaimLimit(one["name"], mailboxes, entries) for one in told]

    def claim(
        self,
        worker: str = "w",
        *limits: ClaimLimit,
        mailboxes: int = 9,
        entries: int = 99,
        was_idle: bool = False,
        settles: int = 0,
    ) -> Claimed:
        return self.ledger.claim(
            worker,
            self.set_of(worker),
            limits or self.limits(worker, entries, mailboxes),
            was_idle=was_idle,
            settles=settles,
            now_ms=self.now,
        )

    def settle(
        self, *results: SettledMail, worker: str = "w", mailboxes: int = 9, entries: int = 0
    ) -> Settled:
        self._settles[worker] = self._settles.get(worker, 0) + 1
        return self.settle_again(*results, worker=worker, mailboxes=mailboxes, entries=entries)

    def settle_again(
        self, *results: SettledMail, worker: str = "w", mailboxes: int = 9, entries: int = 0
    ) -> Settled:
        """Repeat the last settle, whose answer was lost."""
        return self.ledger.settle(
            worker,
            self.set_of(worker),
            self._settles[worker],
            results,
            self.limits(worker, entries, mailboxes) if entries else (),
            now_ms=self.now,
        )

    def idle(self, worker: str = "w", seconds: float = 60) -> bool:
        handlers = self.set_of(worker)
        return self.ledger.idle(worker, handlers, timedelta(seconds=seconds), now_ms=self.now)

    def sweep(
        self,
        *alive: str,
        dead: Mapping[str, str | None] | None = None,
        queued: Sequence[str] = (),
        forget_after: timedelta = timedelta(days=1),
        jumped_ms: int = 0,
        jumps: int = 0,
    ) -> Swept:
        """Sweep; a shift waits in RQ's queue for the sets of the workers in `queued`."""
        names = [QUEUES + self.set_of(worker).fingerprint for worker in queued]
        for name in names:
            self.redis.lpush(name, "shift")
        swept = self.ledger.sweep(
            queues=QUEUES,
            alive=alive,
            dead=dead or {},
            forget_after=forget_after,
            jumped_ms=jumped_ms,
            jumps=jumps,
            now_ms=self.now,
        )
        if names:
            self.redis.delete(*names)
        return swept

    def sweep_again_and_again(self, seconds: int, *alive: str) -> list[Swept]:
        """Let so many seconds pass, in which a foreman is at work."""
        swept = []
        for _ in range(seconds):
            self.now += 1_000
            swept.append(self.sweep(*alive))
        return swept

    def die(self, worker: str = "w", under: str | None = "") -> None:
        """Let a worker die, and its pool see it; perhaps it knows under which entry, or none."""
        assert self.sweep(dead={worker: under}).freed == (worker,)

    def resolve(self, *resolutions: Resolution) -> Resolved:
        return self.ledger.resolve(resolutions, now_ms=self.now)

    def replay(self, *replays: Replay) -> Replayed:
        return self.ledger.replay(replays, now_ms=self.now)

    def handle(self, *event_ids: str, mailbox: str = "device:1") -> None:
        """Let these events come, and worker `w` be through with them."""
        self.deliver(*event_ids, mailbox=mailbox)
        self.claim()
        self.settle(box(END, *map(done, event_ids), mailbox=mailbox))

    @property
    def found(self) -> dict[str, Any]:
        """All that is in Redis."""
        return snapshot.of(self.redis)

    def event(self, event_id: str) -> dict[str, Any]:
        """What is in Redis of an event."""
        event: dict[str, Any] = self.found["events"][event_id]
        return event

    def ready(self, handler: str = "bell") -> list[str]:
        """The mailboxes of a handler that are on its ready list."""
        mailboxes: list[str] = self.found["ready"].get(handler, [])
        return mailboxes


def arrival(event_id: str, mailbox: str = "device:1", body: bytes = b"{}") -> Arrival:
    return Arrival(f"msg_{event_id}", event_id, "lock.unlocked", mailbox, body, subjects=(mailbox,))


def record(state: str, said: str = "") -> str:
    """Return a record of a handler as far as the scripts read it."""
    return json.dumps({"state": state, "attempts": [], "reason": said})


DONE, RETRYING, DEAD = (record(state) for state in ("done", "retrying", "dead"))


def done(event_id: str, *, again: bool = False) -> SettledEntry:
    """Settle an entry: the handler succeeded."""
    return SettledEntry(event_id, Outcome(Result.DONE, DONE), again)


def failed(event_id: str, delay_ms: int = 0, *, wants_retries: bool = False) -> SettledEntry:
    """Settle an entry whose handler wants to be tried again."""
    return SettledEntry(
        event_id, Outcome(Result.RETRY, RETRYING, delay_ms), wants_retries=wants_retries
    )


def parked(event_id: str, delay_ms: int = 5_000) -> SettledEntry:
    """Settle an entry that is to be tried again before any later one of its mailbox."""
    return SettledEntry(event_id, Outcome(Result.PARK, RETRYING, delay_ms))


def dead(event_id: str) -> SettledEntry:
    """Settle an entry: the handler gave up."""
    return SettledEntry(event_id, Outcome(Result.DEAD, DEAD))


def unwanted(event_id: str) -> SettledEntry:
    """Settle an entry whose handler is not for its type, as this worker has it."""
    return SettledEntry(event_id, Outcome(Result.UNWANTED, record("skipped"), 1_000))


def box(
    give_back: GiveBack, *entries: SettledEntry, mailbox: str = "device:1", handler: str = "bell"
) -> SettledMail:
    return SettledMail(handler, mailbox, give_back, entries)


def names(mail: Sequence[Mail]) -> dict[str, list[str]]:
    """Return the events of each mailbox, `handler mailbox`."""
    return {
        f"{one.handler} {one.mailbox}": [entry.event.event_id for entry in one.entries]
        for one in mail
    }


@pytest.fixture
def bare(ledger: Ledger) -> Desk:
    """A ledger with nothing in it, to which nobody has subscribed."""
    return Desk(ledger)


@pytest.fixture
def desk(bare: Desk) -> Desk:
    """A ledger with nothing in it, and a worker `w` that has the handler `bell`."""
    bare.subscribe("w")
    return bare


@pytest.fixture
def post(ledger: Ledger) -> Post:
    """A ledger with nothing in it, and a clock that the test sets."""
    return Post(ledger)


@pytest.fixture
def site(ledger: Ledger) -> Site:
    return Site(ledger)
