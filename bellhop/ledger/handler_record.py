"""What is on record of one handler and one event, and what becomes of it. Nothing here does I/O.

The format is that of `stored_record`.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

from bellhop.handler_state import HandlerState
from bellhop.ledger.stored_record import (
    REPLAY,
    UNCOUNTED,
    Attempt,
    UnreadableRecord,
    read_stored,
)
from bellhop.tracebacks import first_line
from bellhop.vault import NO_KEYS, CannotOpen, Kind, Vault

_LONGEST_ERROR = 300
_ATTEMPTS_KEPT = 50
_KNOWN = frozenset(
    ("state", "attempts", "earlier", UNCOUNTED, "forgiven", "since", REPLAY, "error", "reason")
)
"""What a record has of which something is known. What another version put there is left alone."""

_WAITING: Mapping[str, Any] = {"state": HandlerState.WAITING, "attempts": ()}
"""What is read of a handler that has not tried the event yet."""


@dataclass(slots=True)
class HandlerRecord:
    """The record of a handler and an event. `vault` seals and opens what the handler said.

    It stays as it is: what becomes of it is returned as JSON, to be stored.
    """

    event_id: str
    handler: str
    vault: Vault = field(default=NO_KEYS, repr=False, compare=False)
    fields: Mapping[str, Any] = field(default_factory=lambda: _WAITING, repr=False)

    @classmethod
    def read(
        cls, stored: bytes | str, event_id: str, handler: str, vault: Vault = NO_KEYS
    ) -> "HandlerRecord":
        """Read what is stored. Raises `UnreadableRecord`.

        If that is empty, the event was given to the handler, which has not run yet.
        """
        return cls(event_id, handler, vault, read_stored(stored) if stored else _WAITING)

    @classmethod
    def shown(
        cls, stored: bytes | str, event_id: str, handler: str, vault: Vault = NO_KEYS
    ) -> "HandlerRecord":
        """Read what is stored, for people: of what cannot be read, that it is so."""
        try:
            return cls.read(stored, event_id, handler, vault)
        except UnreadableRecord as error:
            unreadable = {"state": HandlerState.UNREADABLE, "attempts": [], "error": str(error)}
            return cls(event_id, handler, NO_KEYS, unreadable)

    # What it tells

    @property
    def state(self) -> str:
        """What became of the event at the handler: a `HandlerState`, or a newer version's word."""
        return str(self.fields.get("state", ""))

    @property
    def attempts_made(self) -> int:
        """How often the handler was tried, without the tries that do not count."""
        return int(self.fields.get("earlier", 0)) + _counted(self._attempts)

    @property
    def attempts_used(self) -> int:
        """How many attempts count: those since the handler was last tried again by hand."""
        return self.attempts_made - (self.fields.get("forgiven") or 0)

    @property
    def next_attempt(self) -> int:
        """The number of the next attempt, from 1; that of a replay is counted again."""
        return self.attempts_made - (self.fields.get(REPLAY) or 0) + 1

    @property
    def uncounted(self) -> int:
        """How many tries did not count."""
        return int(self.fields.get(UNCOUNTED, 0))

    @property
    def uncounted_in_a_row(self) -> int:
        """How many of the last tries did not count, since somebody had it tried again if so.

        Of those that are kept: never more than 50.
        """
        since = self.fields.get("since", math.inf) if self._is_by_hand else 0
        row = takewhile(
            lambda one: UNCOUNTED in one[3:] and one[0] >= since, reversed(self._attempts)
        )
        return sum(1 for _ in row)

    @property
    def is_replay(self) -> bool:
        """Whether the next attempt is one of a replay."""
        return self.fields.get(REPLAY) is not None

    def tried_since(self, received_ms: int, started_ms: int) -> int:
        """Return when it was accepted, or when it was first tried after it was given back by hand.

        `started_ms`: when the present try began.
        """
        return int(self.fields.get("since", started_ms)) if self._is_by_hand else received_ms

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The last attempts, 50 at most, with what the handler said."""
        return tuple(self._read_attempts())

    @property
    def error(self) -> str:
        """The last error, with its traceback where there is one, if it was not done in the end."""
        return self._opened("error")

    @property
    def reason(self) -> str:
        """Why it was skipped or dropped."""
        return self._opened("reason")

    @property
    def last_said(self) -> str:
        """What the handler said the last time, in a line."""
        said = self._attempts[-1][2] if self._attempts else None
        return self._open(said, Kind.ATTEMPT) if said else ""

    def for_people(self) -> dict[str, Any]:
        """Return all that is in it, with what the handler said, or why that cannot be read."""
        return self._with_said(self._open)

    # What becomes of it

    def done(self, started_ms: int, took_ms: float) -> str:
        """The handler returned."""
        if self.fields is _WAITING:
            # By far the most frequent record, so it is not worth a JSON encoder.
            return f'{{"state": "done", "attempts": [[{started_ms}, {took_ms:.2f}, null]]}}'
        return self.tried(HandlerState.DONE, started_ms, took_ms)

    def tried(
        self,
        state: HandlerState,
        started_ms: int,
        took_ms: float,
        error: str = "",
        summary: str = "",
        *,
        counts: bool = True,
    ) -> str:
        """The handler was called. `error`: what it said, with its traceback where there is one.

        `summary`: the error in a line, if that is not its first. counts: whether it was an attempt.
        """
        short = (summary or first_line(error) or error)[:_LONGEST_ERROR]
        told = self._seal(short, Kind.ATTEMPT) if short else None
        marks = [*([REPLAY] if self.is_replay else []), *([] if counts else [UNCOUNTED])]
        before = self._with_said(self._renew)
        attempts = [*before["attempts"], [started_ms, round(took_ms, 2), told, *marks]]
        unknown = {name: one for name, one in self.fields.items() if name not in _KNOWN}
        record = {"state": state, "attempts": attempts[-_ATTEMPTS_KEPT:], **unknown}
        earlier = self.fields.get("earlier", 0) + _counted(attempts[:-_ATTEMPTS_KEPT])
        numbers = {"earlier": earlier, UNCOUNTED: self.uncounted + (not counts)}
        record |= {name: number for name, number in numbers.items() if number}
        if self.fields.get("forgiven") is not None:
            record["forgiven"] = self.fields["forgiven"]
        if self._is_by_hand and state is HandlerState.RETRYING:
            record["since"] = self.fields.get("since", started_ms)
        if self.is_replay:
            record[REPLAY] = self.fields[REPLAY]
        if error:
            record["error"] = self._seal(error, Kind.ERROR)
        return json.dumps(record)

    def skipped(self, reason: str) -> str:
        """The handler was not called; this was no attempt. `reason` holds no secret."""
        record = self._with_said(self._renew)
        for name in ("error", "since"):
            record.pop(name, None)
        said = self._seal(reason, Kind.ERROR)
        return json.dumps({**record, "state": HandlerState.SKIPPED, "reason": said})

    def dropped(self, reason: str) -> str:
        """Somebody was done with the dead letter."""
        record, said = self._with_said(self._renew), self._seal(reason, Kind.ERROR)
        return json.dumps({**record, "state": HandlerState.DROPPED, "reason": said})

    def tried_again(self) -> str:
        """Somebody has the handler tried again: attempts so far are kept, but no longer count."""
        record = self._with_said(self._renew)
        return json.dumps(
            {**record, "state": HandlerState.RETRYING, "forgiven": self.attempts_made}
        )

    def replayed(self) -> str:
        """The handler is to be given the event once more."""
        numbers = {name: self.fields.get(name) for name in ("earlier", UNCOUNTED)}
        return json.dumps(
            {
                "state": HandlerState.REPLAYING,
                "attempts": self._attempts,
                **{name: number for name, number in numbers.items() if number},
                "forgiven": self.attempts_made,
                REPLAY: self.attempts_made,
            }
        )

    def renamed(self, handler: str) -> str:
        """The handler has another name. What cannot be read of what it said stays as it is."""
        new = HandlerRecord(self.event_id, handler, self.vault)

        def again(stored: str, kind: Kind) -> str:
            try:
                return new._seal(self._unseal(stored, kind), kind)
            except CannotOpen:
                return stored

        return json.dumps(self._with_said(again))

    def resealed(self) -> str | None:
        """What was said is sealed with the first key. Returns `None` if all of it is already.

        Raises `CannotOpen` if some of it cannot be read.
        """
        changed = False

        def renewed(stored: str, kind: Kind) -> str:
            nonlocal changed
            sealed = self._renew(stored, kind)
            if not self.vault.is_current(sealed):
                what = f"what {self.handler} said of it"
                raise CannotOpen(f"event {self.event_id}: {what} cannot be read")
            changed = changed or sealed != stored
            return sealed

        record = self._with_said(renewed)
        return json.dumps(record) if changed else None

    # Within

    @property
    def _attempts(self) -> list[list[Any]] | tuple[()]:
        found: list[list[Any]] | tuple[()] = self.fields.get("attempts", ())
        return found

    @property
    def _is_by_hand(self) -> bool:
        return self.fields.get("forgiven") is not None or self.is_replay

    def _read_attempts(self) -> Iterator[Attempt]:
        number = int(self.fields.get("earlier", 0)) + 1
        for started_ms, took_ms, said, *marks in self._attempts:
            counts = UNCOUNTED not in marks
            yield Attempt(
                number,
                datetime.fromtimestamp(started_ms / 1000, UTC),
                timedelta(milliseconds=took_ms),
                said and self._open(said, Kind.ATTEMPT),
                REPLAY in marks,
                counts,
            )
            number += counts

    def _with_said(self, change: Callable[[str, Kind], str]) -> dict[str, Any]:
        """Return a copy in which what the handler said is changed."""
        changed = dict(self.fields)
        changed["attempts"] = [
            [started, took, said and change(said, Kind.ATTEMPT), *more]
            for started, took, said, *more in self._attempts
        ]
        for name in ("error", "reason"):
            if changed.get(name):
                changed[name] = change(changed[name], Kind.ERROR)
        return changed

    def _opened(self, name: str) -> str:
        said = self.fields.get(name)
        return self._open(said, Kind.ERROR) if said else ""

    def _open(self, stored: str, kind: Kind) -> str:
        """Return what was said, or why it cannot be read."""
        try:
            return self._unseal(stored, kind)
        except CannotOpen as error:
            return f"cannot be read: {error}"

    def _renew(self, stored: str, kind: Kind) -> str:
        """Return what was said as the first key seals it, if it can be read."""
        if self.vault.is_current(stored):
            return stored
        try:
            return self._seal(self._unseal(stored, kind), kind)
        except CannotOpen:
            return stored

    def _seal(self, text: str, kind: Kind) -> str:
        return self.vault.seal_text(text, kind, self.event_id, self.handler)

    def _unseal(self, stored: str, kind: Kind) -> str:
        return self.vault.open_text(stored, kind, self.event_id, self.handler)


def _counted(attempts: list[list[Any]] | tuple[()]) -> int:
    """Return how many of the tries are attempts."""
    return sum(UNCOUNTED not in marks for _, _, _, *marks in attempts)
