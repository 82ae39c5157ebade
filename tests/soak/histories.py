"""Histories made by hand for the tests of the checker: a good one, told step by step."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from tests.soak.checker import check
from tests.soak.history import (
    Answer,
    Away,
    Delivery,
    History,
    Killed,
    Record,
    Resumed,
    Run,
    Sent,
    Written,
)
from tests.soak.violation import Clause

HANDLERS = ("left", "right")
"""The handlers that every event of these histories is for."""

IN_ORDER = "turns"
"""The handler of these histories with `in_order=True`."""


class Story:
    """Builds a history. Time is counted in seconds from 0; each telling takes one."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sent: dict[str, Sent] = {}
        self.deliveries: list[Delivery] = []
        self.runs: list[Run] = []
        self.killed: list[Killed] = []
        self.away: list[Away] = []
        self.resumed: list[Resumed] = []
        self.records: dict[str, Record] = {}
        self.quarantined: set[str] = set()

    def history(self, **changes: Any) -> History:
        """Return what was told so far."""
        told = History(
            sent=dict(self.sent),
            deliveries=tuple(self.deliveries),
            runs=tuple(self.runs),
            killed=tuple(self.killed),
            away=tuple(self.away),
            resumed=tuple(self.resumed),
            records=dict(self.records),
            quarantined=frozenset(self.quarantined),
            timeout=10.0,
            lease=25.0,
            in_order=frozenset({IN_ORDER}),
        )
        return replace(told, **changes)

    def make_up(
        self,
        event_id: str,
        device: str = "front",
        *,
        handlers: Sequence[str] = HANDLERS,
        kind: Literal["event", "strange", "forged"] = "event",
    ) -> None:
        """Let a sender have an event."""
        self.sent[event_id] = Sent(event_id, device, tuple(handlers), kind)

    def deliver(self, event_id: str, answer: Answer = "accepted", *, delivery_id: str = "") -> None:
        """Let it be delivered, and answered half a second later."""
        began = self._pass()
        one = Delivery(event_id, delivery_id or f"msg_{event_id}", began, began + 0.5, answer)
        self.deliveries.append(one)

    def accept(self, event_id: str, device: str = "front", **more: Any) -> None:
        """Let an event be made up, delivered, accepted, and all its handlers be through with it."""
        self.make_up(event_id, device, **more)
        self.deliver(event_id)
        self.record(event_id)

    def record(self, event_id: str, **handlers: str) -> None:
        """Let the ledger have it, as done unless it is said of a handler what else."""
        states = {name: handlers.get(name, "done") for name in self.sent[event_id].handlers}
        written = {
            name: Written(state, "why" if state == "dead" else "") for name, state in states.items()
        }
        place = len(self.records)
        if event_id in self.records:
            place = self.records[event_id].place
        self.records[event_id] = Record(place, "done", written)

    def run(
        self,
        event_id: str,
        handler: str = "left",
        outcome: Literal["done", "failed"] | None = "done",
        *,
        attempt: int = 1,
        pid: int = 1,
    ) -> Run:
        """Let a handler run for half a second; without an outcome, it does not come to its end."""
        began = self._pass()
        ended = began + 0.5 if outcome else None
        self.runs.append(Run(handler, event_id, attempt, pid, began, ended, outcome))
        return self.runs[-1]

    def handle(self, *event_ids: str, pid: int = 1) -> None:
        """Let all handlers of these events succeed, one after the other."""
        for event_id in event_ids:
            for handler in self.sent[event_id].handlers:
                self.run(event_id, handler, pid=pid)

    def kill(self, pid: int = 1) -> None:
        """Let a worker be killed."""
        at = self._pass()
        self.killed.append(Killed(pid, at, at + 0.01))

    def resume(self, event_id: str, handler: str = "left", *, sure: bool = True) -> None:
        """Let a dead letter be tried again, by hand."""
        self.resumed.append(Resumed(event_id, handler, self._pass(), sure))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def _pass(self) -> float:
        self.now += 1.0
        return self.now


def good_story() -> Story:
    """Return a story of two devices in which much went wrong, and nothing that may not.

    `a1` was accepted, though its first answer was lost; `a2` came again; `a3` failed in `left`, and
    was tried again after `a4`; under `b1` a worker was killed in `right`; `b2` is a dead letter.
    """
    story = Story()
    story.make_up("a1")
    story.deliver("a1", "lost")
    story.deliver("a1", "duplicate")
    story.record("a1")
    story.accept("b1", "back")
    for event_id in ("a2", "a3", "a4"):
        story.accept(event_id)
    story.deliver("a2", "duplicate")
    story.deliver("a2", "duplicate", delivery_id="msg_again")
    story.make_up("b2", "back")
    story.deliver("b2")
    story.record("b2", left="dead")
    story.make_up("junk", kind="strange")
    story.deliver("junk")
    story.quarantined.add("msg_junk")
    story.make_up("forged", kind="forged")
    story.deliver("forged", "refused")

    story.handle("a1", "a2")
    story.run("a3", "left", "failed")
    story.run("a3", "right")
    story.run("b1", "left", pid=2)
    story.run("b1", "right", None, pid=2)
    story.kill(pid=2)
    story.run("b1", "right", pid=3)
    story.handle("a4")
    story.run("a3", "left", attempt=2)
    story.run("b2", "left", "failed", pid=3)
    story.run("b2", "right", pid=3)
    return story


def found(story: Story) -> list[tuple[Clause, tuple[str, ...]]]:
    """Return the clauses that a story breaks, with the events that do."""
    return [(one.clause, one.events) for one in check(story.history())]
