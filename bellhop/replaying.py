"""Replay: giving events that are on record to handlers once more, or to new ones, beside live ones.

1. What there is to give is planned from the record: the handlers that match an event now, but for
   those that have it before them anyway.
2. It is put into mailboxes in the order in which the events came, a little at a time: as much as
   workers are through with in about half a second. So live mail, which stands behind what is in its
   mailbox, waits no longer for it.
3. What goes to a handler that is paused, or that no worker has, is put in and not waited for: it
   holds up neither other handlers nor the end of the replay.
4. To stop a replay cancels entries that are not in mailboxes yet; those that are will be
   handled, tried again and given up as usual.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from operator import methodcaller
from typing import Any, NamedTuple

from redis import Redis

from bellhop.handler_state import HandlerState
from bellhop.ledger import Ledger, Recorded, Replay, keys
from bellhop.ledger.handler_record import HandlerRecord
from bellhop.ledger.steps import Steps, take
from bellhop.routing import Registry
from bellhop.vault import Damaged

MOST_WAITING = 2_000
"""Entries of replays that wait in mailboxes at most, however fast workers are.

A worker has up to 500 in hand, and is not to run out of them.
"""

_MOST_AT_ONCE = 500
"""Entries that one call puts in: nobody else gets to Redis meanwhile."""

_LATE = 0.5
"""Seconds for which replayed entries may wait for others of their kind."""

_AT_LEAST = 0.1
"""Seconds after which it is judged how fast workers are."""

_SHORTEST_PAUSE = 0.01
_LONGEST_PAUSE = 0.25


class Planned(NamedTuple):
    """An event that is to go to a handler. `before`: what is on record of it, if anything."""

    order: int
    event_id: str
    event_type: str
    handler: str
    before: str | None


def plan(
    events: Iterable[Recorded],
    registry: Registry,
    *,
    handler: str | None = None,
    only_failed: bool = False,
) -> list[Planned]:
    """Return which events go to which handlers, in the order in which they came.

    handler: only to that of the name. only_failed: only to those that gave up, or for which what
    waited was abandoned. An event that a handler is yet to see, or to try again, is not among them.
    Raises `Sealed` if one cannot be decrypted here: a worker that meets it ends.
    """
    found = []
    for event in events:
        if event.state == "accepted":
            continue
        for one in registry.match(event.event_type):
            before = event.handlers[one.name].state if one.name in event.handlers else None
            if handler in (None, one.name) and _is_meant(before, only_failed):
                _check_open(event)
                found.append(
                    Planned(event.about.order, event.event_id, event.event_type, one.name, before)
                )
    return sorted(found, key=lambda one: one.order)  # handlers of an event stay in theirs


def _is_meant(before: str | None, only_failed: bool) -> bool:
    if only_failed:
        return before in (HandlerState.DEAD, HandlerState.ABANDONED)
    return before not in (HandlerState.RETRYING, HandlerState.WAITING, HandlerState.REPLAYING)


def _check_open(event: Recorded) -> None:
    with suppress(Damaged):  # its handler gives it up again
        _ = event.body


class Pace:
    """How many entries of a replay may wait in mailboxes at once.

    Twice as many as before, while that makes them wait little longer than few of them do; workers
    may be many, and async handlers run side by side. Half as many, if it does.
    """

    def __init__(self, room: int = 1) -> None:
        self.room = room
        self._shortest = float("inf")
        self._handled = 0
        self._since = 0.0

    def learn(self, handled: int, waiting: int, seconds: float) -> None:
        """Take note that so many more were handled in so many seconds, and so many wait."""
        self._handled += handled
        self._since += seconds
        if not self._handled or (self._since < _AT_LEAST and waiting):
            return
        # Of a queue: how long one waits is how many wait, divided by how many go through.
        late = self.room * self._since / self._handled
        self._shortest = min(late, self._shortest)
        if not waiting or late < self._shortest + _LATE / 2:
            self.room = min(self.room * 2, MOST_WAITING)
        elif late > self._shortest + _LATE:
            self.room = max(self.room // 2, 1)
        self._handled, self._since = 0, 0.0


class Progress(NamedTuple):
    """How far a replay is.

    `left_alone`: what turned out to be before its handler anyway. `held_up`: what is in mailboxes
    of handlers that are paused, or that no worker has.
    """

    handled: int
    left_alone: int
    held_up: int


def replay(
    ledger: Ledger,
    planned: Sequence[Planned],
    *,
    enqueue_shifts: Callable[[Sequence[str]], None],
    pause: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> Iterator[Progress]:
    """Put what is planned into mailboxes, bit by bit, and tell how far it is.

    Ends when all is handled that is not held up. Raises `RedisError`; what was put in until then is
    handled all the same.
    """
    pace, then, wait = Pace(), now(), _SHORTEST_PAUSE
    handlers = {one.handler for one in planned}
    in_mailboxes: defaultdict[str, set[Planned]] = defaultdict(set)
    put, left_alone, waiting, taken = 0, 0, 0, 0
    while True:
        stopped = take(ledger.redis, _stopped(handlers))
        room = pace.room - waiting if 2 * waiting <= pace.room else 0
        batch = _next_batch(planned[taken : taken + _MOST_AT_ONCE], stopped, room)
        taken += len(batch)
        done = _put_in(ledger, batch, enqueue_shifts)
        put, left_alone = put + len(done), left_alone + len(batch) - len(done)
        for one in done:
            in_mailboxes[one.handler].add(one)
        handled = _remove_handled(ledger.redis, in_mailboxes, handlers - stopped, MOST_WAITING)
        waiting = sum(len(in_mailboxes[handler]) for handler in handlers - stopped)
        is_last = taken == len(planned) and not waiting
        if is_last:
            _remove_handled(ledger.redis, in_mailboxes, stopped)
        held_up = sum(len(in_mailboxes[handler]) for handler in stopped)
        began, then = then, now()
        pace.learn(handled, waiting, then - began)
        yield Progress(put - waiting - held_up, left_alone, held_up)
        if is_last:
            return
        wait = _SHORTEST_PAUSE if handled else min(wait * 1.5, _LONGEST_PAUSE)
        if waiting:
            pause(wait)


def _stopped(handlers: Collection[str]) -> Steps[set[str]]:
    """Return which of these handlers are paused, or which no worker has."""
    paused, sets = yield [methodcaller("smembers", keys.PAUSED), methodcaller("hvals", keys.SETS)]
    with_workers = {name for names in sets for name in names.split()}
    return {one for one in handlers if one.encode() not in with_workers - set(paused)}


def _next_batch(planned: Sequence[Planned], stopped: Collection[str], room: int) -> list[Planned]:
    """Return the first of these for which there is room; those of stopped handlers need none."""
    batch = []
    for one in planned:
        if one.handler not in stopped:
            if room <= 0:
                break
            room -= 1
        batch.append(one)
    return batch


def _put_in(
    ledger: Ledger, batch: Sequence[Planned], enqueue_shifts: Callable[[Sequence[str]], None]
) -> list[Planned]:
    """Put entries into mailboxes; return those that were not left alone."""
    if not batch:
        return []
    replayed = ledger.replay(_replays(ledger, batch))
    if replayed.wake:
        enqueue_shifts(replayed.wake)
    return [one for one, done in zip(batch, replayed.done, strict=True) if done]


def _remove_handled(
    redis: Redis,
    in_mailboxes: dict[str, set[Planned]],
    handlers: Collection[str],
    most: int | None = None,
) -> int:
    """Remove those that wait no more, of these handlers; return how many. Ask about `most`."""
    asked = list(islice((one for name in handlers for one in in_mailboxes[name]), most))
    gone = [
        one for one, waits in zip(asked, take(redis, _waiting(asked)), strict=True) if not waits
    ]
    for one in gone:
        in_mailboxes[one.handler].remove(one)
    return len(gone)


def _waiting(asked: Sequence[Planned]) -> Steps[list[int]]:
    """Return for each whether it still waits in a mailbox."""
    entries = [f"{one.event_id} {one.handler}" for one in asked]
    answers = yield [
        methodcaller("smismember", keys.REPLAYING, entries[start:][:_MOST_AT_ONCE])
        for start in range(0, len(entries), _MOST_AT_ONCE)
    ]
    return [one for answer in answers for one in answer]


def outcomes(redis: Redis, planned: Sequence[Planned]) -> Counter[str]:
    """Return how many of them are in which state at their handler now."""
    states: Counter[str] = Counter()
    for start in range(0, len(planned), _MOST_AT_ONCE):
        for record in take(redis, _read(planned[start:][:_MOST_AT_ONCE])):
            states[HandlerRecord.shown(record, "", "").state if record else ""] += 1
    return states


def _replays(ledger: Ledger, batch: Sequence[Planned]) -> list[Replay]:
    records = take(ledger.redis, _read(batch))
    return [
        Replay(
            one.event_id,
            one.handler,
            (record or b"").decode(errors="surrogateescape"),
            HandlerRecord.shown(record or b"", one.event_id, one.handler).replayed(),
        )
        for one, record in zip(batch, records, strict=True)
    ]


def _read(batch: Sequence[Planned]) -> Any:
    records = yield [
        methodcaller("hget", keys.event(one.event_id), f"h:{one.handler}") for one in batch
    ]
    return records
