"""What the ledger remembers of a handler and an event: every attempt, and how it ended.

A record is JSON: `{"state": …, "attempts": [[started, took, error], …]}` with milliseconds since
the epoch, milliseconds, and a text or null. `state` is `done`, `dropped`, `retrying`, `replaying`
(in its mailbox, to be run though it was over), `skipped` (not called, with the `reason`),
`abandoned` (no worker had the handler for too long, or it was forgotten) or `dead`; a record that
is neither `done` nor `skipped` has the last `error`, with its traceback where there is one.
`earlier` attempts are kept as a number only; `forgiven` ones were made before somebody had the
handler tried again, and `since` is when the first was made after that. An attempt of a replay is
marked "replay" behind these three; `replay` is how many were made before. A try that is no attempt
is marked "uncounted" there: `uncounted` is how many there were, and no other number counts them.
"""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import takewhile
from typing import Any

from bellhop.events import SeamEvent
from bellhop.handler_state import HandlerState
from bellhop.known_secrets import known_secrets
from bellhop.ledger import Outcome, Result
from bellhop.ledger.handled import (
    UNCOUNTED,
    attempts_made,
    counted,
    opened,
    read_record,
    resealed,
)
from bellhop.tracebacks import first_line
from bellhop.vault import NO_KEYS, Kind, Vault

_LONGEST_ERROR = 300
LONGEST_TEXT = 8_000
_MOST_MASKED = 64_000
_CUT = "\n  […]\n"
_ATTEMPTS_KEPT = 50
_KNOWN = frozenset(
    ("state", "attempts", "earlier", UNCOUNTED, "forgiven", "since", "replay", "error", "reason")
)
"""What a record has of which something is known. What another version put there is left alone."""

_NOTHING: Mapping[str, Any] = {"state": HandlerState.WAITING, "attempts": ()}
"""What is read of a handler that has not tried the event yet."""


