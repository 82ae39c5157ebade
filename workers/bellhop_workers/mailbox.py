"""A mailbox of one handler that this worker holds, its entries run one after the other.

Nothing here calls a handler: a mailbox says which run is next and takes down its outcome. It
belongs to one thread: the main one if its handler is sync, that of the event loop if it is async.
Its results may be collected from any.
"""

import time
from bisect import insort
from collections import deque
from contextlib import suppress

from bellhop.events import SeamEvent
from bellhop.events.copying import copy_of
from bellhop.events.parsing import parse_again
from bellhop.handler import Handler
from bellhop.handler_state import HandlerState
from bellhop.hooks import shown_id
from bellhop.known_secrets import known_secrets
from bellhop.ledger import (
    ClaimedEvent,
    Entry,
    GiveBack,
    HandlerRecord,
    Mail,
    Outcome,
    Result,
    SettledEntry,
    SettledMail,
    UnreadableRecord,
    in_ms,
)
from bellhop.logs import get_logger
from bellhop.patterns import fits_any
from bellhop.vault import Kind, Sealed, Vault
from bellhop_workers.outcomes import Skip
from bellhop_workers.running import Run, now_ms
from bellhop_workers.said import cut

DEATHS = 3
"""How many workers may die under an entry before it goes to the dead letters."""

_FOR_OTHERS_MS = 1000
"""For how long a mailbox waits for a worker that has its handler with other patterns."""

_LAST = (Result.PARK, Result.UNWANTED)
"""Outcomes behind which nothing of a mailbox is run."""

_log = get_logger("workers")


