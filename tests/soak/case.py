"""A history, with what the clauses look up in it."""

from collections import defaultdict

from tests.soak.excuses import Excuses
from tests.soak.history import FINE, Delivery, History, Run


class Case:
    """A history with what the clauses look up in it, again and again."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.excuses = Excuses(history)
        self.deliveries: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in sorted(history.deliveries, key=lambda one: one.sent):
            self.deliveries[delivery.event_id].append(delivery)
        self.runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
        for run in sorted(history.runs, key=lambda one: one.began):
            self.runs[run.event_id, self._given_to(run)].append(run)
        self.accepted = {
            event_id: min(fine)
            for event_id, deliveries in self.deliveries.items()
            if (fine := [one.answered for one in deliveries if one.answer in FINE])
        }
        """When each accepted event was first answered with a 2xx."""

    def _given_to(self, run: Run) -> str:
        """Return under which name an event was given to the handler of a run, in the end.

        What waited for a handler that was renamed has been moved to its other name.
        """
        record = self.history.records.get(run.event_id)
        if record is None or run.handler in record.handlers:
            return run.handler
        for names in self.history.renamed.items():
            for one, other in (names, names[::-1]):
                if run.handler == one and other in record.handlers:
                    return other
        return run.handler

    def mailboxes(self) -> list[list[str]]:
        """Return the events of each device, in the order in which the ledger accepted them."""
        found: dict[str, list[str]] = defaultdict(list)
        records = self.history.records
        for event_id in sorted(records, key=lambda name: records[name].place):
            if event_id in self.history.sent:
                found[self.history.sent[event_id].mailbox].append(event_id)
        return list(found.values())

    def another_failed(self, event_id: str, handler: str, before: float) -> bool:
        """Say whether another handler of the event had failed by then."""
        return any(
            run.outcome == "failed" and run.began < before
            for other in self.history.sent[event_id].handlers
            if other != handler
            for run in self.runs.get((event_id, other), ())
        )
