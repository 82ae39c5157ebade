"""What people do to handlers, and what somebody else's write does to the ledger."""

from random import Random
from typing import Any

from hypothesis.stateful import precondition, rule

from bellhop.ledger import StepState, keys
from tests.bellhop.ledger import snapshot
from tests.bellhop.ledger.machine import LedgerMachine, chances
from tests.bellhop.ledger.moving import START
from tests.bellhop.ledger.values import Box

TO_MOVE = ("bell", "strict", "türsteher", "added.today")
REPAIR_EVERY = 200
"""Milliseconds from one look at the ledger to the next."""

ENOUGH_LOOKS = 30
"""So many looks see all that there is in these small ledgers."""


class MendedLedgerMachine(LedgerMachine):
    """A ledger whose handlers are moved, and which is damaged and repaired."""

    @precondition(lambda self: self._movable())
    @rule(chance=chances)
    def move_a_handler(self, chance: Random) -> None:
        """Somebody moves what waits for a handler to another, and may stop half-way."""
        unused = [name for name in self._movable() if not self._has_worker(name)]
        if not unused and chance.random() < 0.8:
            return  # it would be refused
        old = chance.choice(unused or self._movable())
        new = chance.choice([name for name in TO_MOVE if name != old])
        cursor = START
        for _ in range(chance.choice([1, 2, 9])):
            step = self.both("move_some", old, new, cursor)
            cursor = step.cursor
            self.note_moved(old, new)
            if step.state is not StepState.MORE:
                assert (step.state is StepState.HAD) == self._has_worker(old)
                break

    def _movable(self) -> list[str]:
        return sorted(self.model.subscriptions.keys() & set(TO_MOVE))

    def _has_worker(self, handler: str) -> bool:
        return any(handler in handlers for handlers in self.found["sets"].values())

    def note_moved(self, old: str, new: str) -> None:
        """Take note of what is another handler's now, and of the order in which that gets it.

        What the handler had begun with comes first, then what was moved, then what waited for it.
        """
        for event_id, event in self.found["events"].items():
            if old not in event["records"] and (event_id, old) in self.outcomes:
                assert (event_id, new) not in self.outcomes
                self.outcomes[event_id, new] = self.outcomes.pop((event_id, old))
                self.runs[event_id, new] = self.runs.pop((event_id, old), 0)
        self.note_abandoned()
        for box in {Box(name, box.mailbox) for name in (old, new) for box in self.given}:
            self.note_order(box)

    def note_order(self, box: Box) -> None:
        """Take the order for granted in which a box has what its handler has not begun with."""
        waiting = self.found["mail"].get(str(box), [])
        unseen = [one for one in waiting if self.outcomes[one, box.handler] == [""]]
        self.given[box] = self.begun[box] + unseen
        self.ended[box].clear()
        self.reordered.add(box)

    # Repair

    @rule()
    def look_for_faults(self) -> None:
        """A ledger that nobody damaged needs no repair."""
        self.now += REPAIR_EVERY
        self.both("repair")

    @precondition(lambda self: self._damages())
    @rule(chance=chances)
    def damage_and_repair(self, chance: Random) -> None:
        """Something is lost, or there twice: it is found, and nothing else is done about it."""
        kind = chance.choice(sorted(self._damages()))
        damaged = chance.choice(self._damages()[kind])
        self._damage(kind, damaged, chance)
        repaired = set()
        for _ in range(ENOUGH_LOOKS):
            self.now += REPAIR_EVERY
            repaired |= {one.kind for one in self.ledger.repair(now_ms=self.now).repairs}
        assert kind in repaired
        self._adopt()
        self.look()
        if isinstance(damaged, Box):
            self.note_order(damaged)
        self.resumed = True  # the foreman sees what is ready with its next sweep

    def _damages(self) -> dict[str, list[Any]]:
        """Return what can be damaged now, by the kind of repair that it needs.

        The calls of hooks are let be: it may take twenty seconds until one in particular is looked
        at.
        """
        ready = [
            Box(handler, mailbox)
            for handler, mailboxes in sorted(self.found["ready"].items())
            for mailbox in mailboxes
            if handler not in ("on.call", "inspector")
        ]
        found: dict[str, list[Any]] = {
            "lost": ready,
            "twice": ready,
            "empty": sorted(self.model.subscriptions),
            "entry": ready,
            "letter": sorted(one for one in self.found["dead"] if one.split()[0] in self.accepted),
            "lease": sorted(self.found["held"].keys() & self.found["workers"].keys()),
            "alive": sorted(self.found["alive"]),
            "count": [one for one in self.accepted if self.found["events"][one]["open"]],
        }
        return {kind: choices for kind, choices in found.items() if choices}

    def _damage(self, kind: str, damaged: Any, chance: Random) -> None:
        """Write what somebody else, or a script that failed half-way, might have written.

        The model is told what must be different once it is repaired, but for orders and times.
        """
        match kind:
            case "lost":
                self.redis.lrem(keys.ready(damaged.handler), 0, damaged.mailbox)
            case "twice":
                self.redis.rpush(keys.ready(damaged.handler), damaged.mailbox)
            case "empty":
                self.redis.rpush(keys.ready(damaged), "device:nobody")
            case "entry":
                self._lose_entry(damaged, chance)
            case "letter":
                self.redis.zrem(keys.DEAD, damaged)
            case "lease":
                self.redis.zrem(keys.LEASES, damaged)
            case "alive":
                self.redis.zrem(keys.ALIVE, damaged)
            case "count":
                self.redis.hset(keys.event(damaged), "open", 9)

    def _lose_entry(self, box: Box, chance: Random) -> None:
        """Lose an entry of a box, or one that is to be tried again: it goes to the box's end."""
        retries = [event_id for event_id, of in self.model.due if of == box and event_id]
        if retries and chance.random() < 0.5:
            event_id = chance.choice(retries)
            self.redis.zrem(keys.DUE, f"{event_id} {box}")
            del self.model.due[event_id, box]
        else:
            event_id = chance.choice(self.model.mail[box])
            self.redis.lrem(keys.mail(*box), 1, event_id)
            self.model.mail[box].remove(event_id)
        self.model.mail[box].append(event_id)

    def _adopt(self) -> None:
        """Let the model have the orders and times that the ledger has after a repair."""
        found = snapshot.of(self.redis)
        for handler, mailboxes in found["ready"].items():
            assert sorted(mailboxes) == sorted(self.model.ready[handler])
            self.model.ready[handler] = mailboxes
        for name in ("dead", "leases", "alive"):
            known = getattr(self.model, name)
            assert found[name].keys() == known.keys()
            known.update(found[name])
