"""A lane: one mailbox in a shift's hands, its entries run one after the other.

Nothing here calls a handler: a lane says which run is next and takes its outcome. The shift runs
the sync ones in the main thread and hands lanes that wait for an async one to the event loop, so a
lane belongs to one thread at a time. Its results may be collected from any.
"""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Literal

from bellhop.errors import BellhopError
from bellhop.events.copying import copy_of
from bellhop.events.parsing import parse_again
from bellhop.handler import Handler
from bellhop.known_secrets import known_secrets
from bellhop.ledger import Entry, Mail, Outcome, SettledEntry, SettledMail, in_ms
from bellhop.logs import get_logger
from bellhop.routing import Registry
from bellhop.vault import Kind, Sealed, Vault
from bellhop_workers.past import Past
from bellhop_workers.records import Attempts, cut
from bellhop_workers.running import Run

DEATHS = 3
"""How many workers may die under an entry before it goes to the dead letters."""

_log = get_logger("workers")


class Unrunnable(BellhopError):
    """An entry for a handler that does not exist."""


class Lane:
    """The entries of one mailbox that a shift claimed, in order.

    `careful`: a worker died with this mailbox in hand, so every outcome is written down before the
    next handler runs: if the worker dies again, it is known under which.
    """

    def __init__(self, mail: Mail, registry: Registry, vault: Vault) -> None:
        self.mailbox = mail.mailbox
        self.careful = mail.careful
        self.begun = False
        self.entries_done = 0
        self._registry = registry
        self._vault = vault
        self._past = Past(mail)
        self._results: deque[SettledEntry] = deque()
        self._unwritten: list[Outcome] = []
        self._entry: Entry | None = None
        self.error: BaseException | None = None
        """What went wrong with the lane itself, in another thread."""
        self.sealed: Sealed | None = None
        """Why the lane ended before an entry: this worker has no key to it, but another may."""
        self._lock = threading.Lock()
        self._stopping = False
        self._runs = self._steps(mail.entries)
        self.next: Run | None = None
        """The run to do next, or `None` when the lane is through. Known once it has begun."""

    def begin(self) -> None:
        """Find out what is to be run first."""
        self.next = next(self._runs, None)
        # Only now: whoever collects meanwhile would take it for a lane that is through.
        self.begun = True

    def took(self, outcome: Outcome) -> None:
        """Take the outcome of `next`, and go on to the one after it."""
        with self._lock:
            if self.next and self.next.occurred_ms is not None:
                outcome = outcome._replace(occurred_ms=self.next.occurred_ms)
            self._note(outcome, self.next)
            if self.careful:
                self._write_progress()
            self.next = next(self._runs, None)

    def _note(self, outcome: Outcome, run: Run | None) -> None:
        self._unwritten.append(outcome)
        if self._entry:
            new = self._entry.handler is None or (run is not None and run.attempts.fresh)
            self._past.took(outcome, self._entry.about.order, new=new)

    def stop(self) -> None:
        """Let the entry under way be the last."""
        self._stopping = True

    @property
    def through(self) -> bool:
        """Whether nothing is left to run."""
        return self.begun and self.next is None

    @property
    def has_results(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._results)

    def write_progress(self) -> None:
        """Have the outcomes of the unfinished entry so far written, lest they be repeated."""
        with self._lock:
            self._write_progress()

    def _write_progress(self) -> None:
        if self._entry and not self._entry.handler and self._unwritten:
            self._results.append(SettledEntry(self._entry.name, False, self._unwritten))
            self._unwritten = []

    def collect(self) -> SettledMail | None:
        """Return what is to be written, or `None`. A lane that is through is given back by it."""
        give_back: Literal["keep", "end"] = "end" if self.through else "keep"
        results = []
        while self._results:
            results.append(self._results.popleft())
        if give_back == "keep" and not results:
            return None
        return SettledMail(self.mailbox, give_back, results)

    def give_back(self) -> SettledMail:
        """Return the mailbox of a lane that has not begun, so that somebody else can take it."""
        return SettledMail(self.mailbox, "front", ())

    def _steps(self, entries: tuple[Entry, ...]) -> Iterator[Run]:
        for entry in entries:
            if self._stopping:
                return
            self._entry = entry
            try:
                runs = self._open(entry)
            except Sealed as error:
                self.sealed, self._entry = error, None
                return
            yield from self._in_order(entry, runs)
            handled = runs or self._unwritten or entry.records or entry.handler
            state: Literal["done", "unhandled"] = "done" if handled else "unhandled"
            outcomes, self._unwritten = self._unwritten, []
            self._entry = None
            self._results.append(SettledEntry(entry.name, True, outcomes, state))
            self.entries_done += 1

    def _in_order(self, entry: Entry, runs: list[Run]) -> Iterator[Run]:
        """Yield the runs that may begin. The others have to wait behind an earlier event."""
        doomed = ""
        if entry.deaths >= DEATHS:
            doomed = f"worker died: {entry.deaths} workers ended under it"
        for run in runs:
            name = run.handler.name
            run.earlier_pending = self._past.has_earlier(name, entry.about.order)
            if run.handler.in_order and run.earlier_pending:
                self._note(run.attempts.behind(name), run)
                continue
            occurred_at = run.event.occurred_at
            run.stale = self._past.has_newer(name, occurred_at)
            if occurred_at and run.handler.wants_context:
                run.occurred_ms = in_ms(occurred_at)
            # The first that is run is the one under which they ended: those before it are written.
            run.doomed, doomed = doomed, ""
            yield run

    def _open(self, entry: Entry) -> list[Run]:
        """Return the runs of an entry, without the handlers whose outcome is on record.

        Whatever is wrong with an entry is an outcome of that entry, and stops no other; but raises
        `Sealed` if there is nothing wrong with it, and this worker lacks the key.
        """
        if entry.body is None:
            _log.error("the record of an event is gone", event_id=entry.event_id)
            return []
        try:
            body = self._vault.open(entry.body, Kind.EVENT, entry.event_id)
            known_secrets.remember(body)
            event = parse_again(body, entry.about.event_type)
            device_id = getattr(event, "device_id", None)
            runs: list[Run] = []
            for handler in self._handlers(entry, event.event_type):
                if runs:  # each has an event of its own
                    event = copy_of(event)
                attempts = Attempts(entry.records.get(handler.name), entry.event_id, self._vault)
                runs.append(
                    Run(
                        handler,
                        event,
                        body,
                        entry.event_id,
                        event.event_type,
                        device_id,
                        attempts,
                        entry.about.delivery_id,
                        entry.about.received_ms,
                        state=self._registry.state,
                    )
                )
        except Sealed:
            raise
        except Unrunnable as error:
            problem = str(error)
        except Exception as error:
            # Perhaps a version that understands less than the one that accepted it.
            problem = cut(f"cannot be read any more: {error}")
        else:
            return runs
        _log.error("handler gave up", event_id=entry.event_id, error=problem)
        name = entry.handler or "*"
        attempts = Attempts(None, entry.event_id, self._vault)
        self._unwritten.append(attempts.dead(name, entry.about.received_ms, 0.0, problem))
        return []

    def _handlers(self, entry: Entry, event_type: str) -> list[Handler]:
        if entry.handler is None:
            matching = self._registry.match(event_type)
            return [handler for handler in matching if handler.name not in entry.records]
        handler = self._registry.get(entry.handler)
        if handler is None:
            raise Unrunnable(f"there is no handler named {entry.handler} any more")
        return [handler]
