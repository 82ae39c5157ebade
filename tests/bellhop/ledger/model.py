"""The ledger as a plain Python program: what its Lua scripts must do, without Redis.

Four operations, with the arguments and answers of `Ledger`. Where the scripts have keys, this has
attributes; `snapshot` lays both out alike. Only what the server's own clock does is left out: here
nothing expires, and an event that may be forgotten is only marked as such.

What it promises:

1. An event is accepted once, whatever brings it again.
2. A mailbox with mail is on `ready` once, or on `careful` once, or held by one shift. One without
   mail is nowhere.
3. Only the holder of a mailbox takes entries out, in order; anyone may add to its end.
4. A settle is written once, however often it comes, and never for a shift that lost its lease.
5. What waits behind an open event goes on when the handler is done with that, one after the other.
6. Whoever makes mail ready is told to ask for a shift, unless one was asked for already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bellhop.events import Drift
from bellhop.ledger import (
    Arrival,
    Claimed,
    Entry,
    Mail,
    Open,
    Outcome,
    Quarantined,
    Receipt,
    Resolution,
    Resolved,
    Settled,
    SettledEntry,
    SettledMail,
    Swept,
)

MOST_BYTES = 4 * 1024 * 1024
"""Bodies that one claim returns: it stops at the first that reaches this."""

RETRIES_A_SWEEP = 500
A_SHIFT_IS_LATE_AFTER = 2_000
"""Milliseconds after which a shift that was asked for but is in no queue is asked for again."""


@dataclass
class Event:
    """The record of one event."""

    body: bytes
    event_type: str
    mailbox: str
    delivery_id: str
    received_ms: int
    order: int
    state: str = "accepted"
    records: dict[str, str] = field(default_factory=dict)
    """What each handler did, by its name."""
    begun: bool = False
    """Whether some handlers' outcomes were written before all had run."""
    deaths: dict[str | None, int] = field(default_factory=dict)
    """Workers that died, by the handler that was tried again, or None for all of them."""
    may_be_forgotten: bool = False
    """Whether nothing of it is open, so that its time to live has begun."""


@dataclass
class SeenDrift:
    """How often events differed in one way from Seam's schema, and since when."""

    drift: Drift
    first: int
    last: int
    count: int = 1


@dataclass
class Shift:
    """A shift that holds mailboxes."""

    lease_ends: int
    in_hand: dict[str, int]
    """How many entries of each mailbox it was given and has not finished."""


