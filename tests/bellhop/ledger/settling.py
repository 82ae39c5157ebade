"""How the ledger's model writes down what became of mail, of dead letters, and of replays."""

from collections.abc import Sequence

from bellhop.durations import FOREMAN_GONE_AFTER
from bellhop.ledger import (
    ClaimLimit,
    GiveBack,
    HandlerSet,
    Replay,
    Replayed,
    Resolution,
    Resolved,
    Result,
    Settled,
    SettledEntry,
    SettledMail,
)
from tests.bellhop.ledger.claiming import Claiming
from tests.bellhop.ledger.values import Box, milliseconds, state_of, wants

GONE_AFTER_MS = milliseconds(FOREMAN_GONE_AFTER)
"""Milliseconds without a sweep after which the foremen are gone, or the clock jumped."""

OPEN = ("retrying", "replaying")
"""States of a handler that is to be given the event."""


class Settling(Claiming):
    """`settle`, `resolve` and `replay`."""

    # settle

    def settle(
        self,
        worker: str,
        handlers: HandlerSet,
        number: int,
        results: Sequence[SettledMail],
        limits: Sequence[ClaimLimit] = (),
        *,
        now_ms: int,
    ) -> Settled:
        """Write down what a worker did, give back what it is through with, and claim more."""
        last = self.last_settle.get(worker, 0)
        if number == last:
            mail, suspects_wait = self._mail_in_hand(worker, limits), False
            self._keep_lease(worker, handlers.fingerprint, now_ms)
        elif number == last + 1 and (last or worker in self.leases):
            results = [self.as_written(one, handlers.fingerprint) for one in results]
            for result in results:
                for entry in result.entries:
                    self._settle_entry(Box(result.handler, result.mailbox), entry, now_ms)
            for result in results:
                self._give_back(worker, result, now_ms)
            for result in results:
                self._tell_of_dead(result, now_ms)
            mail, suspects_wait = self._take(worker, handlers.fingerprint, limits, number, now_ms)
            self.last_settle[worker] = number
            self._keep_lease(worker, handlers.fingerprint, now_ms)
        else:
            return Settled(False, (), ())
        return Settled(True, mail, self._sets_to_wake(now_ms), suspects_wait)

    def as_written(self, result: SettledMail, fingerprint: str) -> SettledMail:
        """Return what a set's result comes to: what no other set wants either was skipped."""
        last = result.entries[-1] if result.entries else None
        if last is None or last.outcome.kind is not Result.UNWANTED:
            return result
        event_type = self.events[last.event_id].event_type
        others = (handlers for other, handlers in self.sets.items() if other != fingerprint)
        if any(wants(handlers, result.handler, event_type) for handlers in others):
            return result
        skipped = last._replace(outcome=last.outcome._replace(kind=Result.DONE))
        return result._replace(give_back=GiveBack.END, entries=[*result.entries[:-1], skipped])

    def _settle_entry(self, box: Box, entry: SettledEntry, now: int) -> None:
        event_id, outcome, _, wants_retries, occurred = entry
        if outcome.kind is Result.UNWANTED:
            return
        event = self.events[event_id]
        event.records[box.handler] = outcome.record
        if occurred is not None:
            newest = self.newest.setdefault(box.mailbox, {})
            newest[box.handler] = max(newest.get(box.handler, occurred), occurred)
        if outcome.kind is not Result.PARK:
            self.mail[box].remove(event_id)
            self.replaying.discard(f"{event_id} {box.handler}")
        if outcome.kind in (Result.RETRY, Result.PARK):
            event.state = "retrying"
            if wants_retries:
                self.retrying.setdefault(box, set()).add(event_id)
            if outcome.kind is Result.RETRY:
                self._put_into_due(event_id, box, now, outcome.delay_ms)
            return
        self.retrying.get(box, set()).discard(event_id)
        if outcome.kind is Result.DEAD:
            self.dead[f"{event_id} {box.handler}"] = now
            event.dead += 1
        self._close(event)

    def _tell_of_dead(self, result: SettledMail, now: int) -> None:
        """Call the hooks about what was given up; what a hook gives up calls nobody."""
        for entry in result.entries:
            event = self.events[entry.event_id]
            if entry.outcome.kind is Result.DEAD and not event.call:
                about = {"event_id": entry.event_id, "handler": result.handler}
                call = self._call_hooks("dead", result.handler, result.mailbox, about, now)
                if call:
                    event.told[result.handler] = call

    def _give_back(self, worker: str, result: SettledMail, now: int) -> None:
        """Give a mailbox back, or keep it. One that is left empty is always given up."""
        box, held = Box(result.handler, result.mailbox), self.held.get(worker, {})
        if box not in held:
            return  # it was left empty and given up before, and may be somebody else's by now
        if self.mail[box] and result.give_back is GiveBack.KEEP:
            held[box] -= sum(one.outcome.kind is not Result.PARK for one in result.entries)
            return
        del held[box]
        if self._is_limited(box.handler):
            self.working[box.handler].discard(box.mailbox)
        if not self.mail[box]:
            del self.mail[box]
        elif result.give_back is GiveBack.PARK:
            self._put_into_due("", box, now, result.entries[-1].outcome.delay_ms)
            self.replaying -= {f"{event_id} {box.handler}" for event_id in self.mail[box]}
        else:
            ready = self.ready[box.handler]
            ready.insert(0 if result.give_back is GiveBack.FRONT else len(ready), box.mailbox)

    def _put_into_due(self, event_id: str, box: Box, now: int, delay: int) -> None:
        """Have an event, or its box, come back; note it if the clock may have jumped before."""
        self.due[event_id, box] = now + delay
        if self.swept is not None and not 0 <= now - self.swept <= GONE_AFTER_MS:
            self.due_since.add((event_id, box))

    # resolve

    def resolve(self, resolutions: Sequence[Resolution], *, now_ms: int) -> Resolved:
        """Try dead letters again, or be done with them."""
        done = tuple(self._resolve(one, now_ms) for one in resolutions)
        return Resolved(done, self._sets_to_wake(now_ms))

    def _resolve(self, resolution: Resolution, now: int) -> bool:
        what, event_id, handler, record = resolution
        if self.dead.pop(f"{event_id} {handler}", None) is None:
            return False
        event = self.events[event_id]
        event.dead -= 1
        if what == "retry":
            self._open_again(event_id, handler, record, now)
        else:
            event.records[handler] = record
            self._end_if_over(event)
        return True

    def _open_again(self, event_id: str, handler: str, record: str, now: int) -> None:
        """Put an event at the end of a mailbox of a handler, and forget who died under it."""
        event = self.events[event_id]
        event.deaths.pop(handler, None)
        event.interrupted.pop(handler, None)
        event.records[handler] = record
        event.open += 1
        event.state = "retrying"
        self._expect(handler, now)
        self._post(Box(handler, event.mailbox), event_id)

    # replay

    def replay(self, replays: Sequence[Replay], *, now_ms: int) -> Replayed:
        """Give events that are over to handlers again, or to new ones."""
        done = tuple(self._replay(one, now_ms) for one in replays)
        return Replayed(done, self._sets_to_wake(now_ms))

    def _replay(self, replay: Replay, now: int) -> bool:
        event_id, handler, read, record = replay
        event = self.events.get(event_id)
        if event is None or event_id in self.unrouted:
            return False
        before = event.records.get(handler)
        is_open = before is not None and (before == "" or state_of(before) in OPEN)
        if is_open or (before or "") != read:
            return False
        if self.dead.pop(f"{event_id} {handler}", None) is not None:
            event.dead -= 1
        event.may_be_forgotten = False
        if ("", Box(handler, event.mailbox)) not in self.due:
            self.replaying.add(f"{event_id} {handler}")
        self._open_again(event_id, handler, record, now)
        return True
