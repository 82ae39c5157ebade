"""What the ledger's model keeps, and what several of its operations do with it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from bellhop.hooks import END_OF_CALL
from bellhop.ledger import HandlerSet
from bellhop.patterns import Pattern
from tests.bellhop.ledger.values import Box, Draining, Event, SeenDrift, Subscribed, names_of

INTERRUPTED_BEFORE_ALONE = 2


class LedgerState:
    """All that is in the ledger."""

    def __init__(self) -> None:
        # What came
        self.events: dict[str, Event] = {}
        self.deliveries: dict[str, int] = {}
        self.quarantine: dict[str, tuple[bytes, tuple[str, ...], Mapping[str, str], int]] = {}
        self.told: dict[str, str] = {}
        """The ids of the calls of hooks about what is in quarantine."""
        self.calls = 0
        self.drift: dict[str, SeenDrift] = {}
        self.log: list[str] = []
        self.unindexed: list[tuple[int, int, Sequence[str]]] = []
        """Events that are in no index yet: order, when it was created, what it is about."""
        self.attempts: list[tuple[int, str]] = []
        """The action attempts that events were about, with their orders."""
        self.created: dict[str, int] = {}
        self.indexes: dict[str, dict[str, int]] = {}
        """By what events are about, their orders, with when they were created."""
        self.unrouted: list[str] = []
        self.untold: list[str] = []
        # Who wants it
        self.subscriptions: dict[str, Subscribed] = {}
        self.limits: dict[str, int] = {}
        self.paused: set[str] = set()
        self.workers: dict[str, str] = {}
        self.alive: dict[str, int] = {}
        self.sets: dict[str, HandlerSet] = {}
        # Where it is
        self.mail: dict[Box, list[str]] = {}
        self.ready: defaultdict[str, list[str]] = defaultdict(list)
        self.suspects: defaultdict[str, list[str]] = defaultdict(list)
        self.working: defaultdict[str, set[str]] = defaultdict(set)
        self.held: dict[str, dict[Box, int]] = {}
        """For each worker that holds mail, how many entries of each mailbox it has in hand."""
        self.leases: dict[str, int] = {}
        self.slow: defaultdict[str, set[str]] = defaultdict(set)
        """For each set, the handlers that keep a worker for long."""
        self.busy: defaultdict[str, set[str]] = defaultdict(set)
        """For each set, the workers that were given mail of slow handlers."""
        self.last_settle: dict[str, int] = {}
        self.due: dict[tuple[str, Box], int] = {}
        """Retries by event and box; a parked box has no event."""
        self.due_since: set[tuple[str, Box]] = set()
        """What was put in there when the clock may have jumped."""
        self.retrying: dict[Box, set[str]] = {}
        """Events that a handler is to try again that wants to know of them."""
        self.newest: dict[str, dict[str, int]] = {}
        self.dead: dict[str, int] = {}
        self.replaying: set[str] = set()
        # Who is to work
        self.waiting: dict[str, int] = {}
        self.alone: dict[str, str] = {}
        """For each set, the worker that has a suspect in hand, or had it last."""
        self.draining: dict[str, Draining] = {}
        """For each set, the worker that empties its hands for suspects."""
        self.idle_until: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self.wakes: set[str] = set()
        self.queued: set[str] = set()
        """Sets for which a shift waits in RQ's queue, which is not the ledger's."""
        self.jumps = 0
        self.swept: int | None = None

    def _post(self, box: Box, event_id: str) -> None:
        """Put an event at the end of a box. Of one that was empty nobody knows yet."""
        if not self.mail.get(box):
            self.mail[box] = []
            self.ready[box.handler].append(box.mailbox)
        self.mail[box].append(event_id)

    def _subscribed_to(self, kind: str, text: str) -> list[str]:
        return [
            name
            for name, subscribed in sorted(self.subscriptions.items())
            if any(Pattern(one).matches(text) for one in subscribed.patterns.get(kind, ()))
        ]

    def _give(self, event_id: str, handlers: Sequence[str]) -> None:
        """Put an event into a box of each of these handlers."""
        event = self.events[event_id]
        event.open = len(handlers)
        event.records = dict.fromkeys(handlers, "")
        if not handlers:
            event.state, event.may_be_forgotten = "unhandled", True
        for handler in handlers:
            self._post(Box(handler, event.mailbox), event_id)

    def _call_hooks(
        self, kind: str, name: str, mailbox: str, about: dict[str, str], now: int
    ) -> str | None:
        """Give a call to the hooks of a kind that a name fits. Return its id, if there are any."""
        hooks = self._subscribed_to(kind, name)
        if not hooks:
            return None
        self.calls += 1
        call_id = f"hook:{self.calls:08}{END_OF_CALL}"
        call = {"kind": kind, "at": str(now), **about}
        self.events[call_id] = Event(None, "", mailbox, "", now, 0, call=call)
        self._give(call_id, hooks)
        return call_id

    def _close(self, event: Event) -> None:
        """One handler of an event is through with it."""
        event.open -= 1
        self._end_if_over(event)

    def _end_if_over(self, event: Event) -> None:
        if event.open == 0:
            event.state = "dead" if event.dead else "done"
            event.may_be_forgotten = not event.dead

    def _free_places(self, handler: str) -> float:
        if handler in self.paused:
            return 0
        limit = self.limits.get(handler)
        return inf if limit is None else limit - len(self.working[handler])

    def _is_limited(self, handler: str) -> bool:
        return handler in self.limits

    def _may_claim(self, handler: str, fingerprint: str, worker: str = "") -> bool:
        """Say whether a worker of a set, or one that holds nothing, may claim for a handler.

        One of two workers or more begins with no slow handler: quick ones are not to wait.
        """
        if self._free_places(handler) <= 0:
            return False
        workers = list(self.workers.values()).count(fingerprint)
        busy = [one for one in self.busy[fingerprint] - {worker} if one in self.leases]
        is_slow = handler in self.slow[fingerprint]
        return not is_slow or workers < 2 or len(busy) < workers - 1

    def _may_take_suspect(self, fingerprint: str, worker: str = "") -> bool:
        """Say whether no other worker of a set has a suspect in hand."""
        other = self.alone.get(fingerprint, worker)
        return other == worker or not self._is_alone(other)

    def _is_alone(self, worker: str) -> bool:
        """Say whether all that is held is one entry under which a worker died, or may have."""
        held = self.held.get(worker, {})
        if list(held.values()) != [1]:
            return False
        ((handler, mailbox),) = held
        return self._is_suspect(self.events[self.mail[Box(handler, mailbox)][0]], handler)

    def _is_suspect(self, event: Event, handler: str) -> bool:
        """Say whether a worker died under an event, or may have."""
        interrupted = event.interrupted.get(handler, 0) >= INTERRUPTED_BEFORE_ALONE
        return handler in event.deaths or interrupted

    def _has_mail(self, fingerprint: str) -> bool:
        """Say whether a worker of a set that holds nothing could claim anything."""
        suspects = self._may_take_suspect(fingerprint)
        return any(
            (self.ready[name] or (suspects and self.suspects[name]))
            and self._may_claim(name, fingerprint)
            for name in names_of(self.sets[fingerprint])
        )

    def _wake(self, fingerprint: str, now: int) -> bool:
        """Wake the worker that is idle until the latest time, if its time is not up."""
        idle = self.idle_until[fingerprint]
        if not idle:
            return False
        worker = max(idle, key=lambda one: (idle[one], one))
        if idle.pop(worker) <= now:
            return False
        self.wakes.add(worker)
        return True

    def _sets_to_wake(self, now: int) -> tuple[str, ...]:
        """Return the sets for which the caller is to enqueue a shift."""
        wanted = []
        for fingerprint in self.sets:
            if (
                self._has_mail(fingerprint)
                and not self._wake(fingerprint, now)
                and fingerprint not in self.waiting
            ):
                self.waiting[fingerprint] = now
                wanted.append(fingerprint)
        return tuple(sorted(wanted))

    def snapshot(self) -> dict[str, Any]:
        """Return everything, as `snapshot.of` reads it from Redis."""
        subscribed = self.subscriptions.items()
        return {
            "events": {
                event_id: {
                    **({"call": event.call} if event.call else {"body": event.body}),
                    "type": event.event_type,
                    "mailbox": event.mailbox,
                    "delivery": event.delivery_id,
                    "received": event.received_ms,
                    "order": event.order,
                    "state": event.state,
                    "records": event.records,
                    "open": event.open,
                    "dead": event.dead,
                    "deaths": event.deaths,
                    "interrupted": event.interrupted,
                    "told": event.told,
                    "may be forgotten": event.may_be_forgotten,
                }
                for event_id, event in self.events.items()
            },
            "deliveries": self.deliveries,
            "quarantine": self.quarantine,
            "quarantine order": list(self.quarantine),
            "told": self.told,
            "calls": self.calls,
            "drift": {
                name: (seen.drift.example, seen.count, seen.first, seen.last)
                for name, seen in self.drift.items()
            },
            "log": self.log,
            "unindexed": self.unindexed,
            "attempts": self.attempts,
            "created": self.created,
            "indexes": self.indexes,
            "unrouted": self.unrouted,
            "untold": self.untold,
            "subscriptions": {
                name: ({kind: sorted(some) for kind, some in one.patterns.items()}, one.since)
                for name, one in subscribed
            },
            "seen": {name: one.seen for name, one in subscribed},
            "limits": self.limits,
            "paused": self.paused,
            "slow": {one: handlers for one, handlers in self.slow.items() if handlers},
            "workers": self.workers,
            "alive": self.alive,
            "sets": {one: names_of(handlers) for one, handlers in self.sets.items()},
            "mail": _written(self.mail),
            "ready": {name: boxes for name, boxes in self.ready.items() if boxes},
            "suspects": {name: boxes for name, boxes in self.suspects.items() if boxes},
            "working": {name: boxes for name, boxes in self.working.items() if boxes},
            "held": {worker: _written(held) for worker, held in self.held.items() if held},
            "leases": self.leases,
            "busy": {one: workers for one, workers in self.busy.items() if workers},
            "last settle": {
                # It is forgotten some day after the worker has given everything back.
                worker: (number, not self.held.get(worker))
                for worker, number in self.last_settle.items()
            },
            "due": {f"{event_id} {box}": time for (event_id, box), time in self.due.items()},
            "due since": {f"{event_id} {box}" for event_id, box in self.due_since},
            "retrying": {
                str(box): {event_id: self.events[event_id].order for event_id in events}
                for box, events in self.retrying.items()
                if events
            },
            "newest": self.newest,
            "dead": self.dead,
            "replaying": self.replaying,
            "waiting": self.waiting,
            "alone": self.alone,
            "draining": {one: str(draining) for one, draining in self.draining.items()},
            "idle": {one: idle for one, idle in self.idle_until.items() if idle},
            "wake": self.wakes,
            "jumps": self.jumps,
            "swept": self.swept,
        }


def _written(boxes: Mapping[Box, Any]) -> dict[str, Any]:
    return {str(box): value for box, value in boxes.items() if value != []}
