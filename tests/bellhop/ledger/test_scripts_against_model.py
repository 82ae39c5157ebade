"""The scripts and their model are given the same calls, in every order that hypothesis thinks of.

After each call the answers are compared, then everything that is in Redis; then it is checked, without
the model, that nothing is lost, doubled, or out of order. At the end of each run the mail is worked
off, and every accepted event must have come to its end.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import count
from typing import Any, Literal

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bellhop.ledger import (
    Arrival,
    Entry,
    Ledger,
    Mail,
    Outcome,
    Quarantined,
    Settled,
    SettledEntry,
    SettledMail,
    Swept,
)
from tests.bellhop.ledger import snapshot
from tests.bellhop.ledger.model import LedgerModel, split

LEASE = timedelta(minutes=1)
HANDLERS = ("bell", "hops.log", "türsteher")
MAILBOXES = ("device:front door", "device:1", "account:ü \n%", "event:")
WORKERS = ("host-1", "host/a b", "host-3")
BODIES = (b"{}", b"", b"\x00\xff\r\n")
DELAYS_MS = (0, 1, 5_000, 90_000)

deliveries = st.lists(
    st.tuples(
        st.sampled_from(["event"] * 5 + ["same event", "same delivery", "quarantine"]),
        st.sampled_from(MAILBOXES),
        st.sampled_from(BODIES),
        st.integers(0, 99),
    ),
    min_size=1,
    max_size=6,
)
budgets = st.tuples(st.integers(0, 4), st.integers(0, 7))
outcome_kinds = st.lists(
    st.tuples(st.sampled_from(["done", "retry", "dead"]), st.sampled_from(DELAYS_MS)),
    min_size=len(HANDLERS),
    max_size=len(HANDLERS),
)
where_it_goes: st.SearchStrategy[Literal["keep", "end", "front"]] = st.sampled_from(
    ["keep", "end", "front"]
)


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
        self.numbers = count(1)
        self.arrivals: list[Arrival] = []
        self.workers: dict[str, Worker] = {}
        self.claims: dict[str, dict[str, Any]] = {}
        self.dead_workers: set[str] = set()
        self.accepted: dict[str, list[str]] = {mailbox: [] for mailbox in MAILBOXES}
        self.finished: dict[str, list[str]] = {mailbox: [] for mailbox in MAILBOXES}
        self.outcomes: dict[tuple[str, str], list[str]] = {}
        """All that was ever written, by event and handler."""
        self.found: dict[str, Any] = snapshot.of(self.redis)

    def both(self, operation: str, *arguments: Any, **options: Any) -> Any:
        """Call the scripts and the model alike, and return what both answer."""
        options["now_ms"] = self.now
        expected = getattr(self.model, operation)(*arguments, **options)
        answer = getattr(self.ledger, operation)(*arguments, **options)
        assert answer == expected
        self.found = snapshot.of(self.redis)
        assert self.found == self.model.snapshot()
        return answer

    # What can happen

    @rule(wanted=deliveries)
    def deliver(self, wanted: list[tuple[str, str, bytes, int]]) -> None:
        batch = [self._delivery(*one) for one in wanted]
        receipt = self.both("accept", batch)
        for item, new in zip(batch, receipt.new, strict=True):
            if new and isinstance(item, Arrival):
                self.accepted[item.mailbox].append(item.event_id)

    def _delivery(self, kind: str, mailbox: str, body: bytes, pick: int) -> Arrival | Quarantined:
        number = next(self.numbers)
        if kind == "quarantine":
            return Quarantined(f"msg_{number}", "event_id: missing\nßtrange", body)
        if kind != "event" and self.arrivals:
            known = self.arrivals[pick % len(self.arrivals)]
            if kind == "same delivery":
                return known
            return known._replace(delivery_id=f"msg_{number}")
        arrival = Arrival(f"msg_{number}", f"e{number}", "lock.unlocked", mailbox, body)
        self.arrivals.append(arrival)
        return arrival

    @rule(worker=st.sampled_from(WORKERS), budget=budgets)
    def claim(self, worker: str, budget: tuple[int, int]) -> None:
        shift = f"{worker}/{next(self.numbers)}"
        self.claims[shift] = {"lease": LEASE, "mailboxes": budget[0], "entries": budget[1]}
        self._claim(shift)

    @precondition(lambda self: self._just_claimed())
    @rule(pick=st.integers(0, 99))
    def claim_again_because_the_answer_was_lost(self, pick: int) -> None:
        shifts = self._just_claimed()
        self._claim(shifts[pick % len(shifts)])

    def _just_claimed(self) -> list[str]:
        return [shift for shift, worker in self.workers.items() if not worker.settles]

    def _claim(self, shift: str) -> None:
        claimed = self.both("claim", shift, **self.claims[shift])
        self._check_what_is_handed_out(claimed.mail)
        self.workers[shift] = Worker(claimed.mail)

    @precondition(lambda self: self._answered())
    @rule(
        pick=st.integers(0, 99),
        next_mail=budgets,
        lost=st.sampled_from([False, False, True]),
        data=st.data(),
    )
    def settle(self, pick: int, next_mail: tuple[int, int], lost: bool, data: Any) -> None:
        shifts = self._answered()
        shift = shifts[pick % len(shifts)]
        worker = self.workers[shift]
        results = [
            self._work(lane, data.draw)
            for lane in worker.lanes.values()
            if data.draw(st.booleans(), "settle this mailbox")
        ]
        worker.settles += 1
        settled = self._settle(shift, results, next_mail)
        if settled.ours:
            self._note(results)
        if lost:
            worker.unanswered = (results, next_mail)
        else:
            self._go_on(shift, results, settled)

    @precondition(lambda self: self._unanswered())
    @rule(pick=st.integers(0, 99))
    def settle_again_because_the_answer_was_lost(self, pick: int) -> None:
        shifts = self._unanswered()
        shift = shifts[pick % len(shifts)]
        worker = self.workers[shift]
        assert worker.unanswered
        results, next_mail = worker.unanswered
        before = self.found
        settled = self._settle(shift, results, next_mail)
        for what in ("events", "mail", "ready", "careful", "doubts", "held", "due", "dead"):
            assert self.found[what] == before[what], what
        worker.unanswered = None
        self._go_on(shift, results, settled)

    @precondition(lambda self: self.workers)
    @rule(pick=st.integers(0, 99), noticed=st.booleans())
    def crash(self, pick: int, noticed: bool) -> None:
        """A worker ends in the middle of its shifts; somebody may have seen it."""
        worker = list(self.workers)[pick % len(self.workers)].rpartition("/")[0]
        self.workers = {
            shift: hands
            for shift, hands in self.workers.items()
            if shift.rpartition("/")[0] != worker
        }
        if noticed:
            self.dead_workers.add(worker)

    @rule(milliseconds=st.sampled_from([1, 900, 2_000, 7_000, 61_000, -1_500, -3_600_000]))
    def time_passes(self, milliseconds: int) -> None:
        self.now += milliseconds

    @rule(queued=st.sampled_from([0, 0, 2]))
    def sweep(self, queued: int) -> None:
        self._sweep(queued)

    # What must be true

    @invariant()
    def mailboxes_with_mail_are_in_one_place_and_others_nowhere(self) -> None:
        held = [mailbox for mailboxes in self.found["held"].values() for mailbox in mailboxes]
        places = self.found["ready"] + self.found["careful"] + held
        assert sorted(places) == sorted(self.found["mail"])

    @invariant()
    def doubtful_mailboxes_are_careful_or_held_alone(self) -> None:
        alone = [list(held)[0] for held in self.found["held"].values() if len(held) == 1]
        for mailbox in self.found["doubts"]:
            assert mailbox in self.found["careful"] + alone
        assert set(self.found["careful"]) <= set(self.found["doubts"])

    @invariant()
    def shifts_have_a_lease_if_and_only_if_they_hold_mail(self) -> None:
        assert set(self.found["shifts"]) == set(self.found["held"])

    @invariant()
    def a_shift_was_asked_for_if_mail_is_ready(self) -> None:
        if self.found["ready"] or self.found["careful"]:
            assert self.found["waiting"] is not None

    @invariant()
    def no_accepted_event_is_lost(self) -> None:
        assert set(self.found["log"]) == {e for events in self.accepted.values() for e in events}
        assert set(self.found["events"]) == set(self.found["log"])
        for event_id, event in self.found["events"].items():
            waits = event_id in self.found["mail"].get(event["mailbox"], [])
            finished = event_id in self.finished[event["mailbox"]]
            assert waits != finished, event_id
            assert (event["state"] == "accepted") == waits, event_id

    @invariant()
    def no_retry_is_lost(self) -> None:
        for event_id, event in self.found["events"].items():
            mail = self.found["mail"].get(event["mailbox"], [])
            in_mail = [name for name in mail if name.startswith(f"{event_id} ")]
            in_due = [name for name in self.found["due"] if name.startswith(f"{event_id} ")]
            assert len(in_mail) + len(in_due) == event["open"]
            assert set(in_mail + in_due) == {
                f"{event_id} {handler}"
                for handler, record in self._last_outcomes(event_id)
                if record.startswith("retry")
            }

    @invariant()
    def counts_match_what_was_written(self) -> None:
        for event_id, event in self.found["events"].items():
            last = self._last_outcomes(event_id)
            assert event["records"] == dict(last)
            dead = {
                f"{event_id} {handler}" for handler, record in last if record.startswith("dead")
            }
            assert event["dead"] == len(dead)
            assert {name for name in self.found["dead"] if split(name)[0] == event_id} == dead

    @invariant()
    def only_events_with_nothing_open_may_be_forgotten(self) -> None:
        for event in self.found["events"].values():
            over = event["state"] in ("done", "unhandled")
            assert event["may be forgotten"] == over
            if over:
                assert (event["open"], event["dead"]) == (0, 0)

    @invariant()
    def events_of_a_mailbox_are_finished_in_the_order_accepted(self) -> None:
        for mailbox, finished in self.finished.items():
            assert finished == self.accepted[mailbox][: len(finished)]

    def teardown(self) -> None:
        """Work off what is left: a good worker and the foreman must be enough."""
        for round_ in range(1_000):
            self.now += 3_600_000
            swept = self._sweep(queued=0)
            asleep = not (self.found["mail"] or self.found["due"])
            if asleep:
                break
            assert swept.wants_shift or not (self.found["ready"] or self.found["careful"])
            shift = f"last/{next(self.numbers)}"
            claimed = self.both("claim", shift, lease=LEASE, mailboxes=9, entries=50)
            mail = claimed.mail
            for number in count(1):
                self._check_what_is_handed_out(mail)
                results = [self._finish(one) for one in mail]
                settled = self.both(
                    "settle", shift, number, results, lease=LEASE, mailboxes=9, entries=50
                )
                self._note(results)
                mail = settled.mail
                if not mail:
                    break
        assert asleep, f"mail is left after {round_} shifts"
        assert self.finished == self.accepted
        self.no_accepted_event_is_lost()
        self.no_retry_is_lost()
        self.counts_match_what_was_written()
        for event in self.found["events"].values():
            assert event["state"] == ("dead" if event["dead"] else "done")

    # How workers work

    def _work(self, lane: Lane, draw: Callable[..., Any]) -> SettledMail:
        """Return results as a lane makes them: whole entries in order, then a part of the next."""
        finished = draw(st.integers(0, len(lane.entries)), "entries finished")
        settled = []
        for entry in lane.entries[:finished]:
            settled += self._finished(entry, lane.written, draw(outcome_kinds))
            lane.written = set()
        lane.entries = lane.entries[finished:]
        if lane.entries and not lane.entries[0].handler and draw(st.booleans(), "part of the next"):
            entry = lane.entries[0]
            for handler in self._to_run(entry, lane.written)[:1]:
                kind, delay = draw(outcome_kinds)[0]
                outcome = self._outcome(handler, kind, delay)
                settled.append(SettledEntry(entry.name, False, [outcome]))
                lane.written.add(handler)
        return SettledMail(lane.mailbox, draw(where_it_goes), settled)

    def _finish(self, mail: Mail) -> SettledMail:
        """Return the results of a mailbox in which every handler succeeds."""
        good = [("done", 0)] * len(HANDLERS)
        settled = [one for entry in mail.entries for one in self._finished(entry, set(), good)]
        return SettledMail(mail.mailbox, "end", settled)

    def _finished(
        self, entry: Entry, written: set[str], kinds: list[tuple[Any, int]]
    ) -> Iterator[SettledEntry]:
        handlers = self._to_run(entry, written)
        outcomes = [
            self._outcome(handler, *kind) for handler, kind in zip(handlers, kinds, strict=False)
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

    def _outcome(self, handler: str, kind: Any, delay: int) -> Outcome:
        return Outcome(handler, kind, delay, f"{kind} {next(self.numbers)}")

    def _settle(
        self, shift: str, results: list[SettledMail], next_mail: tuple[int, int]
    ) -> Settled:
        settled: Settled = self.both(
            "settle",
            shift,
            self.workers[shift].settles,
            results,
            lease=LEASE,
            mailboxes=next_mail[0],
            entries=next_mail[1],
        )
        return settled

    def _go_on(self, shift: str, results: list[SettledMail], settled: Settled) -> None:
        """Do what a worker does with the answer to its settle."""
        worker = self.workers[shift]
        if not settled.ours:
            worker.lanes = {}
            return
        for result in results:
            if result.give_back != "keep" or not worker.lanes[result.mailbox].entries:
                del worker.lanes[result.mailbox]
        new = [mail for mail in settled.mail if mail.mailbox not in worker.lanes]
        self._check_what_is_handed_out(new)
        worker.take(settled.mail)

    def _sweep(self, queued: int) -> Swept:
        dead = sorted(self.dead_workers)
        self.dead_workers.clear()
        swept: Swept = self.both("sweep", queued=queued, dead_workers=dead)
        return swept

    def _answered(self) -> list[str]:
        return [shift for shift, worker in self.workers.items() if not worker.unanswered]

    def _unanswered(self) -> list[str]:
        return [shift for shift, worker in self.workers.items() if worker.unanswered]

    # What was seen

    def _note(self, results: list[SettledMail]) -> None:
        """Remember what a settle wrote. A handler that was done with an event is so for good."""
        for mailbox, _, settled in results:
            for name, finished, outcomes, _ in settled:
                event_id, handler = split(name)
                for outcome in outcomes:
                    written = self.outcomes.setdefault((event_id, outcome.handler), [])
                    assert all(record.startswith("retry") for record in written)
                    assert bool(written) == (handler is not None)
                    written.append(outcome.record)
                if finished and handler is None:
                    self.finished[mailbox].append(event_id)

    def _check_what_is_handed_out(self, mail: Sequence[Mail]) -> None:
        """An event goes to the handlers that did not have it; a retry to one that asked for it."""
        for entry in (entry for one in mail for entry in one.entries):
            last = dict(self._last_outcomes(entry.event_id))
            assert entry.body is not None
            if entry.handler:
                assert last[entry.handler].startswith("retry")
                assert entry.records == {entry.handler: last[entry.handler]}
            else:
                assert entry.records == last

    def _last_outcomes(self, event_id: str) -> list[tuple[str, str]]:
        return [
            (handler, records[-1])
            for (event, handler), records in self.outcomes.items()
            if event == event_id
        ]


def test_the_scripts_do_what_their_model_does_and_lose_nothing(ledger: Ledger) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: LedgerMachine(ledger),
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            # Add Phase.shrink to have a failure made small; that takes minutes.
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
