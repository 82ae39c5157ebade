"""What came before in a mailbox, for each handler: events that are still open, and the newest seen.

A lane learns it with its mail and keeps it up to date by its own outcomes; nobody else holds the
mailbox meanwhile.
"""

from bisect import insort
from dataclasses import dataclass
from datetime import datetime

from bellhop.ledger import Mail, Outcome, in_ms


@dataclass(slots=True)
class _Open:
    """How many events are open for a handler, and the orders of those known, oldest first."""

    total: int
    oldest: list[int]


class Past:
    """The past of one mailbox."""

    def __init__(self, mail: Mail) -> None:
        self._open = {
            handler: _Open(events.total, list(events.orders))
            for handler, events in mail.open.items()
        }
        self._newest = dict(mail.newest)

    def has_earlier(self, handler: str, order: int) -> bool:
        """Whether an event that came before the one of that order is open for the handler."""
        if handler not in self._open:
            return False
        oldest = self._open[handler].oldest
        return not oldest or oldest[0] < order

    def has_newer(self, handler: str, occurred_at: datetime | None) -> bool:
        """Whether the handler saw an event that occurred later."""
        newest = self._newest.get(handler)
        return newest is not None and occurred_at is not None and newest > in_ms(occurred_at)

    def took(self, outcome: Outcome, order: int, *, new: bool) -> None:
        """Take note of an outcome. `new`: the event was not open for the handler before."""
        handler = outcome.handler
        if outcome.kind in ("retry", "behind"):
            if new:
                events = self._open.setdefault(handler, _Open(0, []))
                events.total += 1
                insort(events.oldest, order)
        elif not new and handler in self._open:
            self._close(handler, order)
        if outcome.occurred_ms is not None:
            self._newest[handler] = max(outcome.occurred_ms, self._newest.get(handler, 0))

    def _close(self, handler: str, order: int) -> None:
        events = self._open[handler]
        if order in events.oldest:
            events.oldest.remove(order)
        elif events.total == len(events.oldest):
            return  # it was not open in the ledger: an older version did not count it
        events.total -= 1
        if not events.total:
            del self._open[handler]