class LedgerModel:
    """The ledger, in memory."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.deliveries: dict[str, str] = {}
        self.quarantine: dict[str, tuple[bytes, tuple[str, ...], Mapping[str, str], int]] = {}
        self.drift: dict[str, SeenDrift] = {}
        self.log: list[str] = []
        self.mail: dict[str, list[str]] = {}
        self.ready: list[str] = []
        self.careful: list[str] = []
        self.doubts: dict[str, int] = {}
        self.company: dict[str, int] = {}
        self.shifts: dict[str, Shift] = {}
        self.last_settle: dict[str, int] = {}
        self.due: dict[str, int] = {}
        self.dead: dict[str, int] = {}
        self.unfinished: dict[tuple[str, str], list[str]] = {}
        """Events that are open for a handler, by handler and mailbox, in order of arrival."""
        self.behind: dict[tuple[str, str], list[str]] = {}
        """Those of them that wait for the ones before."""
        self.newest: dict[str, dict[str, int]] = {}
        self._let_go: list[str] = []
        self.waiting: int | None = None
        self.swept: int | None = None

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
            self.deliveries[item.delivery_id] = ""
            self.quarantine[item.delivery_id] = (item.body, item.problems, item.headers, now)
            return True
        self.deliveries[item.delivery_id] = item.event_id
        if item.event_id in self.events:
            return False
        self.events[item.event_id] = Event(
            item.body, item.event_type, item.mailbox, item.delivery_id, now, len(self.events) + 1
        )
        self.log.append(item.event_id)
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

    def _post(self, mailbox: str, entry: str) -> None:
        """Put an entry at the end of its mailbox; if that was empty, nobody knows of it yet."""
        if not self.mail.get(mailbox):
            self.ready.append(mailbox)
        self.mail.setdefault(mailbox, []).append(entry)

    # claim

    def claim(
        self,
        shift: str,
        *,
        lease: timedelta,
        mailboxes: int,
        entries: int,
        with_newest: bool = False,
        now_ms: int,
    ) -> Claimed:
        """Give a shift its first mail; the same mail again if it asks again."""
        self.waiting = None
        self._with_newest = with_newest
        mail = self._mail_in_hand(shift) or self._take(shift, mailboxes, entries)
        self._keep_lease(shift, now_ms + milliseconds(lease))
        return Claimed(mail, self._wants_shift(now_ms))

    def _take(self, shift: str, mailboxes: int, entries: int) -> tuple[Mail, ...]:
        """Take mailboxes, and share `entries` out among them.

        Mailboxes under which a worker died are taken by a shift that holds nothing, one entry each,
        and nothing is taken beside them: half as many as were held together when it died.
        """
        if mailboxes <= 0 or entries <= 0:
            return ()
        in_hand = self._in_hand(shift)
        if self.careful and not in_hand:
            together = self.company[self.careful[0]]
            group: list[str] = []
            while self.careful and len(group) < min(together, mailboxes):
                if self.company[self.careful[0]] < together:
                    break
                group.append(self.careful.pop(0))
            for mailbox in group:
                self._hold(shift, mailbox, 1)
            return tuple(self._mail(mailbox, True, self.mail[mailbox][:1]) for mailbox in group)
        if any(mailbox in self.doubts for mailbox in in_hand):
            return ()

        count = min(len(self.ready), mailboxes, entries)
        taken: list[Mail] = []
        size = 0
        for _ in range(count):
            if size >= MOST_BYTES:
                break
            mailbox = self.ready.pop(0)
            opened: list[Entry] = []
            for name in self.mail[mailbox][: max(1, entries // count)]:
                if size >= MOST_BYTES:
                    break
                opened.append(self._read(name))
                size += len(opened[-1].body or b"")
            self._hold(shift, mailbox, len(opened))
            taken.append(self._mail(mailbox, False, [entry.name for entry in opened]))
        return tuple(taken)

    def _mail(self, mailbox: str, careful: bool, names: Sequence[str]) -> Mail:
        open_events = {
            handler: Open(
                len(events), tuple(sorted(self.events[event].order for event in events))[:100]
            )
            for (handler, of), events in self.unfinished.items()
            if of == mailbox
        }
        newest = self.newest.get(mailbox, {}) if self._with_newest else {}
        return Mail(mailbox, careful, tuple(map(self._read, names)), open_events, newest)

    def _hold(self, shift: str, mailbox: str, entries: int) -> None:
        self.shifts.setdefault(shift, Shift(0, {})).in_hand[mailbox] = entries

    def _in_hand(self, shift: str) -> dict[str, int]:
        return self.shifts[shift].in_hand if shift in self.shifts else {}

    def _mail_in_hand(self, shift: str) -> tuple[Mail, ...]:
        return tuple(
            self._mail(mailbox, mailbox in self.doubts, self.mail[mailbox][:entries])
            for mailbox, entries in self._in_hand(shift).items()
        )

    def _read(self, name: str) -> Entry:
        """Read all that is needed to run an entry."""
        event_id, handler = split(name)
        event = self.events[event_id]
        if handler:
            records = {handler: event.records[handler]} if handler in event.records else {}
        else:
            records = dict(event.records) if event.begun else {}
        return Entry(
            event_id,
            handler,
            event.body,
            event.delivery_id,
            event.received_ms,
            event.deaths.get(handler, 0),
            event.order,
            records,
        )

    def _keep_lease(self, shift: str, ends: int) -> None:
        """Extend the lease of a shift that holds something, and forget one that holds nothing."""
        if self._in_hand(shift):
            self.shifts[shift].lease_ends = ends
        else:
            self.shifts.pop(shift, None)

    # settle

    def settle(
        self,
        shift: str,
        number: int,
        results: Sequence[SettledMail],
        *,
        lease: timedelta,
        mailboxes: int = 0,
        entries: int = 0,
        with_newest: bool = False,
        now_ms: int,
    ) -> Settled:
        """Write down what a shift did, give back what it is done with, and claim its next mail."""
        self._with_newest = with_newest
        repeated = self.last_settle.get(shift) == number
        if not repeated and shift not in self.shifts:
            return Settled(False, (), False)
        if repeated:
            mail = self._mail_in_hand(shift)
        else:
            for mailbox, where, settled in results:
                finished = sum(self._settle_entry(mailbox, entry, now_ms) for entry in settled)
                self._give_back(shift, mailbox, where, finished)
                while self._let_go:
                    self._post(mailbox, self._let_go.pop(0))
            mail = self._take(shift, mailboxes, entries)
            self.last_settle[shift] = number
        self._keep_lease(shift, now_ms + milliseconds(lease))
        return Settled(True, mail, self._wants_shift(now_ms))

    def _settle_entry(self, mailbox: str, settled: SettledEntry, now: int) -> bool:
        """Write the outcomes of an entry. Return whether it has left its mailbox."""
        event_id, handler = split(settled.name)
        event = self.events[event_id]
        for outcome in settled.outcomes:
            self._write(event_id, event, outcome, now)
        if not settled.finished:
            if handler is None:
                event.begun = True
                event.deaths[None] = 0
            return False

        self.mail[mailbox].remove(settled.name)
        if mailbox in self.doubts:
            self.doubts[mailbox] -= 1
            if self.doubts[mailbox] == 0:
                del self.doubts[mailbox]
                del self.company[mailbox]
        if self._retries(event_id):
            event.state = "retrying"
        elif self._dead_letters(event_id):
            event.state = "dead"
        else:
            event.state = settled.state
            event.may_be_forgotten = True
        return True

    def _write(self, event_id: str, event: Event, outcome: Outcome, now: int) -> None:
        event.records[outcome.handler] = outcome.record
        name = f"{event_id} {outcome.handler}"
        whose = (outcome.handler, event.mailbox)
        if outcome.kind == "retry":
            self.due[name] = now + outcome.delay_ms
            self._open(whose, event_id)
        elif outcome.kind == "behind":
            if whose not in self.unfinished:
                self._let_go.append(name)
            else:
                self.behind.setdefault(whose, []).append(event_id)
            self._open(whose, event_id)
        else:
            if outcome.kind == "dead":
                self.dead[name] = now
            self._close(whose, event_id)
        if outcome.occurred_ms is not None:
            newest = self.newest.setdefault(event.mailbox, {})
            before = newest.get(outcome.handler, outcome.occurred_ms)
            newest[outcome.handler] = max(before, outcome.occurred_ms)

    def _open(self, whose: tuple[str, str], event_id: str) -> None:
        events = self.unfinished.setdefault(whose, [])
        if event_id not in events:
            events.append(event_id)

    def _close(self, whose: tuple[str, str], event_id: str) -> None:
        """The handler is done with an event; let go what waits behind it."""
        events = self.unfinished.get(whose, [])
        if event_id not in events:
            return
        events.remove(event_id)
        if not events:
            del self.unfinished[whose]
        if self.behind.get(whose):
            self._let_go.append(f"{self.behind[whose].pop(0)} {whose[0]}")

    def _retries(self, event_id: str) -> int:
        """Return how many entries there are of an event for one of its handlers."""
        waiting = [*self.due, *self.mail.get(self.events[event_id].mailbox, []), *self._let_go]
        behind = [event for events in self.behind.values() for event in events]
        return sum(name.startswith(f"{event_id} ") for name in waiting) + behind.count(event_id)

    def _dead_letters(self, event_id: str) -> int:
        return sum(name.startswith(f"{event_id} ") for name in self.dead)

    def _give_back(self, shift: str, mailbox: str, where: str, finished: int) -> None:
        """Give a mailbox back, or keep it. One that is left empty is always given up."""
        in_hand = self._in_hand(shift)
        if not self.mail.get(mailbox):
            in_hand.pop(mailbox, None)
        elif mailbox not in in_hand:
            pass  # it was left empty and given up before, and may be somebody else's by now
        elif where == "keep":
            in_hand[mailbox] -= finished
        else:
            del in_hand[mailbox]
            line = self.careful if mailbox in self.doubts else self.ready
            line.insert(0 if where == "front" else len(line), mailbox)

    # resolve

    def resolve(self, resolutions: Sequence[Resolution], *, now_ms: int) -> Resolved:
        """Try dead letters again, or be done with them."""
        done = tuple(self._resolve(*resolution) for resolution in resolutions)
        return Resolved(done, self._wants_shift(now_ms))

    def _resolve(self, what: str, event_id: str, handler: str, record: str) -> bool:
        name = f"{event_id} {handler}"
        if name not in self.dead:
            return False
        del self.dead[name]
        event = self.events[event_id]
        event.records[handler] = record
        if what == "retry":
            event.deaths = {
                who: deaths for who, deaths in event.deaths.items() if who not in (None, handler)
            }
            if event.state == "dead":
                event.state = "retrying"
            self._open((handler, event.mailbox), event_id)
            self._post(event.mailbox, name)
        elif event.state == "dead" and not self._dead_letters(event_id):
            event.state = "done"
            event.may_be_forgotten = True
        return True

    # sweep

    def sweep(self, *, queued: int, dead_workers: Sequence[str] = (), now_ms: int) -> Swept:
        """Bring due retries back, free what dead workers held, and see that a shift comes."""
        due = sorted((time, name) for name, time in self.due.items() if time <= now_ms)
        due = due[:RETRIES_A_SWEEP]
        for _, name in due:
            del self.due[name]
            self._post(self.events[split(name)[0]].mailbox, name)

        ended = self._shifts_by_lease(lambda shift, ends: ends <= now_ms)
        ended += self._shifts_by_lease(
            lambda shift, ends: ends > now_ms and worker_of(shift) in dead_workers
        )
        for shift in ended:
            self._free(shift)

        self.swept = now_ms
        wants_shift = False
        if self.ready or self.careful:
            # A clock that was set back must not make it wait for an hour.
            since = self.waiting
            late = since is None or abs(now_ms - since) >= A_SHIFT_IS_LATE_AFTER
            wants_shift = late and not queued
            if queued or late:
                self.waiting = now_ms
        return Swept(wants_shift, len(due), tuple(ended))

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

    # common

    def _wants_shift(self, now: int) -> bool:
        """Say whether the caller is to ask for a shift: there is mail, and nobody asked yet."""
        if self.waiting is None and (self.ready or self.careful):
            self.waiting = now
            return True
        return False

    def snapshot(self) -> dict[str, Any]:
        """Return everything, as `snapshot.of` reads it from Redis."""
        return {
            "events": {
                event_id: {
                    "body": event.body,
                    "type": event.event_type,
                    "mailbox": event.mailbox,
                    "delivery": event.delivery_id,
                    "received": event.received_ms,
                    "order": event.order,
                    "state": event.state,
                    "records": event.records,
                    "open": self._retries(event_id),
                    "dead": self._dead_letters(event_id),
                    "begun": event.begun,
                    "deaths": {name: count for name, count in event.deaths.items() if count},
                    "may be forgotten": event.may_be_forgotten,
                }
                for event_id, event in self.events.items()
            },
            "deliveries": self.deliveries,
            "quarantine": self.quarantine,
            "quarantine order": list(self.quarantine),
            "drift": {
                name: (seen.drift.example, seen.count, seen.first, seen.last)
                for name, seen in self.drift.items()
            },
            "log": self.log,
            "unfinished": {
                f"{handler} {mailbox}": {name: self.events[name].order for name in events}
                for (handler, mailbox), events in self.unfinished.items()
            },
            "behind": {
                f"{handler} {mailbox}": events
                for (handler, mailbox), events in self.behind.items()
                if events
            },
            "newest": self.newest,
            "mail": {mailbox: mail for mailbox, mail in self.mail.items() if mail},
            "ready": self.ready,
            "careful": self.careful,
            "doubts": self.doubts,
            "company": self.company,
            "shifts": {name: shift.lease_ends for name, shift in self.shifts.items()},
            "held": {name: shift.in_hand for name, shift in self.shifts.items()},
            "last settle": {
                # It is forgotten some day after the shift has given everything back.
                shift: (number, shift not in self.shifts)
                for shift, number in self.last_settle.items()
            },
            "due": self.due,
            "dead": self.dead,
            "waiting": self.waiting,
            "swept": self.swept,
        }


def split(name: str) -> tuple[str, str | None]:
    """Return the event and the handler, if it is for one only, of an entry."""
    event_id, _, handler = name.partition(" ")
    return event_id, handler or None


def worker_of(shift: str) -> str:
    """Return the worker whose shift it is."""
    return shift.rpartition("/")[0]


def milliseconds(duration: timedelta) -> int:
    """Return a duration as the scripts count it."""
    return duration // timedelta(milliseconds=1)
