"""Receivers, workers that come and go, and a foreman: what can happen to a ledger, in any order.

Every call goes to the scripts and to the model, as `twins` tells; `workers` has what workers do.
"""

from datetime import timedelta
from random import Random
from typing import Literal

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from bellhop.events import Drift
from bellhop.ledger import Arrival, Quarantined, Replay, Resolution
from tests.bellhop.ledger.state import split, worker_of
from tests.bellhop.ledger.twins import MAILBOXES
from tests.bellhop.ledger.workers import HANDLERS, LEASE, Workers

WORKERS = ("host-1", "host/a b", "host-3")
BODIES = (b"{}", b"", b"\x00\xff\r\n")
WAYS: list[Literal["retry", "drop"]] = ["retry", "drop"]
DRIFT = [
    Drift("lock.unlocked", "method", "unknown_value", '"pälm"'),
    Drift("lock.unlocked", "new field", "unknown_field", "1"),
    Drift("lock.unlocked", "occurred_at", "missing_field"),
]
SUBJECTS = (*MAILBOXES, "action_attempt_id a ü", "action_attempt_id 1", "action_attempt_id")
LATECOMER = "added.today"
FULL = 25
"""Entries on their way, from which on nothing more is delivered."""

chances = st.randoms(use_true_random=True)


class LedgerMachine(Workers):
    """Receivers, workers that come and go, and a foreman."""

    @precondition(lambda self: self._entries_under_way() < FULL)
    @rule(chance=chances)
    def deliver(self, chance: Random) -> None:
        batch = [self._delivery(chance) for _ in range(chance.randint(1, 6))]
        receipt = self.both("accept", batch)
        for item, new in zip(batch, receipt.new, strict=True):
            if new and isinstance(item, Arrival):
                self.accepted[item.mailbox].append(item.event_id)

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
        mailbox = chance.choice(MAILBOXES)
        drift = chance.sample(DRIFT, chance.choice([0, 0, 1, 3]))
        arrival = Arrival(
            f"msg_{number}",
            f"e{number}",
            "lock.unlocked",
            mailbox,
            body,
            drift,
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

    @rule(chance=chances)
    def rest(self, chance: Random) -> None:
        shift = f"{chance.choice(WORKERS)}/{next(self.numbers)}"
        self.both("rest", shift, timedelta(seconds=chance.choice([1, 60])))

    @precondition(lambda self: any(self.found[one] for one in ("ready", "careful", "resting")))
    @rule(chance=chances)
    def claim(self, chance: Random) -> None:
        known = sorted({*self.found["resting"], *self.found["bells"]} - self.workers.keys())
        shift = f"{chance.choice(WORKERS)}/{next(self.numbers)}"
        rested = bool(known) and chance.random() < 0.7
        if rested:
            shift = chance.choice(known)
        self.claims[shift] = {
            "lease": LEASE,
            "rested": rested,
            **self._appetite(chance),
            "with_newest": chance.random() < 0.5,
        }
        self._claim(shift)

    @precondition(lambda self: self._just_claimed())
    @rule(chance=chances)
    def claim_again_because_the_answer_was_lost(self, chance: Random) -> None:
        self._claim(chance.choice(self._just_claimed()))

    @precondition(lambda self: self._answered())
    @rule(chance=chances)
    def settle(self, chance: Random) -> None:
        self._settle_some(chance, lost=False)

    @precondition(lambda self: self._answered())
    @rule(chance=chances)
    def settle_and_never_hear_of_it(self, chance: Random) -> None:
        self._settle_some(chance, lost=True)

    @precondition(lambda self: self._unanswered())
    @rule(chance=chances)
    def settle_again_because_the_answer_was_lost(self, chance: Random) -> None:
        shift = chance.choice(self._unanswered())
        worker = self.workers[shift]
        assert worker.unanswered
        results, appetite = worker.unanswered
        before = self.found
        settled = self._settle(shift, results, appetite)
        for what in ("events", "mail", "ready", "careful", "doubts", "held", "due", "dead"):
            assert self.found[what] == before[what], what
        worker.unanswered = None
        self._go_on(shift, results, settled)

    @precondition(lambda self: self.found["mail"] or self.found["due"])
    @rule(chance=chances)
    def time_passes(self, chance: Random) -> None:
        """The clock goes on, or back; a worker may end amid its shifts; then the foreman sweeps."""
        self.now += chance.choice([1, 900, 2_000, 7_000, 40_000, 61_000, -1_500, -600_000])
        dead_workers = []
        if self.workers and chance.random() < 0.3:
            worker = worker_of(chance.choice(list(self.workers)))
            for shift in [shift for shift in self.workers if worker_of(shift) == worker]:
                del self.workers[shift]
            if chance.random() < 0.7:
                dead_workers = [worker, "a stranger"]
        self.sweep(queued=chance.choice([0, 0, 2]), dead_workers=dead_workers)

    @precondition(lambda self: self.found["dead"])
    @rule(chance=chances)
    def resolve(self, chance: Random) -> None:
        """Somebody tries some dead letters again, or drops them; some are none any more."""
        chosen = [name for name in self.found["dead"] if chance.random() < 0.5]
        letters = [split(name) for name in [*chosen, *chosen[:1], "e0 bell"]]
        what = chance.choice(WAYS)
        resolutions = [
            Resolution(what, event_id, handler or "", f"{what} {next(self.numbers)}")
            for event_id, handler in letters
        ]
        resolved = self.both("resolve", resolutions)
        assert resolved.done == (True,) * len(chosen) + (False,) * (len(letters) - len(chosen))
        for _, event_id, handler, record in resolutions[: len(chosen)]:
            self.outcomes[event_id, handler][-1] = record

    @precondition(lambda self: self._entries_under_way() < FULL)
    @rule(chance=chances)
    def replay(self, chance: Random) -> None:
        """Somebody gives events to handlers again, or to a new one, open or over as they are."""
        count = min(len(self.found["events"]), chance.randint(0, 4))
        chosen = chance.sample(sorted(self.found["events"]), count)
        replays = []
        for event_id in [*chosen, *chosen[:1], "e0"]:
            handler = chance.choice([*HANDLERS, LATECOMER])
            read = self.found["events"].get(event_id, {}).get("records", {}).get(handler, "")
            read = chance.choice([read] * 9 + ["what it was"])
            replays.append(Replay(event_id, handler, read, f"replay {next(self.numbers)}"))
        replayed = self.both("replay", replays)
        for one, done in zip(replays, replayed.done, strict=True):
            if done:
                self.outcomes[one.event_id, one.handler] = [one.record]

    def _entries_under_way(self) -> int:
        return sum(map(len, self.found["mail"].values())) + len(self.found["due"])
