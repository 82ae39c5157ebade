"""Receivers, workers that come and go, and a foreman: what can happen to a ledger, in any order.

Every call goes to the scripts and to the model, as `twins` tells; `workers` has what workers do.
"""

from datetime import timedelta
from random import Random
from typing import Any, Literal

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from bellhop.durations import LEASE
from bellhop.events import Drift
from bellhop.ledger import Arrival, Quarantined, Replay, Resolution, Swept, keys
from tests.bellhop.ledger.twins import (
    LAST,
    MAILBOXES,
    MANY,
    NEW,
    OLD,
    OTHER,
    QUEUES,
    Worker,
)
from tests.bellhop.ledger.workers import Workers

SETS = (OLD, NEW, OTHER, MANY)
HANDLERS = ("bell", "strict", "türsteher", "added.today", "on.call")
TYPES = ("lock.locked", "lock.unlocked", "access_code.created", "device.ü %\n", "")
BODIES = (b"{}", b"", b"\x00\xff\r\n")
WAYS: list[Literal["retry", "drop"]] = ["retry", "drop"]
DRIFT = [
    Drift("lock.unlocked", "method", "unknown_value", '"pälm"'),
    Drift("lock.unlocked", "new field", "unknown_field", "1"),
    Drift("lock.unlocked", "occurred_at", "missing_field"),
]
SUBJECTS = (*MAILBOXES, "action_attempt_id a ü", "action_attempt_id 1", "action_attempt_id")
LATECOMER = "latecomer"
FORGET_AFTER = timedelta(minutes=1)
MOST_WORKERS = 4
FULL = 40
"""Entries on their way, from which on nothing more is delivered."""

chances = st.randoms(use_true_random=True)


