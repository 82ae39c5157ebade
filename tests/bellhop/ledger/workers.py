"""How workers work: as `bellhop_workers.shift` does, but at random."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from random import Random
from typing import Literal

from bellhop.ledger import Entry, Mail, Outcome, Settled, SettledEntry, SettledMail
from tests.bellhop.ledger.twins import Lane, Twins, Worker

LEASE = timedelta(minutes=1)
HANDLERS = ("bell", "hops.log", "türsteher")


class Workers(Twins):
    """Workers that claim mail, and settle what they did with it."""

    def _just_claimed(self) -> list[str]:
        return [shift for shift, worker in self.workers.items() if not worker.settles]

    def _answered(self) -> list[str]:
        return [shift for shift, worker in self.workers.items() if not worker.unanswered]

    def _unanswered(self) -> list[str]:
        return [shift for shift, worker in self.workers.items() if worker.unanswered]

    def _appetite(self, chance: Random) -> dict[str, int]:
        """Return how much to ask for; a stopping worker wants nothing."""
        mailboxes, entries = chance.choice([(0, 0), (1, 1), (1, 9), (2, 4), (3, 3), (4, 9)])
        return {"mailboxes": mailboxes, "entries": entries, "share": chance.choice([1, 2, 16])}

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
            self._outcome_or_behind(handler, chance, _is_fresh(entry))
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

    def _settle(self, shift: str, results: list[SettledMail], appetite: dict[str, int]) -> Settled:
        settled: Settled = self.both(
            "settle",
            shift,
            self.workers[shift].settles,
            results,
            lease=LEASE,
            **appetite,
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


def _is_fresh(entry: Entry) -> bool:
    """Say whether the event is not open for the handler, so that it may wait behind others."""
    return not entry.handler or entry.records[entry.handler].startswith("replay")
