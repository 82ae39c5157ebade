"""How the ledger's model hands out mail."""

from collections.abc import Sequence
from datetime import timedelta

from bellhop.ledger import About, Claimed, Entry, Mail, Open
from tests.bellhop.ledger.state import LedgerState, Shift, milliseconds, split

MOST_BYTES = 4 * 1024 * 1024
"""Bodies that one claim returns: it stops at the first that reaches this."""


class Claiming(LedgerState):
    """`claim`, and what a settle that claims the next mail shares with it."""

    def claim(
        self,
        shift: str,
        *,
        lease: timedelta,
        mailboxes: int,
        entries: int,
        share: int = 1,
        with_newest: bool = False,
        rested: bool = False,
        settles: int = 0,
        now_ms: int,
    ) -> Claimed:
        """Give a shift its first mail; the same mail again if it asks again."""
        if rested:
            self.resting.pop(shift, None)
            self.bells.discard(shift)
        else:
            self.waiting = None
        self._with_newest = with_newest
        mail = self._mail_in_hand(shift) or self._take(shift, mailboxes, entries, share)
        self._keep_lease(shift, now_ms + milliseconds(lease))
        if mail and settles:
            self.last_settle[shift] = max(settles, self.last_settle.get(shift, 0))
        return Claimed(mail, self._wants_shift(now_ms))

    def rest(self, shift: str, duration: timedelta, *, now_ms: int) -> bool:
        """Let a shift be rung for, unless there is mail."""
        self.bells.discard(shift)
        if self.ready or self.careful:
            return True
        self.resting[shift] = now_ms + milliseconds(duration)
        return False

    def _take(self, shift: str, mailboxes: int, entries: int, share: int) -> tuple[Mail, ...]:
        """Take mailboxes: `share` entries of each, or more if few are ready, `entries` in all.

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
        share = max(share, entries // max(count, 1))
        taken: list[Mail] = []
        size = 0
        for _ in range(count):
            if size >= MOST_BYTES or not entries:
                break
            mailbox = self.ready.pop(0)
            opened: list[Entry] = []
            for name in self.mail[mailbox][: min(share, entries)]:
                if size >= MOST_BYTES:
                    break
                opened.append(self._read(name))
                size += len(opened[-1].body or b"")
            entries -= len(opened)
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
            About(
                event.received_ms, event.order, event.event_type, event.mailbox, event.delivery_id
            ),
            event.deaths.get(handler, 0),
            records,
        )

    def _keep_lease(self, shift: str, ends: int) -> None:
        """Extend the lease of a shift that holds something, and forget one that holds nothing."""
        if self._in_hand(shift):
            self.shifts[shift].lease_ends = ends
        else:
            self.shifts.pop(shift, None)
