"""Receivers, workers that come and go, and a foreman: what can happen to a ledger, in any order.

Every call goes to the scripts and to the model. After it the answers are compared, and then
everything that is in Redis. Workers do here what `workers.shift` does, but at random.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any, Literal

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from bellhop.events import Drift
from bellhop.ledger import (
    Arrival,
    Entry,
    Ledger,
    Mail,
    Outcome,
    Quarantined,
    Resolution,
    Settled,
    SettledEntry,
    SettledMail,
    Swept,
)
from tests.bellhop.ledger import snapshot
from tests.bellhop.ledger.model import LedgerModel, split, worker_of

LEASE = timedelta(minutes=1)
HANDLERS = ("bell", "hops.log", "türsteher")
MAILBOXES = ("device:front door", "device:1", "account:ü \n%", "event:")
WORKERS = ("host-1", "host/a b", "host-3")
BODIES = (b"{}", b"", b"\x00\xff\r\n")
WAYS: list[Literal["retry", "drop"]] = ["retry", "drop"]
DRIFT = [
    Drift("lock.unlocked", "method", "unknown_value", '"pälm"'),
    Drift("lock.unlocked", "new field", "unknown_field", "1"),
    Drift("lock.unlocked", "occurred_at", "missing_field"),
]
FULL = 25
"""Entries on their way, from which on nothing more is delivered."""

OPEN = ("retry", "behind")
"""How records begin of handlers for which an event is open."""

chances = st.randoms(use_true_random=True)


class Lane:
    """What a worker knows of a mailbox in its shift's hands."""

    def __init__(self, mail: Mail) -> None:
        self.mailbox = mail.mailbox
        self.entries = list(mail.entries)
        self.written: set[str] = set()
        """Handlers of the first entry whose outcome was settled before the others'."""


class Worker:
    """One shift, as its worker sees it."""

    def __init__(self, mail: Sequence[Mail]) -> None:
        self.lanes: dict[str, Lane] = {}
        self.settles = 0
        self.unanswered: tuple[list[SettledMail], tuple[int, int]] | None = None
        self.take(mail)

    def take(self, mail: Sequence[Mail]) -> None:
        for one in mail:
            if one.mailbox not in self.lanes:
                self.lanes[one.mailbox] = Lane(one)