class LedgerMachine(Workers):
    """Receivers, workers that come and go, and a foreman."""

    # Receivers

    @precondition(lambda self: self._entries_under_way() < FULL)
    @rule(chance=chances)
    def deliver(self, chance: Random) -> None:
        batch = [self._delivery(chance) for _ in range(chance.randint(1, 6))]
        receipt = self.both("accept", batch)
        for item, new in zip(batch, receipt.new, strict=True):
            if new and isinstance(item, Arrival):
                self.accepted.append(item.event_id)

    def _delivery(self, chance: Random) -> Arrival | Quarantined:
        number = next(self.numbers)
        kind = chance.choice(
            ["event"] * 6 + ["same event", "same delivery", "quarantine", "release"]
        )
        body = chance.choice(BODIES)
        if kind == "quarantine":
            problems = ("event_id: missing", "ßtrange")
            return Quarantined(f"msg_{number}", body, problems, {"user-agent": "ü"})
        if kind != "event" and self.arrivals:
            known = chance.choice(self.arrivals)
            if kind == "same delivery":
                return known._replace(event_id=f"e{number}")
            return known._replace(delivery_id=f"msg_{number}")
        arrival = Arrival(
            f"msg_{number}",
            f"e{number}",
            chance.choice(TYPES),
            chance.choice(MAILBOXES),
            body,
            chance.sample(DRIFT, chance.choice([0, 0, 1, 3])),
            created_ms=chance.choice([None, self.now - 1, self.now + 1, self.now - 10**10]),
            subjects=chance.sample(SUBJECTS, chance.choice([0, 1, 3])),
        )
        if kind == "release":
            kept = chance.choice([*self.model.quarantine, "msg_nobody_kept"])
            return arrival._replace(delivery_id=kept, released=True)
        self.arrivals.append(arrival)
        return arrival

    @precondition(lambda self: self.found["unindexed"])
    @rule(chance=chances)
    def index(self, chance: Random) -> None:
        self.both("index", chance.choice([1, 2, 500]))

    # Workers

    @precondition(lambda self: len(self.workers) < MOST_WORKERS)
    @rule(chance=chances)
    def start_a_worker(self, chance: Random) -> None:
        name = f"host/{chance.choice('ab')} w-{next(self.numbers)}"
        self.workers[name] = Worker(chance.choice(SETS))
        self.both("subscribe", name, self.workers[name].handlers)
        if chance.random() < 0.2:  # the answer was lost
            self.both("subscribe", name, self.workers[name].handlers)

    @precondition(lambda self: self._with_empty_hands())
    @rule(chance=chances)
    def idle(self, chance: Random) -> None:
        """A worker waits to be woken; if there is mail, it claims at once."""
        name = chance.choice(self._with_empty_hands())
        duration = timedelta(seconds=chance.choice([1, 60]))
        if self.both("idle", name, self.workers[name].handlers, duration):
            self._claim_some(name, chance, was_idle=True)

    @precondition(lambda self: self._with_empty_hands())
    @rule(chance=chances)
    def claim(self, chance: Random) -> None:
        name = chance.choice(self._with_empty_hands())
        self._claim_some(name, chance, was_idle=self._was_idle(name))

    def _was_idle(self, name: str) -> bool:
        fingerprint = self.workers[name].handlers.fingerprint
        return name in self.found["wake"] or name in self.found["idle"].get(fingerprint, ())

    def _claim_some(self, name: str, chance: Random, *, was_idle: bool) -> None:
        worker = self.workers[name]
        if not was_idle:
            self.model.queued.discard(worker.handlers.fingerprint)
        worker.claimed = {
            "limits": self._limits(name, chance),
            "was_idle": was_idle,
            "settles": worker.settles,
        }
        self._claim(name)

    @precondition(lambda self: self._just_claimed())
    @rule(chance=chances)
    def claim_again_because_the_answer_was_lost(self, chance: Random) -> None:
        self._claim(chance.choice(self._just_claimed()))

    @precondition(lambda self: self._with_empty_hands() or self._answered())
    @rule(chance=chances)
    def work(self, chance: Random) -> None:
        """All workers go on, but those that do not hear from Redis."""
        for name in list(self.workers):
            if name in self._with_empty_hands():
                self._claim_some(name, chance, was_idle=self._was_idle(name))
            elif name in self._answered():
                self._settle_some(name, chance, lost=False)

    @precondition(lambda self: self._answered())
    @rule(chance=chances)
    def settle_and_never_hear_of_it(self, chance: Random) -> None:
        self._settle_some(chance.choice(self._answered()), chance, lost=True)

    @precondition(lambda self: self._unanswered())
    @rule(chance=chances)
    def settle_again_because_the_answer_was_lost(self, chance: Random) -> None:
        name = chance.choice(self._unanswered())
        worker = self.workers[name]
        assert worker.unanswered is not None
        before = self.found
        settled = self._settle(name, worker.sent[-1], worker.unanswered)
        for what in ("events", "mail", "suspects", "due", "dead"):
            assert self.found[what] == before[what], what
        # A mailbox kept with nothing left to run is given back if mail came meanwhile.
        held = before["held"].get(name, {})
        empty = {box for box, entries in held.items() if entries == 0}
        kept = {box: entries for box, entries in held.items() if box not in empty}
        assert self.found["held"].get(name, {}) == kept
        assert _listed(self.found["ready"]) == _listed(before["ready"]) | empty
        worker.unanswered = None
        self._go_on(name, worker.sent[-1], settled)

    @precondition(lambda self: self._known_for_two_settles())
    @rule(chance=chances)
    def a_settle_comes_that_was_held_up(self, chance: Random) -> None:
        name = chance.choice(self._known_for_two_settles())
        worker = self.workers[name]
        number = chance.randint(1, self.model.last_settle[name] - 1)
        before = self.found
        results = worker.sent[number - 1]
        settled = self.both("settle", name, worker.handlers, number, results)
        assert not settled.ours
        assert self.found == before

    def _known_for_two_settles(self) -> list[str]:
        return [name for name in self.workers if self.model.last_settle.get(name, 0) > 1]

    # The foreman

    @rule(chance=chances)
    def time_passes(self, chance: Random) -> None:
        """The clock goes on, or is set; then the foreman sweeps."""
        self.now += chance.choice([1, 900, 2_000, 4_000, 7_000, 25_000, 40_000, 90_000, -1_500])
        jumps, jumped = self.model.jumps, 0
        if chance.random() < 0.2:
            jumped = chance.choice([90_000, 3_600_000, -90_000, -3_600_000])
            self.now += jumped
            jumps -= chance.choice([0, 0, 1])  # or somebody else made up for it
        alive = [name for name in self.workers if chance.random() < 0.8]
        self.sweep(
            alive=[*alive, "a stranger"],
            dead={"a stranger": ""},
            jumped_ms=chance.choice([jumped, jumped, 0]),
            jumps=jumps,
        )

    @precondition(lambda self: self._with_mail())
    @rule(chance=chances)
    def a_worker_dies(self, chance: Random) -> None:
        """Its pool may see it, and know who is to blame; or the whole machine is gone."""
        suspected = [name for name in self._with_mail() if self._holds_a_suspect(name)]
        name = chance.choice(suspected or self._with_mail())
        in_hand = [
            f"{entry.event.event_id} {lane.box.handler}"
            for lane in self.workers.pop(name).lanes.values()
            for entry in lane.entries
        ]
        if chance.random() < 0.8:
            self.sweep(dead={name: chance.choice([*in_hand, "", "", None, "e0 bell"])})

    def sweep(self, **options: Any) -> Swept:
        options.setdefault("dead", {})
        for handlers in (*SETS, LAST):
            self.redis.delete(QUEUES + handlers.fingerprint)
        for fingerprint in self.model.queued:
            self.redis.rpush(QUEUES + fingerprint, "shift")
        swept: Swept = self.both("sweep", queues=QUEUES, forget_after=FORGET_AFTER, **options)
        self.model.queued.difference_update(swept.dropped)
        self.note_abandoned()
        self.resumed = False
        return swept

    # People

    @rule(chance=chances)
    def wait_for_mail_to_be_free(self, chance: Random) -> None:
        self.now += chance.choice([0, 900, 6_000, 25_000, -60_000])
        self.both("free", chance.choice([timedelta(0), LEASE]))

    @precondition(lambda self: self.model.subscriptions)
    @rule(chance=chances)
    def pause_or_resume(self, chance: Random) -> None:
        if self.model.paused:
            self.resume(chance.choice(sorted(self.model.paused)))
        elif chance.random() < 0.5:
            handler = chance.choice(sorted(self.model.subscriptions))
            self.redis.sadd(keys.PAUSED, handler)
            self.model.paused.add(handler)
            self.look()

    def resume(self, handler: str) -> None:
        self.redis.srem(keys.PAUSED, handler)
        self.model.paused.discard(handler)
        self.look()
        self.resumed = True

    @precondition(lambda self: self.found["dead"])
    @rule(chance=chances)
    def resolve(self, chance: Random) -> None:
        """Somebody tries some dead letters again, or drops them; some are none any more."""
        chosen = [name for name in self.found["dead"] if chance.random() < 0.5]
        what = chance.choice(WAYS)
        state = "retrying" if what == "retry" else "dropped"
        resolutions = []
        for name in [*chosen, *chosen[:1], "e0 bell"]:
            event_id, handler = name.split(" ")
            resolutions.append(Resolution(what, event_id, handler, self.record(state)))
        resolved = self.both("resolve", resolutions)
        assert resolved.done == (True,) * len(chosen) + (False,) * (len(resolutions) - len(chosen))
        for _, event_id, handler, record in resolutions[: len(chosen)]:
            if what == "retry":
                self.note_opened(event_id, handler, record)
            else:
                self.outcomes[event_id, handler].append(record)

    @precondition(lambda self: self._entries_under_way() < FULL)
    @rule(chance=chances)
    def replay(self, chance: Random) -> None:
        """Somebody gives events to handlers again, or to a new one, open or over as they are."""
        count = min(len(self.accepted), chance.randint(0, 4))
        chosen = chance.sample(self.accepted, count)
        replays = []
        for event_id in [*chosen, *chosen[:1], "e0"]:
            handler = chance.choice([*HANDLERS, LATECOMER])
            read = self.found["events"].get(event_id, {}).get("records", {}).get(handler, "")
            read = chance.choice([read] * 9 + ["what it was"])
            replays.append(Replay(event_id, handler, read, self.record("replaying")))
        replayed = self.both("replay", replays)
        for one, done in zip(replays, replayed.done, strict=True):
            if done:
                self.note_opened(one.event_id, one.handler, one.record)

    def _entries_under_way(self) -> int:
        waiting = sum(map(len, self.found["mail"].values()))
        return waiting + len(self.found["due"]) + len(self.found["unrouted"])


def _listed(ready: dict[str, list[str]]) -> set[str]:
    return {f"{handler} {mailbox}" for handler, mailboxes in ready.items() for mailbox in mailboxes}
