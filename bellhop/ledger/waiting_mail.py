"""What waits for handlers: how many events, and since when."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis

from bellhop.ledger import keys
from bellhop.ledger.names import readable

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class WaitingMail:
    """What waits for one handler.

    `mailboxes`: those that are ready. `events`: in them, in mailboxes that wait for a retry, and in
    the hands of workers. `retries`: events that are to be tried again, elsewhere.
    """

    mailboxes: int = 0
    events: int = 0
    retries: int = 0

    def __bool__(self) -> bool:
        return bool(self.mailboxes or self.events or self.retries)


def read_waiting(redis: Redis, handlers: Sequence[str]) -> dict[str, WaitingMail]:
    """Return what waits for each of these handlers. Raises `RedisError`.

    It goes through all their mailboxes, and all retries: about a second for 100,000 of them.
    """
    mailboxes, events, retries = Counter[str](), Counter[str](), Counter[str]()
    for name in handlers:
        for page in _ready(redis, name):
            mailboxes[name] += len(page)
            events[name] += _count_events(redis, [(name, mailbox) for mailbox in page])
    wanted = set(handlers)
    elsewhere = [held for held in _held(redis) if held[0] in wanted]
    due = redis.zscan_iter(keys.DUE, count=_PAGE)
    for member in readable(member for member, _ in due):
        event_id, _, handler_mailbox = member.partition(" ")
        name, _, mailbox = handler_mailbox.partition(" ")
        if name not in wanted:
            continue
        if event_id:
            retries[name] += 1
        else:
            elsewhere.append((name, mailbox))
    for name in wanted:
        of_handler = [one for one in elsewhere if one[0] == name]
        for start in range(0, len(of_handler), _PAGE):
            events[name] += _count_events(redis, of_handler[start:][:_PAGE])
    return {name: WaitingMail(mailboxes[name], events[name], retries[name]) for name in handlers}


def _ready(redis: Redis, handler: str) -> Iterator[list[str]]:
    """Yield the mailboxes of a handler that are ready, a page at a time."""
    for name in (keys.suspects(handler), keys.ready(handler)):
        start = 0
        while page := redis.lrange(name, start, start + _PAGE - 1):
            found: Any = page
            yield list(readable(found))
            start += _PAGE


def _held(redis: Redis) -> Iterator[tuple[str, str]]:
    workers: Any = redis.zrange(keys.LEASES, 0, -1)
    for worker in readable(workers):
        held: Any = redis.hkeys(keys.held(worker))
        for handler_mailbox in readable(held):
            handler, _, mailbox = handler_mailbox.partition(" ")
            yield handler, mailbox


def _count_events(redis: Redis, mailboxes: Sequence[tuple[str, str]]) -> int:
    asked: Any = redis.pipeline(transaction=False)
    for handler, mailbox in mailboxes:
        asked.llen(keys.mail(handler, mailbox))
    return sum(asked.execute())
