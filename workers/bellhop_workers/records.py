"""What the ledger remembers of a handler and an event: every attempt, and how it ended.

A record is JSON: `{"state": …, "attempts": [[started, took, error], …]}` with milliseconds since
the epoch, milliseconds, and a text or null. `state` is `done`, `dropped`, `retrying`, `waiting`
(behind an earlier event), `replaying` (in its mailbox, to be run though it was over) or `dead`; a
record that is not `done` has the last `error`, with its traceback where there is one. `earlier`
attempts are kept as a number only; `forgiven` ones were made before somebody had the handler tried
again. An attempt of a replay has "replay" as its fourth; `replay` is how many were made before.
"""

import json
from datetime import timedelta
from math import ceil
from typing import Any

from bellhop.events import SeamEvent
from bellhop.known_secrets import known_secrets
from bellhop.ledger import Outcome
from bellhop.ledger.handled import resealed
from bellhop.tracebacks import first_line
from bellhop.vault import NO_KEYS, Kind, Vault

_LONGEST_ERROR = 300
LONGEST_TEXT = 8_000
_MOST_MASKED = 64_000
_CUT = "\n  […]\n"
_ATTEMPTS_KEPT = 50


class Attempts:
    """The attempts so far of one handler with one event. `vault` seals what the handler said."""

    __slots__ = ("_attempts", "_before", "_event_id", "_forgiven", "_read", "_replayed", "_vault")

    def __init__(self, record: str | None, event_id: str = "", vault: Vault = NO_KEYS) -> None:
        self._event_id = event_id
        self._vault = vault
        self._read: dict[str, Any] = {"state": "waiting", "attempts": []}
        self._attempts: list[list[Any]] = []
        self._before = 0
        self._forgiven = 0
        self._replayed: int | None = None
        if record:
            self._read = json.loads(record)
            self._attempts = self._read["attempts"]
            self._before = self._read.get("earlier", 0)
            self._forgiven = self._read.get("forgiven", 0)
            self._replayed = self._read.get("replay")

    @property
    def used(self) -> int:
        """How many attempts count: those since the handler was last tried again by hand."""
        return self._before + len(self._attempts) - self._forgiven

    @property
    def number(self) -> int:
        """The number of the next attempt, from 1; that of a replay is counted again."""
        return self._before + len(self._attempts) - (self._replayed or 0) + 1

    @property
    def replay(self) -> bool:
        """Whether these are attempts of a replay."""
        return self._replayed is not None

    @property
    def fresh(self) -> bool:
        """Whether a replay has the event run that was not open for the handler."""
        return self._read.get("state") == "replaying"

    def done(self, handler: str, started_ms: int, took_ms: float) -> Outcome:
        """The handler returned."""
        if not self._attempts and not self.replay:
            # By far the most frequent record, so it is not worth a JSON encoder.
            return Outcome(
                handler,
                "done",
                0,
                f'{{"state": "done", "attempts": [[{started_ms}, {took_ms:.2f}, null]]}}',
            )
        return Outcome(handler, "done", 0, self._record(handler, "done", started_ms, took_ms, None))

    def dropped(self, handler: str, started_ms: int, took_ms: float, reason: str) -> Outcome:
        """The handler wants to be done with the event."""
        return Outcome(
            handler, "done", 0, self._record(handler, "dropped", started_ms, took_ms, reason)
        )

    def retry(
        self,
        handler: str,
        started_ms: int,
        took_ms: float,
        error: str,
        wait: timedelta,
        summary: str = "",
    ) -> Outcome:
        """The handler is to be tried again. `summary`: the error in a line, if not its first."""
        record = self._record(handler, "retrying", started_ms, took_ms, error, summary)
        # A retry may be late, but never early.
        return Outcome(handler, "retry", max(0, ceil(wait.total_seconds() * 1000)), record)

    def behind(self, handler: str) -> Outcome:
        """The event waits behind an earlier one; this was no attempt."""
        read = resealed(self._read, self._event_id, handler, self._vault)
        return Outcome(handler, "behind", 0, json.dumps({**read, "state": "waiting"}))

    def dead(
        self, handler: str, started_ms: int, took_ms: float, error: str, summary: str = ""
    ) -> Outcome:
        """The handler used up its attempts. `summary` as of `retry`."""
        record = self._record(handler, "dead", started_ms, took_ms, error, summary)
        return Outcome(handler, "dead", 0, record)

    def _record(
        self,
        handler: str,
        state: str,
        started_ms: int,
        took_ms: float,
        error: str | None,
        summary: str = "",
    ) -> str:
        def said(text: str, kind: Kind) -> str:
            return self._vault.seal_text(text, kind, self._event_id, handler)

        short = (summary or first_line(error) or error)[:_LONGEST_ERROR] if error else None
        told = short and said(short, Kind.ATTEMPT)
        attempt = [started_ms, round(took_ms, 2), told, *(["replay"] if self.replay else [])]
        before = resealed({"attempts": self._attempts}, self._event_id, handler, self._vault)
        attempts = [*before["attempts"], attempt]
        record: dict[str, Any] = {"state": state, "attempts": attempts[-_ATTEMPTS_KEPT:]}
        earlier = self._before + len(attempts) - len(record["attempts"])
        if earlier:
            record["earlier"] = earlier
        if self._forgiven:
            record["forgiven"] = self._forgiven
        if self.replay:
            record["replay"] = self._replayed
        if error:
            record["error"] = said(error, Kind.ERROR)
        return json.dumps(record)


def told(text: str, event: SeamEvent) -> str:
    """Return what is kept and logged of what a handler said: without door codes, and bounded.

    Hidden first: of a code that the cut goes through, a part would stay.
    """
    if len(text) > _MOST_MASKED:  # what is cut off here is in the middle that is cut out below
        text = text[: _MOST_MASKED // 2] + text[-_MOST_MASKED // 2 :]
    return cut(known_secrets.mask(text, event.secrets()))


def cut(text: str) -> str:
    """Return a text of at most 8,000 characters, with a mark where its middle is missing."""
    if len(text) <= LONGEST_TEXT:
        return text
    half = (LONGEST_TEXT - len(_CUT)) // 2
    return f"{text[:half]}{_CUT}{text[-half:]}"
