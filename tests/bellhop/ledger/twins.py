"""The scripts and the model, called alike, and what was seen of them.

After each call the answers are compared, and then everything that is in Redis.
"""

from collections.abc import Sequence
from itertools import count
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from bellhop.ledger import Arrival, Ledger, Mail, SettledMail, Swept
from tests.bellhop.ledger import snapshot
from tests.bellhop.ledger.model import LedgerModel
from tests.bellhop.ledger.state import split

MAILBOXES = ("device:front door", "device:1", "account:ü \n%", "event:")
OPEN = ("retry", "behind", "replay")
"""How records begin of handlers for which an event is open."""


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
        self.unanswered: tuple[list[SettledMail], dict[str, int]] | None = None
        self.take(mail)

    def take(self, mail: Sequence[Mail]) -> None:
        for one in mail:
            if one.mailbox not in self.lanes:
                self.lanes[one.mailbox] = Lane(one)


class Twins(RuleBasedStateMachine):
    """A ledger and its model, at the same time with the same shifts."""

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

    def sweep(self, queued: int, dead_workers: Sequence[str] = ()) -> Swept:
        swept: Swept = self.both("sweep", queued=queued, dead_workers=dead_workers)
        return swept

    # What was seen

    def note(self, results: list[SettledMail]) -> None:
        """Remember what a settle wrote. A handler that was done with an event is so for good.

        Unless it is replayed: then what was written before does not count.
        """
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
