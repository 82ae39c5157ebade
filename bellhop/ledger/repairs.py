"""What was repaired in the ledger, in words for the log and for the doctor."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from redis import Redis

from bellhop.ledger import keys

_MAILBOX = ("handler", "mailbox")
_ENTRY = ("event_id", "handler")

_KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "type": ("a key of another type was put aside", ("key",)),
    "number": ("what was to be a number was none, and counts as missing", ("key",)),
    "lost": ("a mailbox with mail was on no list; it is again", _MAILBOX),
    "twice": ("a mailbox was there for more than one worker; it is no more", _MAILBOX),
    "empty": ("a mailbox without mail was on a list; it is no more", _MAILBOX),
    "held": ("a worker held a mailbox that was not its to hold; it is free", _MAILBOX),
    "lease": ("a worker held mail without a lease; it has one", ("worker",)),
    "alive": ("a worker was not among those that live or are silent; it is again", ("worker",)),
    "working": ("a mailbox counted as at work that nobody held; it does no more", _MAILBOX),
    "entry": ("an event was in no mailbox of a handler that is to see it; it is again", _ENTRY),
    "letter": ("an event that a handler gave up was no dead letter; it is again", _ENTRY),
    "replaying": ("an entry counted as replayed that waits nowhere; it does no more", _ENTRY),
    "count": (
        "an event was open for another number of handlers than its record says",
        ("event_id",),
    ),
    "unrouted": ("an event was given to no handler; it is now", ("event_id",)),
    "event": (
        "what the ledger knows of an event cannot be read, so that no handler gets it",
        ("event_id",),
    ),
    "due": ("something that nobody of us wrote was due; it is removed", ("entry",)),
    "unindexed": ("something that is no event was to be indexed; it is removed", ("entry",)),
    "subscription": ("a handler of a live worker was not subscribed; it is again", ("handler",)),
    "set": ("a set of handlers could not be read; its workers tell it again", ("handler_set",)),
}


class Repair(NamedTuple):
    """One repair. `kind`: see the scripts that `note` it; `where`: what it names of the ledger."""

    kind: str
    where: str

    @classmethod
    def read(cls, noted: bytes) -> "Repair":
        """Read what a script noted."""
        kind, _, where = noted.decode(errors="backslashreplace").partition(" ")
        return cls(kind, where)

    @property
    def sentence(self) -> str:
        """What was wrong, and what was done."""
        return _KINDS[self.kind][0] if self.kind in _KINDS else "something was repaired"

    @property
    def fields(self) -> dict[str, str]:
        """What it was about, by name."""
        _, names = _KINDS.get(self.kind, ("", ("where",)))
        return dict(zip(names, self.where.split(" ", len(names) - 1), strict=False))


class Repaired(NamedTuple):
    """Answer to a repair. `wake`: sets of handlers for which to put a shift into RQ's queue."""

    repairs: tuple[Repair, ...]
    wake: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RepairCounts:
    """How often what was repaired, since there is the ledger, and when it was last."""

    counts: Mapping[str, int]
    last_at: datetime | None


def read_repairs(redis: Redis) -> RepairCounts:
    """Return what was repaired. Raises `RedisError`."""
    stored: Any = redis.hgetall(keys.REPAIRED)
    last = stored.pop(b"at", None)
    return RepairCounts(
        {kind.decode(errors="replace"): int(count) for kind, count in stored.items()},
        datetime.fromtimestamp(int(last) / 1000, UTC) if last else None,
    )
