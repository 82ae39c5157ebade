"""How the ledger's model knows which handlers there are, and gives up those that nobody has."""

import json
import re
from collections.abc import Iterable
from datetime import timedelta

from bellhop.ledger import HandlerSet
from tests.bellhop.ledger.state import LedgerState
from tests.bellhop.ledger.values import Box, Event, Subscribed, names_of, told_by


class Subscribing(LedgerState):
    """`subscribe`, and what a sweep does about workers and handlers that are gone."""

    def subscribe(self, worker: str, handlers: HandlerSet, *, now_ms: int) -> tuple[str, ...]:
        """Say which handlers a worker has."""
        self.workers[worker] = handlers.fingerprint
        self.alive[worker] = now_ms
        if handlers.fingerprint not in self.sets:
            self.sets[handlers.fingerprint] = handlers
            self._subscribe_all(now_ms)
        for one in json.loads(handlers.others_json):
            patterns = {one.get("hook", "patterns"): set(one["patterns"])}
            self.subscriptions.setdefault(one["name"], Subscribed(patterns, now_ms, now_ms))
        self._route_waiting()
        self._tell_of_waiting(now_ms)
        return self._sets_to_wake(now_ms)

    def _subscribe_all(self, now: int) -> None:
        """Subscribe all handlers of all sets to all patterns that they have there."""
        wanted: dict[str, dict[str, set[str]]] = {}
        limits: dict[str, int] = {}
        for told in (one for handlers in self.sets.values() for one in told_by(handlers)):
            name, limit = told["name"], told.get("concurrency")
            patterns = wanted.setdefault(name, {})
            patterns.setdefault(told.get("hook", "patterns"), set()).update(told["patterns"])
            if limit is not None:
                limits[name] = min(limit, limits.get(name, limit))
        for name, patterns in wanted.items():
            known = self.subscriptions.get(name)
            self.subscriptions[name] = Subscribed(patterns, known.since if known else now, now)
            if name in limits:
                if name not in self.limits:
                    self._count_working(name)
                self.limits[name] = limits[name]
            elif self.limits.pop(name, None) is not None:
                self.working[name].clear()

    def _count_working(self, handler: str) -> None:
        """What workers hold of a handler that was not limited takes its places."""
        for held in self.held.values():
            self.working[handler].update(box.mailbox for box in held if box.handler == handler)

    def _expect(self, handler: str, now: int) -> None:
        """Subscribe a handler that nobody has to nothing, so that its mail is not forgotten."""
        self.subscriptions.setdefault(handler, Subscribed({}, now, now))

    def _has_subscribers(self) -> bool:
        """Say whether anybody wants events."""
        kept = self.subscriptions.values()
        return bool(self.sets) or any(one.patterns.get("patterns") for one in kept)

    def _route_waiting(self) -> None:
        """Give what came before anybody subscribed to the handlers that there are now."""
        if self._has_subscribers():
            for event_id in self.unrouted:
                wanted_by = self._subscribed_to("patterns", self.events[event_id].event_type)
                self._give(event_id, wanted_by)
            self.unrouted = []

    def _tell_of_quarantined(self, delivery: str, now: int) -> None:
        """Call the hooks about a body in quarantine, once anybody has subscribed."""
        if not self._has_subscribers():
            self.untold.append(delivery)
            return
        about = {"delivery_id": delivery}
        if call := self._call_hooks("quarantined", "", "quarantine", about, now):
            self.told[delivery] = call

    def _tell_of_waiting(self, now: int) -> None:
        """Call the hooks about what came before anybody subscribed, and is still in quarantine."""
        if self._has_subscribers():
            untold, self.untold = self.untold, []
            for delivery in untold:
                if delivery in self.quarantine:
                    self._tell_of_quarantined(delivery, now)

    def _unsubscribe(self, workers: Iterable[str], now: int) -> tuple[str, ...]:
        """Forget workers. Return the sets that no other worker has."""
        gone = set()
        for worker in workers:
            self.alive.pop(worker, None)
            self.wakes.discard(worker)
            if fingerprint := self.workers.pop(worker, None):
                gone.add(fingerprint)
                self.idle_until[fingerprint].pop(worker, None)
                self.busy[fingerprint].discard(worker)
        dropped = sorted(gone - set(self.workers.values()))
        for fingerprint in dropped:
            for name in names_of(self.sets.pop(fingerprint)):
                self.subscriptions[name].seen = now
            self.idle_until.pop(fingerprint, None)
            self.busy.pop(fingerprint, None)
            self.waiting.pop(fingerprint, None)
            for of_each_set in (self.slow, self.alone, self.draining):
                of_each_set.pop(fingerprint, None)
        if dropped:
            self._subscribe_all(now)
        return tuple(dropped)

    def _abandon_forgotten(self, forget_after: timedelta, now: int) -> tuple[list[str], bool]:
        """Abandon the mail of handlers that nobody had for too long; forget those without any.

        Returns those that were forgotten, and whether there may be more to do.
        """
        oldest = now - forget_after // timedelta(milliseconds=1)
        had = {name for handlers in self.sets.values() for name in names_of(handlers)}
        forgotten, more = [], False
        for name, one in sorted(
            self.subscriptions.items(), key=lambda item: (item[1].seen, item[0].encode())
        ):
            if one.seen > oldest or name in had:
                continue
            if one.patterns:
                one.patterns, one.since = {}, now
            if self._abandon_mail(name):
                more = True
                continue
            self._forget(name)
            forgotten.append(name)
        return forgotten, more

    def _forget(self, handler: str) -> None:
        del self.subscriptions[handler]
        self.limits.pop(handler, None)
        self.paused.discard(handler)
        self.working.pop(handler, None)

    def _abandon_mail(self, handler: str) -> bool:
        """Abandon what waits for a handler; what is held stays. Return whether there was any."""
        parked = [box for event_id, box in self.due if box.handler == handler and not event_id]
        retries = [
            (event_id, box) for event_id, box in self.due if box.handler == handler and event_id
        ]
        mailboxes = self.suspects.pop(handler, []) + self.ready.pop(handler, [])
        boxes = [*parked, *(Box(handler, mailbox) for mailbox in mailboxes)]
        for box in boxes:
            for event_id in self.mail.pop(box):
                self._abandon(event_id, handler)
            self.retrying.pop(box, None)
            self.due.pop(("", box), None)
        for event_id, box in retries:
            del self.due[event_id, box]
            self._abandon(event_id, handler)
            self.retrying.pop(box, None)
        return bool(boxes or retries)

    def _abandon(self, event_id: str, handler: str) -> None:
        self.replaying.discard(f"{event_id} {handler}")
        event: Event = self.events[event_id]
        record = event.records[handler]
        event.records[handler] = (
            re.sub(r'"state": "[a-z]+"', '"state": "abandoned"', record, count=1)
            or '{"state": "abandoned", "attempts": []}'
        )
        self._close(event)
