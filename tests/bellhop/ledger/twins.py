"""The scripts and the model, called alike, and what was seen of them.

After each call the answers are compared, and then everything that is in Redis.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from itertools import count
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from bellhop.hooks import Hook
from bellhop.ledger import (
    Arrival,
    HandlerSet,
    Ledger,
    Mail,
    Result,
    SettledMail,
    Step,
    Subscription,
)
from bellhop.patterns import Pattern
from tests.bellhop.ledger import snapshot
from tests.bellhop.ledger.model import LedgerModel
from tests.bellhop.ledger.settling import OPEN
from tests.bellhop.ledger.values import Box, names_of, state_of

QUEUES = "queue:"
MAILBOXES = ("device:front door", "device:1", "account:ü \n%", "event:")
IN_ORDER = "strict"
"""The handler that takes its events in strict order."""
WITH_PAST = ("strict", "türsteher")
"""Handlers that want to know what came before."""

OLD = HandlerSet([Subscription("bell", ["lock.*"]), Subscription(IN_ORDER, ["*"])])
NEW = HandlerSet(
    [Subscription("bell", ["*.unlocked", "access_code.*"]), Subscription("added.today", ["*"], 1)],
    ["bell", "added.*"],
    [Subscription("türsteher", ["lock.*"]), Subscription("on.call", ["t*"], hook=Hook.DEAD)],
)
OTHER = HandlerSet(
    [
        Subscription(IN_ORDER, ["lock.l*ed"]),
        Subscription("türsteher", ["*"], 2),
        Subscription("on.call", ["bell", "t*"], hook=Hook.DEAD),
    ]
)
MANY = HandlerSet(
    [
        Subscription("bell", ["*"]),
        Subscription("added.today", ["lock.*"], 3),
        Subscription("türsteher", ["device.*"]),
        Subscription("on.call", ["*"], hook=Hook.DEAD),
        Subscription("inspector", ["*"], hook=Hook.QUARANTINED),
    ]
)
LAST = HandlerSet(
    [
        Subscription(name, ["*"])
        for name in ("bell", "added.today", "latecomer", IN_ORDER, "türsteher")
    ]
    + [
        Subscription("on.call", ["*"], hook=Hook.DEAD),
        Subscription("inspector", ["*"], hook=Hook.QUARANTINED),
    ]
)


class Lane:
    """What a worker knows of a mailbox in its hands."""

    def __init__(self, mail: Mail) -> None:
        self.box = Box(mail.handler, mail.mailbox)
        self.entries = list(mail.entries)
        self.parked = False


class Worker:
    """A worker, as it sees itself. `settles`: the number of its last settle."""

    def __init__(self, handlers: HandlerSet) -> None:
        self.handlers = handlers
        self.lanes: dict[Box, Lane] = {}
        self.settles = 0
        self.claimed: dict[str, Any] = {}
        """The arguments of its last claim, until it settles."""
        self.sent: list[list[SettledMail]] = []
        """The results of all its settles."""
        self.unanswered: dict[str, Any] | None = None
        """The limits of its last settle, if it did not hear of it."""

    def take(self, mail: Sequence[Mail]) -> None:
        for one in mail:
            self.lanes.setdefault(Box(one.handler, one.mailbox), Lane(one))


class Twins(RuleBasedStateMachine):
    """A ledger and its model, at the same time with the same workers."""

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
        self.accepted: list[str] = []
        self.seen: list[str] = []
        """Events that were given to their handlers, in the order accepted."""
        self.called: list[str] = []
        """Calls of hooks."""
        self.given: defaultdict[Box, list[str]] = defaultdict(list)
        """For each box, the events that were put there when they were accepted."""
        self.begun: defaultdict[Box, list[str]] = defaultdict(list)
        """Of these, the ones that the handler had an outcome for, or that were abandoned."""
        self.ended: defaultdict[Box, list[str]] = defaultdict(list)
        """Those that it is through with, without those that were given to it again."""
        self.reordered: set[Box] = set()
        """Boxes that were put in another order: by a move, or by a repair."""
        self.outcomes: dict[tuple[str, str], list[str]] = {}
        """All records that were written since it was given, by event and handler."""
        self.runs: defaultdict[tuple[str, str], int] = defaultdict(int)
        """How often an event was handed out for a handler since it was given to it."""
        self.resumed = False
        """Whether a handler was resumed since a foreman looked for mail."""
        self.found: dict[str, Any] = snapshot.of(self.redis)

    def both(self, operation: str, *arguments: Any, **options: Any) -> Any:
        """Call the scripts and the model alike, and return what both answer."""
        options["now_ms"] = self.now
        self.agreed = False
        expected = getattr(self.model, operation)(*arguments, **options)
        answer = comparable(getattr(self.ledger, operation)(*arguments, **options))
        assert answer == expected, f"{operation} answered {answer}, not {expected}"
        self.look()
        self.enqueue(answer if type(answer) is tuple else getattr(answer, "wake", ()))
        self.note_what_is_given()
        self.agreed = True
        return answer

    def look(self) -> None:
        """Compare everything. Routes are kept, so that they are found faster, but nothing else."""
        self.found = snapshot.of(self.redis)
        for name, expected in self.model.snapshot().items():
            assert self.found[name] == expected, f"{name} is {self.found[name]}, not {expected}"

    def enqueue(self, fingerprints: Sequence[str]) -> None:
        """Put shifts into RQ's queue, as the one that is told so does, unless it dies before."""
        self.model.queued.update(one for one in fingerprints if next(self.numbers) % 4)

    # What was seen

    def subscribed_to(self, kind: str, text: str) -> set[str]:
        return {
            name
            for name, (patterns, _) in self.found["subscriptions"].items()
            if any(Pattern(pattern).matches(text) for pattern in patterns.get(kind, ()))
        }

    def note_what_is_given(self) -> None:
        """Every handler that is subscribed gets an event, once it does not wait for the first."""
        for event_id in self.found["log"][len(self.seen) :]:
            event = self.found["events"][event_id]
            if event_id in self.found["unrouted"]:
                break
            assert set(event["records"]) == self.subscribed_to("patterns", event["type"])
            self._note_given(event_id)
            self.seen.append(event_id)
        for event_id in sorted(self.found["events"]):
            call = self.found["events"][event_id].get("call")
            if call and event_id not in self.called:
                handlers = set(self.found["events"][event_id]["records"])
                assert handlers == self.subscribed_to(call["kind"], call.get("handler", ""))
                self._note_given(event_id)
                self.called.append(event_id)

    def _note_given(self, event_id: str) -> None:
        event = self.found["events"][event_id]
        for handler in event["records"]:
            self.given[Box(handler, event["mailbox"])].append(event_id)
            self.outcomes[event_id, handler] = [""]

    def note(self, results: list[SettledMail]) -> None:
        """Remember what a settle wrote. A handler that is through with an event is so for good.

        Unless it is replayed: then what was written before does not count.
        """
        for handler, mailbox, _, entries in results:
            box = Box(handler, mailbox)
            for entry in entries:
                if entry.outcome.kind is Result.UNWANTED:  # nothing was written
                    continue
                written = self.outcomes[entry.event_id, handler]
                assert all(is_open(one) for one in written), "it was through with it"
                assert self.runs[entry.event_id, handler]
                if written == [""]:
                    self.begun[box].append(entry.event_id)
                written.append(entry.outcome.record)
                if written[0] == "" and not is_open(entry.outcome.record):
                    self.ended[box].append(entry.event_id)

    def note_abandoned(self) -> None:
        """Take note of what was given up because no worker had the handler."""
        in_order = ((one, box.handler) for box, events in self.given.items() for one in events)
        for event_id, handler in dict.fromkeys((*in_order, *self.outcomes)):
            written = self.outcomes.get((event_id, handler), [])
            if not written:  # it is another handler's now
                continue
            event = self.found["events"][event_id]
            found = event["records"][handler]
            if state_of(found) == "abandoned" != state_of(written[-1]):
                assert is_open(written[-1])
                box = Box(handler, event["mailbox"])
                if written == [""]:
                    self.begun[box].append(event_id)
                if written[0] == "":
                    self.ended[box].append(event_id)
                written.append(found)

    def note_opened(self, event_id: str, handler: str, record: str) -> None:
        """Take note that an event is given to a handler again."""
        self.outcomes[event_id, handler] = [record]
        self.runs[event_id, handler] = 0

    def check_what_is_handed_out(self, worker: str, mail: Sequence[Mail]) -> None:
        """A worker gets what its handlers are not through with, and nothing beside a suspect."""
        names = names_of(self.workers[worker].handlers)
        for one in mail:
            assert one.handler in names
            for entry in one.entries:
                written = self.outcomes[entry.event.event_id, one.handler]
                assert is_open(written[-1])
                assert entry.record == written[-1]
                assert entry.event.body is not None
                self.runs[entry.event.event_id, one.handler] += 1
        if any(one.alone for one in mail):
            assert sum(self.found["held"][worker].values()) == 1


def is_open(record: str) -> bool:
    """Say whether a record stands for an event that its handler is yet to be given."""
    return record == "" or state_of(record) in OPEN


def comparable(answer: Any) -> Any:
    """Return an answer with all that the scripts have in any order in one: sets, and JSON."""
    if type(answer) is tuple:
        return tuple(sorted(answer))
    for name in ("wake", "dropped", *(["workers"] if isinstance(answer, Step) else [])):
        if hasattr(answer, name):
            answer = answer._replace(**{name: tuple(sorted(getattr(answer, name)))})
    for mail in getattr(answer, "mail", ()):
        for entry in mail.entries:
            if isinstance(entry.event.body, list) and isinstance(entry.event.body[0], bytes):
                entry.event.body[0] = json.loads(entry.event.body[0])
    return answer
