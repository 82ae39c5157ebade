"""A mailbox of a hook: its entries are calls about dead letters, or about bodies in quarantine.

What a call is about comes with the claim, as it is then. If somebody dealt with it meanwhile, there
is nothing to tell any more, and the hook is skipped.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bellhop.events import NotASeamEvent, SeamEvent
from bellhop.events.parsing import parse_again
from bellhop.handler import Context
from bellhop.hooks import DeadLetter, QuarantinedBody, log_names
from bellhop.known_secrets import known_secrets
from bellhop.ledger import ClaimedEvent, HandlerRecord, Kept
from bellhop.ledger import DeadLetter as StoredLetter
from bellhop.ledger.hook_calls import subject
from bellhop.vault import Damaged, Kind, Vault
from bellhop_workers.mailbox import ClaimedMailbox
from bellhop_workers.outcomes import Skip
from bellhop_workers.running import Run


@dataclass(slots=True)
class HookRun(Run):
    """A hook about to be called. What is told of an event is about the one that was given up.

    `event` is what the hook takes. `call_id`: of the entry. `given_up`: the event, and `body` what
    it was read from, if it can be read.
    """

    call_id: str = ""
    given_up: SeamEvent | None = None
    accepted_at: datetime = datetime.min

    @property
    def entry(self) -> bytes:
        """The entry as the ledger knows it."""
        return f"{self.call_id} {self.handler.name}".encode()

    def context(self) -> Context:
        """What the hook may know besides."""
        given_up: Any = self.given_up
        about: Any = self.event
        return Context(
            event=given_up,
            handler=self.handler.name,
            attempt=self.record.next_attempt,
            delivery_id=self.delivery_id,
            received_at=self.accepted_at,
            replay=self.record.is_replay,
            state=self.state,
            _names=log_names(about),
        )

    def unchanged(self) -> SeamEvent:
        """Read the event again, if it can be read: what is told must not hold its secrets."""
        if self.body:
            return parse_again(self.body, self.event_type)
        return SeamEvent.model_construct(event_id="", event_type="")


class HookMailbox(ClaimedMailbox):
    """The calls in a mailbox of a hook, in order."""

    def _run_of(self, claimed: ClaimedEvent, record: HandlerRecord) -> Run:
        if not isinstance(claimed.body, list):
            raise Skip("it waited for a handler of this name, which is a hook now")
        found = subject(claimed.body, self._vault)
        if found is None:
            raise Skip("what it would tell was dealt with meanwhile")
        if isinstance(found, Kept):
            return self._about_body(found, claimed, record)
        return self._about_letter(found, claimed, record)

    def _about_body(self, kept: Kept, claimed: ClaimedEvent, record: HandlerRecord) -> Run:
        body: Any = QuarantinedBody(
            delivery_id=kept.delivery_id,
            problems=kept.problems,
            received_at=kept.received_at,
            size=len(kept.body),
        )
        return HookRun(
            handler=self.handler,
            event=body,
            body=b"",
            event_id="",
            event_type="",
            device_id=None,
            record=record,
            delivery_id=kept.delivery_id,
            received_ms=claimed.about.received_ms,
            state=self._state,
            call_id=claimed.event_id,
            accepted_at=kept.received_at,
        )

    def _about_letter(
        self, stored: StoredLetter, claimed: ClaimedEvent, record: HandlerRecord
    ) -> Run:
        event, body = _read(stored, self._vault)
        kind, _, owner_id = stored.mailbox.partition(":")
        device_id = owner_id if kind == "device" else None
        letter: Any = DeadLetter(
            event=event,
            event_id=stored.event_id,
            event_type=stored.event_type,
            device_id=device_id,
            handler=stored.handler,
            error=stored.summary,
            attempts=stored.attempts,
            died_at=stored.died_at,
        )
        return HookRun(
            handler=self.handler,
            event=letter,
            body=body,
            event_id=stored.event_id,
            event_type=stored.event_type,
            device_id=device_id,
            record=record,
            delivery_id=stored.about.delivery_id,
            received_ms=claimed.about.received_ms,
            state=self._state,
            call_id=claimed.event_id,
            given_up=event,
            accepted_at=datetime.fromtimestamp(stored.about.received_ms / 1000, UTC),
        )


def _read(letter: StoredLetter, vault: Vault) -> tuple[SeamEvent | None, bytes]:
    """Return the event that was given up, and its body; neither if it cannot be read.

    Raises `Sealed` if this worker lacks the key.
    """
    if letter.body is None:
        return None, b""
    try:
        body = vault.open(letter.body, Kind.EVENT, letter.event_id)
        known_secrets.remember(body)
        return parse_again(body, letter.event_type), body
    except (Damaged, NotASeamEvent):
        return None, b""
