"""What a worker is given by the ledger, and what it gives back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

from pydantic_core import to_json

from bellhop.hooks import Hook
from bellhop.ledger.entries import About


class Subscription(NamedTuple):
    """A handler, as a worker tells the ledger of it.

    `concurrency`: mailboxes of it that may be at work at a time, everywhere, if that is limited.
    `hook`: which of them it is, if it is one; then its patterns are not those of types of events.
    """

    name: str
    patterns: Sequence[str]
    concurrency: int | None = None
    hook: Hook | None = None

    def as_json(self) -> dict[str, object]:
        """Return it as the scripts read it."""
        limit = {} if self.concurrency is None else {"concurrency": self.concurrency}
        hook = {} if self.hook is None else {"hook": self.hook}
        return {"name": self.name, "patterns": list(self.patterns), **limit, **hook}


class HandlerSet:
    """The handlers of a worker. Workers with the same ones share a queue of RQ's.

    `only`: patterns of names, if the worker takes no other handlers; `others`: those that it does
    not take. `fingerprint`: differs as soon as a name, a pattern, a limit or `only` does.
    """

    def __init__(
        self,
        subscriptions: Sequence[Subscription],
        only: Sequence[str] = (),
        others: Sequence[Subscription] = (),
    ) -> None:
        self.json = to_json([one.as_json() for one in sorted(subscriptions)])
        self.only_json = to_json(list(only))
        self.others_json = to_json([one.as_json() for one in others])
        self.fingerprint = sha256(self.json + (self.only_json if only else b"")).hexdigest()[:12]


class ClaimLimit(NamedTuple):
    """How much mail of a handler to claim.

    `mailboxes` and `entries`: at most. `share`: how many of each mailbox, or more if few are ready.
    `is_async`: whether the handler is; sync ones run one after the other, so that the entries are
    divided by the number of them that have mail. `past`: whether the handler wants to know what
    came before. `slow`: whether it keeps its worker for so long that others must not wait for it,
    if that is known.
    """

    handler: str
    mailboxes: int
    entries: int
    share: int = 1
    is_async: bool = False
    past: bool = False
    slow: bool | None = None

    def as_json(self) -> dict[str, object]:
        """Return it as the scripts read it."""
        fields = self._asdict()
        if self.slow is None:
            del fields["slow"]
        return fields


@dataclass(slots=True)  # to make a frozen one takes twice as long
class ClaimedEvent:
    """An event that was claimed.

    `body` is as it is stored, or `None` if the event's record is gone; of a call of hooks it is
    what `hook_calls.subject` reads. `handlers`: for how many of them it was claimed together.
    `opened`: what the worker that claimed it keeps of it for all of them.
    """

    event_id: str
    about: About
    body: bytes | Sequence[Any] | None = field(repr=False)
    handlers: int = 1
    opened: Any = field(default=None, repr=False)


@dataclass(slots=True)
class Entry:
    """An event in a mailbox of a handler.

    `record`: what is on record of the handler, empty if it never ran for the event. `deaths`: how
    many workers died under it.
    """

    event: ClaimedEvent
    record: str = ""
    deaths: int = 0


@dataclass(slots=True)
class Mail:
    """The first entries of a mailbox that is now in a worker's hands.

    `alone`: a worker died under its first entry, or may have, so there is nothing beside it.
    `retrying`: the orders of the oldest hundred events of the mailbox that the handler is to try
    again; `newest_ms`: when the newest event occurred that it saw, in milliseconds since the epoch.
    Both are known only of handlers that want to.
    """

    handler: str
    mailbox: str
    alone: bool
    entries: tuple[Entry, ...]
    retrying: Sequence[int] = ()
    newest_ms: int | None = None


class Claimed(NamedTuple):
    """The mail a worker starts with.

    `known`: whether the ledger knows which handlers the worker has; otherwise it must subscribe.
    `wake`: sets of handlers for which to put a shift into RQ's queue.
    """

    known: bool
    mail: tuple[Mail, ...]
    wake: tuple[str, ...]


class Result(StrEnum):
    """What becomes of an entry after a run."""

    DONE = "done"
    """The handler is through with the event: it returned, or dropped or skipped it."""
    RETRY = "retry"
    """It comes back later, behind what has come meanwhile."""
    PARK = "park"
    """It stays first in its mailbox, which waits: the handler takes its events in strict order."""
    DEAD = "dead"
    """It used up its attempts."""
    UNWANTED = "unwanted"
    """Its type fits no pattern that the handler has in this worker: it is left to another one that
    has the handler with one that fits, or is done if there is none. Nothing comes after it."""


class Outcome(NamedTuple):
    """What a handler did with an event. `record`: JSON, see `handled`.

    `delay_ms`: of a retry; or for how long another worker may take what is unwanted here.
    """

    kind: Result
    record: str
    delay_ms: int = 0


class SettledEntry(NamedTuple):
    """An entry that was run.

    `again`: the handler had tried it before. `wants_retries`: the handler wants to know of retries.
    `occurred_ms`: when the event occurred, if the handler wants to know which was the newest.
    """

    event_id: str
    outcome: Outcome
    again: bool = False
    wants_retries: bool = False
    occurred_ms: int | None = None


class GiveBack(StrEnum):
    """What becomes of a mailbox."""

    KEEP = "keep"
    END = "end"
    FRONT = "front"
    PARK = "park"
    """It waits until its first event, the last that was settled, is due."""


class SettledMail(NamedTuple):
    """What was done about a mailbox, and where it goes."""

    handler: str
    mailbox: str
    give_back: GiveBack
    entries: Sequence[SettledEntry] = ()


class Settled(NamedTuple):
    """Answer to a settle. If not `ours`, the lease was taken away and nothing was written.

    `suspects_wait`: there are mailboxes that only a worker with empty hands may take.
    """

    ours: bool
    mail: tuple[Mail, ...]
    wake: tuple[str, ...]
    suspects_wait: bool = False
