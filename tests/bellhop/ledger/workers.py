"""How workers work: as `bellhop_workers.shift` does, but at random."""

from collections.abc import Iterator, Sequence
from random import Random

from bellhop.ledger import (
    ClaimLimit,
    Entry,
    GiveBack,
    HandlerSet,
    Mail,
    Outcome,
    Result,
    Settled,
    SettledEntry,
    SettledMail,
)
from tests.bellhop.ledger.twins import IN_ORDER, WITH_PAST, Lane, Twins, Worker
from tests.bellhop.ledger.values import names_of, wants

KINDS = [Result.DONE] * 4 + [Result.RETRY] * 3 + [Result.DEAD]
NOT_THROUGH = [GiveBack.KEEP] * 2 + [GiveBack.END] * 2 + [GiveBack.FRONT]


class Workers(Twins):
    """Workers that claim mail, and settle what they did with it."""

    def _with_empty_hands(self) -> list[str]:
        return [name for name, one in self.workers.items() if not one.lanes and not one.unanswered]

    def _with_mail(self) -> list[str]:
        return [name for name, one in self.workers.items() if one.lanes]

    def _just_claimed(self) -> list[str]:
        return [name for name, one in self.workers.items() if one.lanes and one.claimed]

    def _answered(self) -> list[str]:
        return [name for name, one in self.workers.items() if one.lanes and not one.unanswered]

    def _unanswered(self) -> list[str]:
        return [name for name, one in self.workers.items() if one.unanswered]

    def _limits(self, worker: str, chance: Random) -> list[ClaimLimit]:
        """Return how much to ask for of the worker's handlers; a stopping one wants nothing."""
        limits = []
        for name in names_of(self.workers[worker].handlers):
            mailboxes, entries = chance.choice([(0, 0), (1, 1), (1, 9), (2, 4), (3, 3), (4, 9)])
            share, is_async = chance.choice([1, 2, 16]), chance.random() < 0.3
            slow = False if is_async else chance.choice([None, None, True, True, False])
            limits.append(
                ClaimLimit(name, mailboxes, entries, share, is_async, name in WITH_PAST, slow)
            )
        return limits if chance.random() < 0.9 else []

    def _claim(self, name: str) -> None:
        worker = self.workers[name]
        claimed = self.both("claim", name, worker.handlers, **worker.claimed)
        if not claimed.known:  # it was silent for too long
            self.both("subscribe", name, worker.handlers)
            claimed = self.both("claim", name, worker.handlers, **worker.claimed)
        assert claimed.known
        self.check_what_is_handed_out(name, claimed.mail)
        worker.lanes.clear()
        worker.take(claimed.mail)

    def _settle_some(self, name: str, chance: Random, *, lost: bool) -> None:
        worker = self.workers[name]
        lanes = [lane for lane in worker.lanes.values() if chance.random() < 0.8]
        results = [self._work(lane, worker.handlers, chance) for lane in lanes]
        options = {"limits": self._limits(name, chance)}
        if any(lane.parked for lane in lanes) or self._holds_a_suspect(name):
            options = {"limits": []}
        worker.settles += 1
        worker.claimed = {}
        worker.sent.append(results)
        settled = self._settle(name, results, options)
        if settled.ours:
            self.note([self.model.as_written(one, worker.handlers.fingerprint) for one in results])
        if lost:
            worker.unanswered = options
        else:
            self._go_on(name, results, settled)

    def _holds_a_suspect(self, name: str) -> bool:
        return any(
            entry.deaths for lane in self.workers[name].lanes.values() for entry in lane.entries
        )

    def _work(self, lane: Lane, handlers: HandlerSet, chance: Random) -> SettledMail:
        """Return results as a mailbox makes them: as many of its entries as it got to, in order."""
        finished = chance.randint(0, len(lane.entries))
        settled: list[SettledEntry] = []
        for entry in lane.entries[:finished]:
            event_type = self.model.events[entry.event.event_id].event_type
            if entry.event.about.event_type and not wants(handlers, lane.box.handler, event_type):
                settled.append(self._unwanted(entry))
            else:
                settled.append(self._finish(lane.box.handler, entry, chance))
            if settled[-1].outcome.kind in (Result.PARK, Result.UNWANTED):
                lane.parked = True
                return SettledMail(*lane.box, GiveBack.PARK, settled)
        lane.entries = lane.entries[finished:]
        give_back = chance.choice(NOT_THROUGH)
        if not lane.entries:
            give_back = chance.choice([GiveBack.END, GiveBack.KEEP])
        return SettledMail(*lane.box, give_back, settled)

    def finish(self, mail: Mail) -> SettledMail:
        """Return the results of a mailbox whose handler succeeds."""
        settled = [self._finish(mail.handler, entry, None) for entry in mail.entries]
        return SettledMail(mail.handler, mail.mailbox, GiveBack.END, settled)

    def _finish(self, handler: str, entry: Entry, chance: Random | None) -> SettledEntry:
        """Return what became of a run; without chance, success."""
        kind = chance.choice(KINDS) if chance else Result.DONE
        if entry.deaths >= 3:
            kind = Result.DEAD
        occurred = None
        if chance and handler in WITH_PAST:
            occurred = chance.choice([None, 1, self.now - 1_000, self.now])
        delay = chance.choice([0, 1, 5_000, 90_000]) if chance and kind is Result.RETRY else 0
        told = handler in WITH_PAST and kind is Result.RETRY
        if kind is Result.RETRY and handler == IN_ORDER:
            kind, told = Result.PARK, False
        state = {Result.RETRY: "retrying", Result.PARK: "retrying"}.get(kind, str(kind))
        outcome = Outcome(kind, self.record(state), delay)
        return SettledEntry(entry.event.event_id, outcome, bool(entry.record), told, occurred)

    def _unwanted(self, entry: Entry) -> SettledEntry:
        """Return what is said of an event that the handler is not for, as the worker has it."""
        outcome = Outcome(Result.UNWANTED, self.record("skipped"), 1_000)
        return SettledEntry(entry.event.event_id, outcome, again=True)

    def record(self, state: str) -> str:
        """Return a record that differs from all others."""
        return f'{{"state": "{state}", "number": {next(self.numbers)}}}'

    def _settle(
        self, name: str, results: Sequence[SettledMail], options: dict[str, list[ClaimLimit]]
    ) -> Settled:
        worker = self.workers[name]
        settled: Settled = self.both(
            "settle", name, worker.handlers, worker.settles, results, **options
        )
        return settled

    def _go_on(self, name: str, results: Sequence[SettledMail], settled: Settled) -> None:
        """Do what a worker does with the answer to its settle."""
        worker = self.workers[name]
        if not settled.ours:
            worker.lanes.clear()
            return
        for result in results:
            lane = worker.lanes[result.handler, result.mailbox]  # type: ignore[index]
            if result.give_back is not GiveBack.KEEP:
                del worker.lanes[lane.box]
        self.check_what_is_handed_out(name, list(self._new(worker, settled.mail)))
        worker.take(settled.mail)

    def _new(self, worker: Worker, mail: Sequence[Mail]) -> Iterator[Mail]:
        """Yield what a worker was given for the first time."""
        for one in mail:
            if (one.handler, one.mailbox) not in worker.lanes:
                yield one
