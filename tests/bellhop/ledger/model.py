"""The ledger as a plain Python program: what its Lua scripts must do, without Redis.

Its operations have the arguments and answers of `Ledger`. Where the scripts have keys, this has
attributes; `snapshot` lays both out alike. What the server's own clock does is left out: here
nothing expires, and an event that may be forgotten is only marked as such.

To be read in this order: `values` and `state` hold what there is, `subscribing` says who wants it,
`claiming` and `settling` what workers do with it, `sweeping` what the foreman does, `moving` what
people do with handlers; here is what receivers do.

What it promises:

1. An event is accepted once, whatever brings it again, and given to every handler that is
   subscribed to its type, in a mailbox of each.
2. A mailbox with mail is once on its handler's list `ready`, or `suspects`, or is held by one
   worker, or parked in `due`. One without mail is nowhere.
3. Only the holder of a mailbox takes entries out, in order; anyone may add to its end.
4. A settle is written once, however often it comes, and never for a worker that lost its lease.
5. A worker is given mail of handlers that it has, and nothing beside an entry that may kill it.
6. The caller that makes mail ready is told to enqueue a shift, unless one waits or an idle worker
   is woken.
7. What waits for a handler that no worker has stays, and is abandoned when that is too long so, or
   moved to another handler.
8. Of a set with two workers or more, one is left for handlers that are not slow.
9. What somebody else damages is repaired, and nothing else is repaired.
"""

from collections.abc import Sequence

from bellhop.events import Drift
from bellhop.ledger import Arrival, Quarantined, Receipt
from tests.bellhop.ledger.moving import Moving
from tests.bellhop.ledger.values import RETENTION_MS, Event, SeenDrift


class LedgerModel(Moving):
    """The ledger, in memory."""

    # accept

    def accept(self, batch: Sequence[Arrival | Quarantined], *, now_ms: int) -> Receipt:
        """Take in a batch of deliveries, each once."""
        unseen: list[Drift] = []
        is_routed = self._has_subscribers() and not self.unrouted
        new = tuple(self._accept(item, now_ms, is_routed, unseen) for item in batch)
        return Receipt(new, self._sets_to_wake(now_ms), tuple(unseen))

    def _accept(
        self, item: Arrival | Quarantined, now: int, is_routed: bool, unseen: list[Drift]
    ) -> bool:
        released = isinstance(item, Arrival) and item.released
        if released:
            if self.quarantine.pop(item.delivery_id, None) is None:
                return False
            self.told.pop(item.delivery_id, None)
        if not released and item.delivery_id in self.deliveries:
            return False
        self.deliveries[item.delivery_id] = now
        if isinstance(item, Quarantined):
            self.quarantine[item.delivery_id] = (item.body, item.problems, item.headers, now)
            self._tell_of_quarantined(item.delivery_id, now)
            return True
        if item.event_id in self.events:
            return False
        self.events[item.event_id] = Event(
            item.body, item.event_type, item.mailbox, item.delivery_id, now, len(self.log) + 1
        )
        self.log.append(item.event_id)
        self._note_for_index(item, now)
        if is_routed:
            self._give(item.event_id, self._subscribed_to("patterns", item.event_type))
        else:
            self.unrouted.append(item.event_id)
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
        self.unindexed.append((len(self.log), created, list(item.subjects)))
        for subject in item.subjects:
            field, _, attempt = subject.partition(" ")
            if field == "action_attempt_id" and attempt:
                self.attempts.append((len(self.log), attempt))

    # index

    def index(self, most: int, *, now_ms: int) -> int:
        """Make events that came lately findable."""
        for order, created, subjects in self.unindexed[:most]:
            for index in (self.created, *(self.indexes.setdefault(one, {}) for one in subjects)):
                index[str(order)] = created
        self.unindexed = self.unindexed[most:]
        return len(self.unindexed)
