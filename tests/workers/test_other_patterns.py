"""Workers that have one handler with different patterns, as in a deploy that changes them."""

from datetime import timedelta
from typing import Any

import pytest

from bellhop import SeamEvent
from bellhop.ledger import Ledger
from bellhop.queue import queue_keys
from tests.workers.conftest import Workplace

Seen = list[tuple[str, str]]


def worker(ledger: Ledger, seen: Seen, name: str, pattern: str, *, is_async: bool) -> Workplace:
    """Return a worker whose handler `audit` notes what it is called with."""
    workplace = Workplace(ledger, name)

    def note(event: SeamEvent) -> None:
        seen.append((name, event.event_id))

    async def note_async(event: SeamEvent) -> None:
        note(event)

    workplace.on(pattern, name="audit")(note_async if is_async else note)
    workplace.runtime.subscribe()
    return workplace


def on_record(ledger: Ledger, event_id: str) -> dict[str, Any]:
    place = Workplace(ledger)
    return place.record(event_id, place.on("*", name="audit")(lambda event: None))


@pytest.mark.parametrize("is_async", [False, True])
def test_what_an_old_worker_does_not_want_is_left_to_a_new_one(
    ledger: Ledger, is_async: bool
) -> None:
    seen: Seen = []
    old = worker(ledger, seen, "old", "lock.unlocked", is_async=is_async)
    new = worker(ledger, seen, "new", "lock.*", is_async=is_async)
    types = ("lock.unlocked", "lock.locked", "lock.unlocked")
    first, wider, last = [old.deliver(event_type) for event_type in types]
    for _ in range(3):  # the old one comes first, again and again
        old.work()
        assert seen == [("old", first)]
        assert old.ready("audit") == []
        assert ledger.event(wider)["h:audit"] == b""
        old.later(timedelta(seconds=2))

    new.work()
    assert seen == [("old", first), ("new", wider), ("new", last)]
    assert on_record(ledger, wider)["state"] == "done"


def test_a_new_worker_leaves_to_an_old_one_what_it_does_not_want_any_more(ledger: Ledger) -> None:
    seen: Seen = []
    old = worker(ledger, seen, "old", "lock.*", is_async=False)
    new = worker(ledger, seen, "new", "lock.unlocked", is_async=False)
    event_id = old.deliver("lock.locked")
    new.work()
    old.later(timedelta(seconds=2))
    old.work()
    assert seen == [("old", event_id)]


@pytest.mark.parametrize("is_async", [False, True])
def test_what_no_worker_wants_any_more_is_skipped(ledger: Ledger, is_async: bool) -> None:
    seen: Seen = []
    old = worker(ledger, seen, "old", "lock.*", is_async=is_async)
    narrower, wanted = old.deliver("lock.locked"), old.deliver("lock.unlocked")
    new = worker(ledger, seen, "new", "lock.unlocked", is_async=is_async)
    ledger.sweep(queues=queue_keys(), alive=["new"], dead={"old": None})

    new.work()
    assert seen == [("new", wanted)]
    record = on_record(ledger, narrower)
    assert record["state"] == "skipped"
    assert record["reason"] == "no pattern of the handler fits lock.locked"
    assert {new.state(narrower), new.state(wanted)} == {"done"}
