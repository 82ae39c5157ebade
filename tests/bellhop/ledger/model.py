"""The ledger as a plain Python program: what its Lua scripts must do, without Redis.

Five operations, with the arguments and answers of `Ledger`. Where the scripts have keys, this has
attributes; `snapshot` lays both out alike. Only what the server's own clock does is left out: here
nothing expires, and an event that may be forgotten is only marked as such.

To be read in this order: `state` holds what there is, `claiming` and `settling` what shifts do with
it; here is what receivers and the foreman do.

What it promises:

1. An event is accepted once, whatever brings it again.
2. A mailbox with mail is on `ready` once, or on `careful` once, or held by one shift. One without
   mail is nowhere.
3. Only the holder of a mailbox takes entries out, in order; anyone may add to its end.
4. A settle is written once, however often it comes, and never for a shift that lost its lease.
5. What waits behind an open event goes on when the handler is done with that, one after the other.
6. Whoever makes mail ready is told to ask for a shift, unless one was asked for already.
"""

from collections.abc import Sequence
from typing import Any

from bellhop.events import Drift
from bellhop.ledger import Arrival, Quarantined, Receipt, Swept
from tests.bellhop.ledger.settling import Settling
from tests.bellhop.ledger.state import Event, SeenDrift, split, worker_of

RETENTION_MS = 14 * 24 * 3600 * 1000
RETRIES_A_SWEEP = 500
A_SHIFT_IS_LATE_AFTER = 2_000
"""Milliseconds after which a shift that was asked for but is in no queue is asked for again."""


AWAY_AFTER = 5000
TO_COME_BACK = 15_000


class LedgerModel(Settling):
    """The ledger, in memory."""

    # accept

    def accept(self, batch: Sequence[Arrival | Quarantined], *, now_ms: int) -> Receipt:
        """Take in a batch of deliveries, each once."""
        unseen: list[Drift] = []
        new = tuple(self._accept(item, now_ms, unseen) for item in batch)
        return Receipt(new, self._wants_shift(now_ms), tuple(unseen))

    def _accept(self, item: Arrival | Quarantined, now: int, unseen: list[Drift]) -> bool:
        released = isinstance(item, Arrival) and item.released
        if released and self.quarantine.pop(item.delivery_id, None) is None:
            return False
        if not released and item.delivery_id in self.deliveries:
            return False
        if isinstance(item, Quarantined):
            self.deliveries[item.delivery_id] = now
            self.quarantine[item.delivery_id] = (item.body, item.problems, item.headers, now)
            return True
        self.deliveries[item.delivery_id] = now
        if item.event_id in self.events:
            return False
        self.events[item.event_id] = Event(
            item.body, item.event_type, item.mailbox, item.delivery_id, now, len(self.events) + 1
        )
        self.log.append(item.event_id)
        self._note_for_index(item, now)
        self._post(item.mailbox, item.event_id)
        for drift in item.drift:
            name = f"{drift.event_type} {drift.kind} {drift.field}"
            if name in self.drift:
                self.drift[name].count += 1
                self.drift[name].last = now
            else:
                self.drift[name] = SeenDrift(drift, now, now)
                unseen.append(drift)
        return True

    def _note_for_index(self, item: Arrival, now: int) -> None:
        created = item.created_ms
        if created is None or not now - RETENTION_MS < created <= now:
            created = now
        self.unindexed.append((len(self.events), created, list(item.subjects)))
        for subject in item.subjects:
            field, _, attempt = subject.partition(" ")
            if field == "action_attempt_id" and attempt:
                self.attempts.append((len(self.events), attempt))

    # index

    def index(self, most: int, *, now_ms: int) -> int:
        """Make events that came lately findable."""
        for order, created, subjects in self.unindexed[:most]:
            for index in (self.created, *(self.indexes.setdefault(one, {}) for one in subjects)):
                index[str(order)] = created
        self.unindexed = self.unindexed[most:]
        return len(self.unindexed)

    # sweep

    def sweep(self, *, queued: int, dead_workers: Sequence[str] = (), now_ms: int) -> Swept:
        """Bring due retries back, free what dead workers held, and see that a shift comes."""
        due = sorted((time, name) for name, time in self.due.items() if time <= now_ms)
        due = due[:RETRIES_A_SWEEP]
        for _, name in due:
            del self.due[name]
            self._post(self.events[split(name)[0]].mailbox, name)

        if self.swept is not None and now_ms - self.swept > AWAY_AFTER:
            for held in self.shifts.values():
                if self.swept < held.lease_ends <= now_ms:
                    held.lease_ends = now_ms + TO_COME_BACK
        ended = self._shifts_by_lease(lambda shift, ends: ends <= now_ms)
        ended += self._shifts_by_lease(
            lambda shift, ends: ends > now_ms and worker_of(shift) in dead_workers
        )
        for shift in ended:
            self._free(shift)
        for shift in [one for one in self.resting if worker_of(one) in dead_workers]:
            del self.resting[shift]

        self.swept = now_ms
        wants_shift = False
        if self.ready or self.careful:
            # A clock that was set back must not make it wait for an hour.
            since = self.waiting
            late = since is None or abs(now_ms - since) >= A_SHIFT_IS_LATE_AFTER
            if queued:
                self.waiting = now_ms
                self._ring(now_ms)
            elif late:
                self.waiting = None
                wants_shift = self._wants_shift(now_ms)
        return Swept(wants_shift, len(due), tuple(ended), len(due) == RETRIES_A_SWEEP)

    def _shifts_by_lease(self, ended: Any) -> list[str]:
        by_lease = sorted((shift.lease_ends, name) for name, shift in self.shifts.items())
        return [name for ends, name in by_lease if ended(name, ends)]

    def _free(self, name: str) -> None:
        """Give back in front what a shift held, and doubt the entries it had in hand."""
        shift = self.shifts.pop(name)
        self.last_settle.pop(name, None)
        for mailbox, entries in shift.in_hand.items():
            doubts = max(self.doubts.get(mailbox, 0), entries)
            if doubts:
                self.doubts[mailbox] = doubts
                self.company[mailbox] = max(1, len(shift.in_hand) // 2)
                self.careful.append(mailbox)
            else:
                self.ready.insert(0, mailbox)
        if list(shift.in_hand.values()) == [1]:
            # It died under this one, and that is counted.
            (mailbox,) = shift.in_hand
            event_id, handler = split(self.mail[mailbox][0])
            deaths = self.events[event_id].deaths
            deaths[handler] = deaths.get(handler, 0) + 1