class Attempts:
    """The attempts so far of one handler with one event. `vault` seals what the handler said.

    Raises `UnreadableRecord`.
    """

    __slots__ = ("_attempts", "_before", "_event_id", "_forgiven", "_read", "_replayed", "_vault")

    def __init__(
        self, record: bytes | str | None = None, event_id: str = "", vault: Vault = NO_KEYS
    ) -> None:
        self._event_id = event_id
        self._vault = vault
        self._read: Mapping[str, Any] = _NOTHING
        self._attempts: Sequence[list[Any]] = ()
        self._before = 0
        self._forgiven: int | None = None
        self._replayed: int | None = None
        if record:
            self._read = read_record(record)
            self._attempts = self._read.get("attempts", [])
            self._before = self._read.get("earlier", 0)
            self._forgiven = self._read.get("forgiven")
            self._replayed = self._read.get("replay")

    @property
    def used(self) -> int:
        """How many attempts count: those since the handler was last tried again by hand."""
        return self._made - (self._forgiven or 0)

    @property
    def number(self) -> int:
        """The number of the next attempt, from 1; that of a replay is counted again."""
        return self._made - (self._replayed or 0) + 1

    @property
    def _made(self) -> int:
        return attempts_made(self._read) if self._attempts else self._before

    @property
    def uncounted_in_a_row(self) -> int:
        """How many of the last tries did not count, since somebody had it tried again if so.

        Of those that are kept: never more than 50.
        """
        since = self._read.get("since", math.inf) if self._is_by_hand else 0
        row = takewhile(
            lambda one: UNCOUNTED in one[3:] and one[0] >= since, reversed(self._attempts)
        )
        return sum(1 for _ in row)

    def tried_since(self, received_ms: int, started_ms: int) -> int:
        """Return when it was accepted, or when it was first tried after it was given back by hand.

        `started_ms`: when the present try began.
        """
        return int(self._read.get("since", started_ms)) if self._is_by_hand else received_ms

    @property
    def _is_by_hand(self) -> bool:
        return self._forgiven is not None or self.replay

    def last_said(self, handler: str) -> str:
        """Return what the handler said the last time, in a line."""
        last = {"attempts": self._attempts[-1:]}
        return "".join(
            said or ""
            for _, _, said, *_ in opened(last, self._event_id, handler, self._vault)["attempts"]
        )

    @property
    def replay(self) -> bool:
        """Whether these are attempts of a replay."""
        return self._replayed is not None

    def done(self, handler: str, started_ms: int, took_ms: float) -> Outcome:
        """The handler returned."""
        if not self._attempts and not self.replay:
            # By far the most frequent record, so it is not worth a JSON encoder.
            return Outcome(
                Result.DONE,
                f'{{"state": "done", "attempts": [[{started_ms}, {took_ms:.2f}, null]]}}',
            )
        return Outcome(
            Result.DONE, self._record(handler, HandlerState.DONE, started_ms, took_ms, None)
        )

    def dropped(self, handler: str, started_ms: int, took_ms: float, reason: str) -> Outcome:
        """The handler wants to be done with the event."""
        return Outcome(
            Result.DONE, self._record(handler, HandlerState.DROPPED, started_ms, took_ms, reason)
        )

    def retry(
        self,
        handler: str,
        started_ms: int,
        took_ms: float,
        error: str,
        wait: timedelta,
        summary: str = "",
        *,
        counts: bool = True,
    ) -> Outcome:
        """The handler is to be tried again. `summary`: the error in a line, if not its first.

        counts: whether this was an attempt.
        """
        record = self._record(
            handler, HandlerState.RETRYING, started_ms, took_ms, error, summary, counts
        )
        # A retry may be late, but never early.
        return Outcome(Result.RETRY, record, _milliseconds(wait))

    def skipped(self, handler: str, reason: str) -> Outcome:
        """The handler was not called; this was no attempt. `reason` holds no secret."""
        read = resealed(self._read, self._event_id, handler, self._vault)
        for name in ("error", "since"):
            read.pop(name, None)
        said = self._vault.seal_text(reason, Kind.ERROR, self._event_id, handler)
        return Outcome(
            Result.DONE, json.dumps({**read, "state": HandlerState.SKIPPED, "reason": said})
        )

    def unwanted(self, handler: str, reason: str, wait: timedelta) -> Outcome:
        """The handler has no pattern here that fits; it is skipped if that is so everywhere."""
        skipped = self.skipped(handler, reason)
        return skipped._replace(kind=Result.UNWANTED, delay_ms=_milliseconds(wait))

    def dead(
        self,
        handler: str,
        started_ms: int,
        took_ms: float,
        error: str,
        summary: str = "",
        *,
        counts: bool = True,
    ) -> Outcome:
        """The handler used up its attempts, or its time. `summary` and `counts` as of `retry`."""
        record = self._record(
            handler, HandlerState.DEAD, started_ms, took_ms, error, summary, counts
        )
        return Outcome(Result.DEAD, record)

    def _record(
        self,
        handler: str,
        state: HandlerState,
        started_ms: int,
        took_ms: float,
        error: str | None,
        summary: str = "",
        counts: bool = True,
    ) -> str:
        def said(text: str, kind: Kind) -> str:
            return self._vault.seal_text(text, kind, self._event_id, handler)

        short = (summary or first_line(error) or error)[:_LONGEST_ERROR] if error else None
        told = short and said(short, Kind.ATTEMPT)
        marks = [*(["replay"] if self.replay else []), *([] if counts else [UNCOUNTED])]
        before = resealed({"attempts": self._attempts}, self._event_id, handler, self._vault)
        attempts = [*before["attempts"], [started_ms, round(took_ms, 2), told, *marks]]
        unknown = {name: one for name, one in self._read.items() if name not in _KNOWN}
        record = {"state": state, "attempts": attempts[-_ATTEMPTS_KEPT:], **unknown}
        if earlier := self._before + counted(attempts[:-_ATTEMPTS_KEPT]):
            record["earlier"] = earlier
        if uncounted := self._read.get(UNCOUNTED, 0) + (not counts):
            record[UNCOUNTED] = uncounted
        if self._forgiven is not None:
            record["forgiven"] = self._forgiven
        if self._is_by_hand and state is HandlerState.RETRYING:
            record["since"] = self._read.get("since", started_ms)
        if self.replay:
            record["replay"] = self._replayed
        if error:
            record["error"] = said(error, Kind.ERROR)
        return json.dumps(record)


def masked(text: str, event: SeamEvent) -> str:
    """Return what is kept and logged of what a handler said: without door codes, and bounded.

    Hidden first: of a code that the cut goes through, a part would stay.
    """
    if len(text) > _MOST_MASKED:  # what is cut off here is in the middle that is cut out below
        text = text[: _MOST_MASKED // 2] + text[-_MOST_MASKED // 2 :]
    kept = cut(known_secrets.mask(text, event.secrets()))
    return kept.encode(errors="replace").decode()  # half a character is no JSON to who reads it


def _milliseconds(wait: timedelta) -> int:
    return max(0, math.ceil(wait.total_seconds() * 1000))


def cut(text: str) -> str:
    """Return a text of at most 8,000 characters, with a mark where its middle is missing."""
    if len(text) <= LONGEST_TEXT:
        return text
    half = (LONGEST_TEXT - len(_CUT)) // 2
    return f"{text[:half]}{_CUT}{text[-half:]}"
