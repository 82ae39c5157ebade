"""How the ledger's model gives what waits for a handler to another one."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bellhop.durations import WORKER_GONE_AFTER
from bellhop.ledger import Repaired, Step, StepState
from bellhop.ledger.moves import Cursor
from tests.bellhop.ledger.sweeping import Sweeping
from tests.bellhop.ledger.values import Box, Subscribed, milliseconds, names_of

START = b"0"


class Moving(Sweeping):
    """`move` and `repair`. Left out: there is never more than one call moves."""

    def move_some(self, old: str, new: str, cursor: Cursor = START, *, now_ms: int) -> Step:
        """Move the boxes that are ready; in the next call, what is in `due`, and be done."""
        now = now_ms
        if old not in self.subscriptions:
            return self._step(StepState.UNKNOWN, now)
        if having := self._workers_with(old, now):
            return self._step(StepState.HAD, now, workers=having)
        self._subscribe_instead(old, new, now)
        moved = had = 0
        suspects, ready = self.suspects.pop(old, []), self.ready.pop(old, [])
        for mailbox in (*suspects, *ready):
            some, others = self._move_box(old, new, mailbox, suspect=mailbox in suspects)
            moved, had = moved + some, had + others
        if suspects or ready:
            return self._step(StepState.MORE, now, moved, had)
        if holders := self._holders_of(old):
            return self._step(StepState.HELD, now, workers=holders)
        moved, had = self._move_due(old, new)
        self._forget(old)
        return self._step(StepState.OVER, now, moved, had)

    def repair(self, *, now_ms: int) -> Repaired:
        """Find nothing to mend."""
        return Repaired((), ())

    def _step(
        self,
        state: StepState,
        now: int,
        moved: int = 0,
        had: int = 0,
        workers: Iterable[str] = (),
    ) -> Step:
        wake = self._sets_to_wake(now)
        return Step(state, START, moved, tuple(sorted(workers)), had, wake=wake)

    def _workers_with(self, handler: str, now: int) -> list[str]:
        """Return the workers that live and have a handler; if there are none, forget the others."""
        having = [
            worker
            for worker, fingerprint in self.workers.items()
            if handler in names_of(self.sets[fingerprint])
        ]
        gone = now - milliseconds(WORKER_GONE_AFTER)
        alive = [worker for worker in having if self.alive[worker] > gone]
        if having and not alive:
            self._unsubscribe(having, now)
        return alive

    def _holders_of(self, handler: str) -> list[str]:
        return [
            worker
            for worker, held in self.held.items()
            if any(box.handler == handler for box in held)
        ]

    def _subscribe_instead(self, old: str, new: str, now: int) -> None:
        given, own = self.subscriptions[old], self.subscriptions.get(new)
        wants_anything = any(given.patterns.values())
        if wants_anything and not (own and any(own.patterns.values())):
            self.subscriptions[new] = replace(given, seen=now)
            if old in self.paused:
                self.paused.add(new)
        self._expect(new, now)
        if wants_anything:
            self.subscriptions[old] = Subscribed({}, now, given.seen)

    def _move_record(self, event_id: str, old: Box, new: Box) -> bool:
        """Move what is known of an entry; return whether the new handler is to be given it."""
        event = self.events[event_id]
        is_retried = event_id in self.retrying.get(old, ())
        self.retrying.get(old, set()).discard(event_id)
        if new.handler in event.records:
            self._abandon(event_id, old.handler)
            return False
        if is_retried:
            self.retrying.setdefault(new, set()).add(event_id)
        if f"{event_id} {old.handler}" in self.replaying:
            self.replaying.remove(f"{event_id} {old.handler}")
            self.replaying.add(f"{event_id} {new.handler}")
        fields: tuple[dict[str, Any], ...] = (event.records, event.deaths, event.interrupted)
        for field in fields:
            if old.handler in field:
                field[new.handler] = field.pop(old.handler)
        return True

    def _move_newest(self, old: Box, new: Box) -> None:
        newest = self.newest.get(old.mailbox, {})
        if (seen := newest.pop(old.handler, None)) is not None:
            newest[new.handler] = max(seen, newest.get(new.handler, seen))

    def _move_box(
        self, old: str, new: str, mailbox: str, *, suspect: bool = False, due: int | None = None
    ) -> tuple[int, int]:
        """Put a box in front of what waits in the same mailbox; what is in hand stays first.

        Returns how many events were moved, and how many the new handler had itself.
        """
        source, target = Box(old, mailbox), Box(new, mailbox)
        events = self.mail.pop(source)
        moved = [one for one in events if self._move_record(one, source, target)]
        had = len(events) - len(moved)
        self._move_newest(source, target)
        if not moved:
            return 0, had
        own = self.mail.get(target, [])
        in_hand = [held[target] for held in self.held.values() if target in held]
        begun = in_hand[0] if in_hand else 0
        self.mail[target] = own[:begun] + moved + own[begun:]
        if in_hand:
            return len(moved), had
        is_listed = mailbox in self.ready[new] or mailbox in self.suspects[new]
        if is_listed and not suspect and due is None:
            return len(moved), had
        self.due.pop(("", target), None)
        for boxes in (self.ready[new], self.suspects[new]):
            if mailbox in boxes:
                boxes.remove(mailbox)
        if due is not None:
            self.due["", target] = due
        else:
            (self.suspects if suspect else self.ready)[new].append(mailbox)
        return len(moved), had

    def _move_due(self, old: str, new: str) -> tuple[int, int]:
        moved = had = 0
        found = [one for one in self.due.items() if one[0][1].handler == old]
        for (event_id, box), due in found:
            del self.due[event_id, box]
            if not event_id:
                some, others = self._move_box(old, new, box.mailbox, due=due)
                moved, had = moved + some, had + others
                continue
            target = Box(new, box.mailbox)
            self._move_newest(box, target)
            if self._move_record(event_id, box, target):
                self.due[event_id, target] = due
                moved += 1
            else:
                had += 1
        return moved, had