class LedgerMachine(RuleBasedStateMachine):
    """Receivers, workers that come and go, and a foreman."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        self.redis = ledger.redis
        self.redis.flushall()
        seconds, _ = self.redis.time()
        self.now = seconds * 1000
        self.model = LedgerModel()
        self.agreed = True
        self.numbers = count(1)
        self.arrivals: list[Arrival] = []
        self.workers: dict[str, Worker] = {}
        self.claims: dict[str, dict[str, Any]] = {}
        self.accepted: dict[str, list[str]] = {mailbox: [] for mailbox in MAILBOXES}
        self.finished: dict[str, list[str]] = {mailbox: [] for mailbox in MAILBOXES}
        self.outcomes: dict[tuple[str, str], list[str]] = {}
        """All that was ever written, by event and handler."""
        self.found: dict[str, Any] = snapshot.of(self.redis)

    def both(self, operation: str, *arguments: Any, **options: Any) -> Any:
        """Call the scripts and the model alike, and return what both answer."""
        options["now_ms"] = self.now
        self.agreed = False
        expected = getattr(self.model, operation)(*arguments, **options)
        answer = getattr(self.ledger, operation)(*arguments, **options)
        assert answer == expected
        self.found = snapshot.of(self.redis)
        assert self.found == self.model.snapshot()
        self.agreed = True
        return answer

    # What can happen

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
        arrival = Arrival(f"msg_{number}", f"e{number}", "lock.unlocked", mailbox, body, drift)
        if kind == "release":
            kept = chance.choice([*self.model.quarantine, "msg_nobody_kept"])
            return arrival._replace(delivery_id=kept, released=True)
        self.arrivals.append(arrival)
        return arrival

    @precondition(lambda self: self.found["ready"] or self.found["careful"])
    @rule(chance=chances)
    def claim(self, chance: Random) -> None:
        shift = f"{chance.choice(WORKERS)}/{next(self.numbers)}"
        mailboxes, entries = self._appetite(chance)
        self.claims[shift] = {
            "lease": LEASE,
            "mailboxes": mailboxes,
            "entries": entries,
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

    # How workers work

    def _entries_under_way(self) -> int:
        return sum(map(len, self.found["mail"].values())) + len(self.found["due"])

    def _just_claimed(self) -> list[str]:
        return [shift for shift, worker in self.workers.items() if not worker.settles]

    def _answered(self) -> list[str]:
        return [shift for shift, worker in self.workers.items() if not worker.unanswered]

    def _unanswered(self) -> list[str]:
        return [shift for shift, worker in self.workers.items() if worker.unanswered]

    def _appetite(self, chance: Random) -> tuple[int, int]:
        """Return how many mailboxes and entries to ask for; a stopping worker wants none."""
        return chance.choice([(0, 0), (1, 1), (1, 9), (2, 4), (3, 3), (4, 9)])

    def _claim(self, shift: str) -> None:
        claimed = self.both("claim", shift, **self.claims[shift])
        self.check_what_is_handed_out(claimed.mail)
        self.workers[shift] = Worker(claimed.mail)
        if not claimed.mail:
            del self.workers[shift]

    def _settle_some(self, chance: Random, lost: bool) -> None:
        shift = chance.choice(self._answered())
        worker = self.workers[shift]
        lanes = [lane for lane in worker.lanes.values() if chance.random() < 0.8]
        results = [self._work(lane, chance) for lane in lanes]
        appetite = self._appetite(chance)
        worker.settles += 1
        settled = self._settle(shift, results, appetite)
        if settled.ours:
            self.note(results)
        if lost:
            worker.unanswered = (results, appetite)
        else:
            self._go_on(shift, results, settled)

    def _work(self, lane: Lane, chance: Random) -> SettledMail:
        """Return results as a lane makes them: whole entries in order, then a part of the next."""
        settled: list[SettledEntry] = []
        finished = chance.randint(0, len(lane.entries))
        for entry in lane.entries[:finished]:
            settled += self._finished(entry, lane.written, chance)
            lane.written = set()
        lane.entries = lane.entries[finished:]
        if lane.entries and not lane.entries[0].handler and chance.random() < 0.5:
            entry = lane.entries[0]
            for handler in self._to_run(entry, lane.written)[:1]:
                outcome = self._outcome_or_behind(handler, chance, True)
                settled.append(SettledEntry(entry.name, False, [outcome]))
                lane.written.add(handler)
        where: list[Literal["keep", "end", "front"]] = ["keep", "keep", "end", "end", "front"]
        return SettledMail(lane.mailbox, chance.choice(where), settled)

    def finish(self, mail: Mail) -> SettledMail:
        """Return the results of a mailbox in which every handler succeeds."""
        settled = [one for entry in mail.entries for one in self._finished(entry, set(), None)]
        return SettledMail(mail.mailbox, "end", settled)

    def _finished(
        self, entry: Entry, written: set[str], chance: Random | None
    ) -> Iterator[SettledEntry]:
        outcomes = [
            self._outcome_or_behind(handler, chance, entry.handler is None)
            for handler in self._to_run(entry, written)
        ]
        if entry.handler and entry.deaths:
            # A careful lane writes the outcome of a retry first, and finishes the entry then.
            yield SettledEntry(entry.name, False, outcomes)
            outcomes = []
        yield SettledEntry(entry.name, True, outcomes)

    def _to_run(self, entry: Entry, written: set[str]) -> list[str]:
        if entry.handler:
            return [entry.handler]
        return [name for name in HANDLERS if name not in entry.records and name not in written]

    def _outcome(self, handler: str, chance: Random | None) -> Outcome:
        """Return what became of a run; without chance, success."""
        kinds: Sequence[Literal["done", "retry", "dead"]]
        kinds = ("done", "done", "done", "done", "retry", "retry", "retry", "dead")
        kind = chance.choice(kinds) if chance else kinds[0]
        delay = chance.choice([0, 1, 5_000, 90_000]) if chance and kind == "retry" else 0
        occurred = chance.choice([None, 1, self.now - 1_000, self.now]) if chance else None
        return Outcome(handler, kind, delay, f"{kind} {next(self.numbers)}", occurred)

    def _outcome_or_behind(self, handler: str, chance: Random | None, fresh: bool) -> Outcome:
        """Return what became of a run, or that the event, seen for the first time, has to wait."""
        if fresh and chance and chance.random() < 0.2:
            return Outcome(handler, "behind", 0, f"behind {next(self.numbers)}")
        return self._outcome(handler, chance)

    def _settle(self, shift: str, results: list[SettledMail], appetite: tuple[int, int]) -> Settled:
        settled: Settled = self.both(
            "settle",
            shift,
            self.workers[shift].settles,
            results,
            lease=LEASE,
            mailboxes=appetite[0],
            entries=appetite[1],
            with_newest=len(results) % 2 == 0,
        )
        return settled

    def _go_on(self, shift: str, results: list[SettledMail], settled: Settled) -> None:
        """Do what a worker does with the answer to its settle."""
        worker = self.workers[shift]
        if not settled.ours:
            del self.workers[shift]
            return
        for result in results:
            if result.give_back != "keep":
                del worker.lanes[result.mailbox]
        new = [mail for mail in settled.mail if mail.mailbox not in worker.lanes]
        self.check_what_is_handed_out(new)
        worker.take(settled.mail)
        if not worker.lanes:
            del self.workers[shift]

    def sweep(self, queued: int, dead_workers: Sequence[str] = ()) -> Swept:
        swept: Swept = self.both("sweep", queued=queued, dead_workers=dead_workers)
        return swept

    # What was seen

    def note(self, results: list[SettledMail]) -> None:
        """Remember what a settle wrote. A handler that was done with an event is so for good."""
        for mailbox, _, settled in results:
            for name, finished, outcomes, _ in settled:
                event_id, handler = split(name)
                for outcome in outcomes:
                    written = self.outcomes.setdefault((event_id, outcome.handler), [])
                    assert all(record.startswith(OPEN) for record in written)
                    assert bool(written) == (handler is not None)
                    written.append(outcome.record)
                if finished and handler is None:
                    self.finished[mailbox].append(event_id)

    def check_what_is_handed_out(self, mail: Sequence[Mail]) -> None:
        """An event goes to the handlers that did not have it; a retry to one that asked for it."""
        for entry in (entry for one in mail for entry in one.entries):
            last = dict(self.last_outcomes(entry.event_id))
            assert entry.body is not None
            if entry.handler:
                assert last[entry.handler].startswith(OPEN)
                assert entry.records == {entry.handler: last[entry.handler]}
            else:
                assert entry.records == last

    def last_outcomes(self, event_id: str) -> list[tuple[str, str]]:
        return [
            (handler, records[-1])
            for (event, handler), records in self.outcomes.items()
            if event == event_id
        ]
