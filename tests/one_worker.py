"""A worker, as the ledger sees one, and the shifts that wait for workers in RQ's queues."""

from collections.abc import Sequence
from typing import Any

from redis import Redis

from bellhop.ledger import (
    ClaimLimit,
    GiveBack,
    HandlerSet,
    Ledger,
    Mail,
    Outcome,
    SettledEntry,
    SettledMail,
    Subscription,
    keys,
)
from bellhop.queue import queue_keys


class OneWorker:
    """A worker that has these handlers, of all events, and is subscribed from now on."""

    def __init__(self, ledger: Ledger, *handlers: str, name: str = "w") -> None:
        self._ledger = ledger
        self._name = name
        self._names = handlers
        self._set = HandlerSet([Subscription(handler, ["*"]) for handler in handlers])
        self.fingerprint = self._set.fingerprint
        self._settles = 0
        ledger.subscribe(name, self._set)

    def claim(self) -> Sequence[Mail]:
        """Claim all mail that is ready."""
        limits = [ClaimLimit(handler, 999, 9_999) for handler in self._names]
        claimed = self._ledger.claim(self._name, self._set, limits, settles=self._settles)
        return claimed.mail

    def settle(
        self, mailbox: str, event_id: str, outcomes: dict[str, Outcome], now_ms: int | None = None
    ) -> None:
        """Write what handlers did with an event, and give its mailboxes back."""
        self._settles += 1
        results = [
            SettledMail(handler, mailbox, GiveBack.END, [SettledEntry(event_id, outcome)])
            for handler, outcome in outcomes.items()
        ]
        assert self._ledger.settle(
            self._name, self._set, self._settles, results, now_ms=now_ms
        ).ours


def queued_shifts(redis: Redis) -> int:
    """Return how many shifts wait in RQ's queues."""
    return sum(redis.llen(name) for name in redis.scan_iter(f"{queue_keys()}*"))


def free_mail(redis: Redis) -> list[str]:
    """Return the mailboxes with mail that nobody holds, as `handler mailbox`."""
    found = []
    for begin in (keys.ready(""), keys.suspects("")):
        for name in redis.scan_iter(f"{begin}*"):
            mailboxes: Any = redis.lrange(name, 0, -1)
            handler = name.decode().removeprefix(begin)
            found += [f"{handler} {mailbox.decode()}" for mailbox in mailboxes]
    return sorted(found)