class ClaimedMailbox:
    """The entries of a mailbox that this worker claimed, in order.

    `state`: what the worker's lifespan yielded.
    """

    def __init__(self, mail: Mail, handler: Handler, vault: Vault, state: object = None) -> None:
        self.handler = handler
        self.name = mail.mailbox
        self.alone = mail.alone
        self.begun = False
        self.through = False
        """Whether nothing is left to run. Set when all results can be collected."""
        self.entries_done = 0
        self.error: BaseException | None = None
        """What went wrong with the mailbox itself, in another thread."""
        self.sealed: Sealed | None = None
        """Why it ended before an entry: this worker has no key to it, but another may."""
        self._vault = vault
        self._state = state
        self._entries = deque(mail.entries)
        self._stopping = False
        self._results: deque[SettledEntry] = deque()
        self._unsettled_since = 0.0
        self._retrying = list(mail.retrying)
        self._newest_ms = mail.newest_ms

    def next_run(self) -> Run | None:
        """Return the run to do next, or `None` when the mailbox is through.

        Its outcome is to be recorded before the next one is asked for.
        """
        if not self.begun:
            self.begun = True
            self._read_ahead()
        while self._entries and not self._stopping:
            run = self._open(self._entries[0])
            if run:
                return run
            if self.sealed:
                self._entries.clear()
        self.through = True
        return None

    def record_outcome(self, run: Run, outcome: Outcome) -> None:
        """Take down what became of a run."""
        entry = self._entries[0]
        order = entry.event.about.order
        self._finish(outcome, occurred_ms=run.occurred_ms, again=bool(entry.record))
        if not self.handler.wants_context:
            return
        if outcome.kind is Result.RETRY:
            insort(self._retrying, order)
        elif order in self._retrying:
            self._retrying.remove(order)
        if run.occurred_ms is not None:
            self._newest_ms = max(run.occurred_ms, self._newest_ms or 0)

    def stop(self) -> None:
        """Let the entry under way be the last."""
        self._stopping = True

    @property
    def entries_left(self) -> int:
        """How many entries are not finished."""
        return len(self._entries)

    def collect(self, age: float = 0) -> SettledMail | None:
        """Return what is to be written, or `None`. One that is through is given back by it.

        Of one that is not, nothing is written before it is so old (seconds).
        """
        if not self.through and time.monotonic() < self._unsettled_since + age:
            return None
        give_back = GiveBack.END if self.through else GiveBack.KEEP
        results = []
        while self._results:
            results.append(self._results.popleft())
        if results and results[-1].outcome.kind in _LAST:
            give_back = GiveBack.PARK
        if give_back is GiveBack.KEEP and not results:
            return None
        return SettledMail(self.handler.name, self.name, give_back, results)

    def collect_last(self) -> SettledMail:
        """Return what is to be written of a mailbox that this worker does not go on with."""
        collected = self.collect()
        if collected is None:
            return SettledMail(self.handler.name, self.name, GiveBack.FRONT)
        if collected.give_back is GiveBack.KEEP:
            return collected._replace(give_back=GiveBack.FRONT)
        return collected

    def _finish(self, outcome: Outcome, *, occurred_ms: int | None = None, again: bool) -> None:
        if outcome.kind is Result.RETRY and self.handler.in_order:
            outcome = outcome._replace(kind=Result.PARK)
        wants_retries = self.handler.wants_context and outcome.kind is Result.RETRY
        if not self._results:
            self._unsettled_since = time.monotonic()
        self._results.append(
            SettledEntry(
                self._entries[0].event.event_id, outcome, again, wants_retries, occurred_ms
            )
        )
        self.entries_done += 1
        if outcome.kind in _LAST:
            self._entries.clear()
        else:
            self._entries.popleft()
        if not self._entries:
            self.through = True

    def _open(self, entry: Entry) -> Run | None:
        """Return the run of an entry, or finish the entry if it cannot be run."""
        claimed = entry.event
        if claimed.body is None:
            self._finish_lost(claimed)
            return None
        try:
            record = self._record(claimed, entry.record)
        except UnreadableRecord as error:
            self._give_up(self._record(claimed), claimed, str(error))
            return None
        if not claimed.about.received_ms:
            self._give_up(record, claimed, "what the ledger knows of the event cannot be read")
            return None
        if entry.deaths >= DEATHS:
            self._give_up(record, claimed, f"worker died: {entry.deaths} workers ended under it")
            return None
        if isinstance(claimed.body, bytes) and not _is_wanted(self.handler, claimed):
            self._leave_to_others(record, claimed)
            return None
        try:
            return self._run_of(claimed, record)
        except Sealed as error:
            self.sealed = error
        except Skip as skip:
            _log.info("skipped", handler=self.handler.name, reason=skip.reason)
            self._finish(Outcome(Result.DONE, record.skipped(skip.reason)), again=True)
        except Exception as error:
            # Perhaps a version that understands less than the one that accepted it.
            self._give_up(record, claimed, cut(f"cannot be read any more: {error}"))
        return None

    def _read_ahead(self) -> None:
        """Read all events of the mailbox at one go: one by one, between runs, takes much longer.

        What cannot be read is left to its turn. What workers died under is not read: perhaps that
        is what they died of.
        """
        for entry in self._entries:
            if entry.deaths < DEATHS:
                with suppress(Exception):
                    read_event(entry.event, self._vault)

    def _run_of(self, claimed: ClaimedEvent, record: HandlerRecord) -> Run:
        """Return the run of an entry that can be read.

        Raises `Sealed`, `Skip` if it is not for the handler, and whatever is wrong with the event.
        """
        about = claimed.about
        event, body = own_event(claimed, self._vault)
        run = Run(
            handler=self.handler,
            event=event,
            body=body,
            event_id=claimed.event_id,
            event_type=event.event_type,
            device_id=getattr(event, "device_id", None),
            record=record,
            delivery_id=about.delivery_id,
            received_ms=about.received_ms,
            state=self._state,
        )
        if self.handler.wants_context:
            self._tell_what_came_before(run, about.order)
        return run

    def _record(self, claimed: ClaimedEvent, stored: str = "") -> HandlerRecord:
        """Read what is on record of the handler. Raises `UnreadableRecord`."""
        return HandlerRecord.read(stored, claimed.event_id, self.handler.name, self._vault)

    def _leave_to_others(self, record: HandlerRecord, claimed: ClaimedEvent) -> None:
        """Be through with the mailbox: another worker may want its next event, or it is skipped."""
        reason = f"no pattern of the handler fits {cut(claimed.about.event_type)}"
        self._finish(Outcome(Result.UNWANTED, record.skipped(reason), _FOR_OTHERS_MS), again=True)

    def _finish_lost(self, claimed: ClaimedEvent) -> None:
        """Be done with an event whose body is gone: with a dead letter, if more of it is left."""
        if not claimed.about.received_ms:
            _log.error("the record of an event is gone", event_id=claimed.event_id)
            self._finish(Outcome(Result.DONE, ""), again=True)
        else:
            self._give_up(self._record(claimed), claimed, "the body of the event is gone")

    def _tell_what_came_before(self, run: Run, order: int) -> None:
        run.earlier_pending = bool(self._retrying) and self._retrying[0] < order
        if occurred_at := run.event.occurred_at:
            run.occurred_ms = in_ms(occurred_at)
            run.stale = self._newest_ms is not None and self._newest_ms > run.occurred_ms

    def _give_up(self, record: HandlerRecord, claimed: ClaimedEvent, problem: str) -> None:
        _log.error(
            "handler gave up",
            event_id=shown_id(claimed.event_id),
            event_type=claimed.about.event_type,
            handler=self.handler.name,
            error=problem,
        )
        dead = record.tried(HandlerState.DEAD, now_ms(), 0.0, problem)
        self._finish(Outcome(Result.DEAD, dead), again=True)


def _is_wanted(handler: Handler, claimed: ClaimedEvent) -> bool:
    """Say whether a handler of events is for the type of this one, as this worker has it."""
    return handler.hook is not None or fits_any(handler.patterns, claimed.about.event_type)


def own_event(claimed: ClaimedEvent, vault: Vault) -> tuple[SeamEvent, bytes]:
    """Return a claimed event as an object that is one handler's own, and the body as it came.

    Raises as `read_event` does.
    """
    event, body = read_event(claimed, vault)
    return (event if claimed.handlers == 1 else copy_of(event)), body


def read_event(claimed: ClaimedEvent, vault: Vault) -> tuple[SeamEvent, bytes]:
    """Read a claimed event, once for all handlers, and return it with the body as it came.

    Raises `Sealed` if this worker lacks the key, `Skip` if it is no event, and whatever is wrong
    with it.
    """
    if claimed.opened is None:
        if not isinstance(claimed.body, bytes):
            raise Skip("it waited for a hook of this name, which is a handler of events now")
        body = vault.open(claimed.body, Kind.EVENT, claimed.event_id)
        known_secrets.remember(body)
        claimed.opened = parse_again(body, claimed.about.event_type), body
    opened: tuple[SeamEvent, bytes] = claimed.opened
    return opened
