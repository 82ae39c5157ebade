"""How the ledger's model hands out mail."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from math import ceil
from typing import Any

from pydantic_core import to_json

from bellhop.durations import LEASE
from bellhop.ledger import (
    About,
    Claimed,
    ClaimedEvent,
    ClaimLimit,
    Entry,
    HandlerSet,
    Mail,
)
from tests.bellhop.ledger.subscribing import Subscribing
from tests.bellhop.ledger.values import Box, Draining, milliseconds

MOST_ORDERS = 100
FIRST_DRAINING = 1_000
LONGEST_DRAINING = 32_000


class Claiming(Subscribing):
    """`claim` and `idle`, and what a settle that claims the next mail shares with them.

    Left out: a claim stops when it has read 4 MiB of bodies.
    """

    def claim(
        self,
        worker: str,
        handlers: HandlerSet,
        limits: Sequence[ClaimLimit],
        *,
        was_idle: bool = False,
        settles: int = 0,
        now_ms: int,
    ) -> Claimed:
        """Give a worker its first mail; the same mail again if it asks again."""
        fingerprint = handlers.fingerprint
        if self.workers.get(worker) != fingerprint:
            return Claimed(False, (), ())
        if was_idle:
            self.idle_until[fingerprint].pop(worker, None)
            self.wakes.discard(worker)
        else:
            self.waiting.pop(fingerprint, None)
        mail = self._mail_in_hand(worker, limits)
        if not mail:
            mail, _ = self._take(worker, fingerprint, limits, settles, now_ms)
        self._keep_lease(worker, fingerprint, now_ms)
        if mail and settles:
            self.last_settle[worker] = max(settles, self.last_settle.get(worker, 0))
        return Claimed(True, mail, self._sets_to_wake(now_ms))

    def idle(self, worker: str, handlers: HandlerSet, duration: timedelta, *, now_ms: int) -> bool:
        """Let a worker be woken, unless there is mail."""
        self.wakes.discard(worker)
        fingerprint = handlers.fingerprint
        if self.workers.get(worker) != fingerprint or self._has_mail(fingerprint):
            return True
        self.idle_until[fingerprint][worker] = now_ms + milliseconds(duration)
        return False

    def _take(
        self,
        worker: str,
        fingerprint: str,
        limits: Sequence[ClaimLimit],
        first: int,
        now: int,
    ) -> tuple[tuple[Mail, ...], bool]:
        """Take mail of these handlers. Return also whether suspects wait for empty hands.

        A suspect is taken by a worker that holds nothing, one entry, and nothing beside it. One
        worker of each set has a suspect, after which other mail has its turn; and one empties its
        hands for that, for a while.
        """
        past = {one.handler: one.past for one in limits}
        slow = self.slow[fingerprint]
        for one in limits:
            if one.slow is not None:
                (slow.add if one.slow else slow.discard)(one.handler)
        allowed = [
            one
            for one in limits
            if one.mailboxes and self._may_claim(one.handler, fingerprint, worker)
        ]
        in_turn = [limits[(first + place) % len(limits)] for place in range(len(limits))]
        suspected = [one for one in in_turn if self.suspects[one.handler] and one in allowed]
        if suspected and self._may_take_suspect(fingerprint, worker):
            if self.held.get(worker):
                if self._drains(fingerprint, worker, now):
                    return (), True
            elif self.alone.get(fingerprint) == worker and any(
                self.ready[one.handler] for one in allowed
            ):
                del self.alone[fingerprint]
            else:
                handler = suspected[0].handler
                box = Box(handler, self.suspects[handler].pop(0))
                self._hold(worker, box, 1)
                self.alone[fingerprint] = worker
                self.draining.pop(fingerprint, None)
                return self._read([(box, 1)], past, alone=True), False
        dividing = sum(bool(self.ready[one.handler]) and not one.is_async for one in allowed)
        taken: list[tuple[Box, int]] = []
        for limit in in_turn:
            if self.ready[limit.handler] and limit in allowed:
                entries = limit.entries if limit.is_async else ceil(limit.entries / dividing)
                taken += self._take_from(worker, limit, entries)
        return self._read(taken, past), False

    def _drains(self, fingerprint: str, worker: str, now: int) -> bool:
        """Say whether this worker empties its hands: twice as long each time, with equal pauses."""
        before = self.draining.get(fingerprint)
        if before is None or not before.since <= now < before.since + 2 * before.length:
            length = min(2 * before.length, LONGEST_DRAINING) if before else FIRST_DRAINING
            self.draining[fingerprint] = Draining(worker, now, length)
            return True
        return before.worker == worker and now < before.since + before.length

    def _take_from(self, worker: str, limit: ClaimLimit, entries: int) -> Iterable[tuple[Box, int]]:
        """Take mailboxes of a handler: `share` entries of each, or more if few are ready.

        One of a handler that is limited is not to keep its place for long.
        """
        ready = self.ready[limit.handler]
        places = self._free_places(limit.handler)
        count = int(min(len(ready), limit.mailboxes, entries, places))
        share = limit.share
        if not self._is_limited(limit.handler):
            share = max(share, entries // max(count, 1))
        for _ in range(count):
            if not entries:
                break
            box = Box(limit.handler, ready.pop(0))
            number = min(len(self.mail[box]), share, entries)
            self._hold(worker, box, number)
            entries -= number
            yield box, number

    def _hold(self, worker: str, box: Box, entries: int) -> None:
        self.held.setdefault(worker, {})[box] = entries
        if self._is_limited(box.handler):
            self.working[box.handler].add(box.mailbox)

    def _mail_in_hand(self, worker: str, limits: Sequence[ClaimLimit]) -> tuple[Mail, ...]:
        alone = self._is_alone(worker)
        for box in [box for box, count in self.held.get(worker, {}).items() if not count]:
            self._release(worker, box)
        held = self.held.get(worker, {})
        past = {one.handler: one.past for one in limits}
        return self._read(held.items(), past, alone=alone)

    def _release(self, worker: str, box: Box) -> None:
        """Take a box that has new mail out of a worker's hands."""
        del self.held[worker][box]
        self.working[box.handler].discard(box.mailbox)
        if self.mail[box]:
            self.ready[box.handler].insert(0, box.mailbox)

    def _read(
        self, boxes: Iterable[tuple[Box, int]], past: dict[str, bool], *, alone: bool = False
    ) -> tuple[Mail, ...]:
        """Read all that is needed to run the first entries of some boxes."""
        events: dict[str, ClaimedEvent] = {}
        return tuple(
            Mail(
                *box,
                alone,
                tuple(self._entry(event_id, box.handler, events) for event_id in ids),
                self._orders(box) if past.get(box.handler) else [],
                self.newest.get(box.mailbox, {}).get(box.handler)
                if past.get(box.handler)
                else None,
            )
            for box, ids in [(box, self.mail[box][:entries]) for box, entries in boxes]
        )

    def _orders(self, box: Box) -> list[int]:
        events = self.retrying.get(box, ())
        return sorted(self.events[event_id].order for event_id in events)[:MOST_ORDERS]

    def _entry(self, event_id: str, handler: str, events: dict[str, ClaimedEvent]) -> Entry:
        event = self.events[event_id]
        about = About(
            event.received_ms, event.order, event.event_type, event.mailbox, event.delivery_id
        )
        body = self._subject(event.call) if event.call else event.body
        claimed = events.setdefault(event_id, ClaimedEvent(event_id, about, body, 0))
        claimed.handlers += 1
        return Entry(claimed, event.records[handler], event.deaths.get(handler, 0))

    def _subject(self, call: dict[str, str]) -> list[Any]:
        """Return what hooks are called about, and whether it is still so."""
        if call["kind"] == "quarantined":
            kept = self.quarantine.get(call["delivery_id"])
            if kept is None:
                return [call, 0, None, None, None]
            body, problems, _, received = kept
            return [call, 1, body, "\n".join(problems).encode(), str(received).encode()]
        event_id, handler = call["event_id"], call["handler"]
        event = self.events[event_id]
        named = to_json([event.event_type, event.mailbox, event.delivery_id])
        about = b"%d-%d %s" % (event.received_ms, event.order, named)
        is_so = str(self.dead.get(f"{event_id} {handler}")) == call["at"]
        return [call, int(is_so), about, event.body, event.records[handler].encode()]

    def _keep_lease(self, worker: str, fingerprint: str, now: int) -> None:
        """Extend the lease of a worker that holds something, and forget one that holds nothing.

        Note also whether it is busy with a slow handler.
        """
        if self.held.get(worker):
            self.leases[worker] = now + milliseconds(LEASE)
        else:
            self.held.pop(worker, None)
            self.leases.pop(worker, None)
        is_busy = any(box.handler in self.slow[fingerprint] for box in self.held.get(worker, ()))
        busy = self.busy[fingerprint]
        (busy.add if is_busy else busy.discard)(worker)
