"""A ledger that is talked to in few words."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

import pytest

from bellhop.ledger import (
    Arrival,
    Claimed,
    Ledger,
    Mail,
    Outcome,
    Quarantined,
    Receipt,
    Settled,
    SettledEntry,
    SettledMail,
    Swept,
)
from tests.bellhop.ledger import snapshot

LEASE = timedelta(seconds=30)


class Desk:
    """A ledger, a clock that the test sets, and what each shift settled so far.

    `now` is in milliseconds, as the scripts count. An event `e1` comes with the delivery `msg_e1`.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.redis = ledger.redis
        seconds, _ = self.redis.time()
        self.now = seconds * 1000
        self._settles: dict[str, int] = {}

    def accept(self, *items: Arrival | Quarantined) -> Receipt:
        return self.ledger.accept(items, now_ms=self.now)

    def deliver(self, *event_ids: str, mailbox: str = "device:1") -> Receipt:
        return self.accept(*(arrival(event_id, mailbox) for event_id in event_ids))

    def claim(
        self,
        shift: str = "w/1",
        *,
        mailboxes: int = 9,
        entries: int = 99,
        rested: bool = False,
        settles: int = 0,
    ) -> Claimed:
        return self.ledger.claim(
            shift,
            lease=LEASE,
            mailboxes=mailboxes,
            entries=entries,
            rested=rested,
            settles=settles,
            now_ms=self.now,
        )

    def settle(
        self, *results: SettledMail, shift: str = "w/1", mailboxes: int = 0, entries: int = 0
    ) -> Settled:
        self._settles[shift] = self._settles.get(shift, 0) + 1
        return self.settle_again(*results, shift=shift, mailboxes=mailboxes, entries=entries)

    def settle_again(
        self, *results: SettledMail, shift: str = "w/1", mailboxes: int = 0, entries: int = 0
    ) -> Settled:
        """Repeat the last settle, whose answer was lost."""
        return self.ledger.settle(
            shift,
            self._settles[shift],
            results,
            lease=LEASE,
            mailboxes=mailboxes,
            entries=entries,
            now_ms=self.now,
        )

    def sweep(self, *dead_workers: str, queued: int = 0) -> Swept:
        return self.ledger.sweep(queued=queued, dead_workers=dead_workers, now_ms=self.now)

    def die(self, worker: str = "w") -> None:
        """Let a worker die, and its pool see it."""
        assert self.sweep(worker).ended

    @property
    def found(self) -> dict[str, Any]:
        """All that is in Redis."""
        return snapshot.of(self.redis)

    def event(self, event_id: str) -> dict[str, Any]:
        """What is in Redis of an event."""
        event: dict[str, Any] = self.found["events"][event_id]
        return event


def arrival(event_id: str, mailbox: str = "device:1", body: bytes = b"{}") -> Arrival:
    return Arrival(f"msg_{event_id}", event_id, "lock.unlocked", mailbox, body, subjects=(mailbox,))


def done(name: str, *handlers: str) -> SettledEntry:
    """Finish an entry: these handlers succeeded."""
    return SettledEntry(name, True, [Outcome(handler, "done", 0, "ok") for handler in handlers])


def failed(name: str, handler: str, delay_ms: int = 0, *, finished: bool = True) -> SettledEntry:
    """Settle an entry whose handler wants to be tried again."""
    return SettledEntry(name, finished, [Outcome(handler, "retry", delay_ms, "oh no")])


def dead(name: str, *handlers: str) -> SettledEntry:
    """Finish an entry: these handlers gave up."""
    return SettledEntry(name, True, [Outcome(handler, "dead", 0, "no use") for handler in handlers])


def progress(name: str, *handlers: str) -> SettledEntry:
    """Settle what these handlers did of an entry that other handlers are yet to see."""
    return SettledEntry(name, False, [Outcome(handler, "done", 0, "ok") for handler in handlers])


def box(
    give_back: Literal["keep", "end", "front"],
    *entries: SettledEntry,
    mailbox: str = "device:1",
) -> SettledMail:
    return SettledMail(mailbox, give_back, entries)


def names(mail: Sequence[Mail]) -> dict[str, list[str]]:
    """Return the entries of each mailbox."""
    return {one.mailbox: [entry.name for entry in one.entries] for one in mail}


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    """A ledger with nothing in it, and a clock that the test sets."""
    return Desk(ledger)
