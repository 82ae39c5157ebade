"""How the ledger's model writes down what became of mail, of dead letters, and of replays."""

from collections.abc import Sequence
from datetime import timedelta

from bellhop.ledger import (
    Outcome,
    Replay,
    Replayed,
    Resolution,
    Resolved,
    Settled,
    SettledEntry,
    SettledMail,
)
from tests.bellhop.ledger.claiming import Claiming
from tests.bellhop.ledger.state import Event, milliseconds, split

MOST_LET_GO = 16
"""Events that wait behind another and go into the mailbox together."""


class Settling(Claiming):
    """`settle`, `resolve` and `replay`."""

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
        share: int = 1,
        with_newest: bool = False,
        now_ms: int,
    ) -> Settled:
        """Write down what a shift did, give back what it is done with, and claim its next mail."""
        self._with_newest = with_newest
        last = self.last_settle.get(shift, 0)
        repeated = number == last
        if not repeated and (number != last + 1 or shift not in self.shifts):
            return Settled(False, (), False, False)
        if repeated:
            mail = self._mail_in_hand(shift)
        else:
            for mailbox, where, settled in results:
                finished = sum(self._settle_entry(mailbox, entry, now_ms) for entry in settled)
                self._give_back(shift, mailbox, where, finished)
                while self._let_go:
                    self._post(mailbox, self._let_go.pop(0))
            mail = self._take(shift, mailboxes, entries, share)
            self.last_settle[shift] = number
        self._keep_lease(shift, now_ms + milliseconds(lease))
        return Settled(True, mail, self._wants_shift(now_ms), bool(self.careful))

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
        self.replaying.discard(settled.name)
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
            self._open(whose, event_id)
            behind = self.behind.setdefault(whose, [])
            if event_id not in behind:
                behind.append(event_id)
                behind.sort(key=lambda name: self.events[name].order)
            self._let_first_go(whose)
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
        self._let_first_go(whose)
        if not events:
            del self.unfinished[whose]

    def _let_first_go(self, whose: tuple[str, str]) -> None:
        """If the first event that is open for a handler waits, let it and those behind it go."""
        events = sorted(self.unfinished[whose], key=lambda name: self.events[name].order)
        for event_id in events[:MOST_LET_GO]:
            if event_id not in self.behind.get(whose, []):
                break
            self.behind[whose].remove(event_id)
            self._let_go.append(f"{event_id} {whose[0]}")

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

    # replay

    def replay(self, replays: Sequence[Replay], *, now_ms: int) -> Replayed:
        """Give events that are over to handlers again."""
        done = tuple(self._replay(*replay) for replay in replays)
        return Replayed(done, len(self.replaying), self._wants_shift(now_ms))

    def _replay(self, event_id: str, handler: str, read: str, record: str) -> bool:
        event = self.events.get(event_id)
        if event is None or event.state == "accepted" or event.records.get(handler, "") != read:
            return False
        name, whose = f"{event_id} {handler}", (handler, event.mailbox)
        behind = event_id in self.behind.get(whose, [])
        if name in self.due or name in self.mail.get(event.mailbox, []) or behind:
            return False
        self.dead.pop(name, None)
        event.deaths.pop(handler, None)
        event.records[handler] = record
        event.state = "retrying"
        event.may_be_forgotten = False
        self.replaying.add(name)
        self._post(event.mailbox, name)
        return True
