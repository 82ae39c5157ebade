"""Handlers are apart: what one does neither stops, delays nor repeats another's work."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from bellhop import LockEvent, Retry, SeamEvent
from bellhop.ledger import DeadLetters, Ledger, keys
from tests.workers.conftest import Workplace

A_WHILE = 20.0
"""Seconds that something which does not happen would take: a test fails long before."""


def later(handler: Callable[[Any], None]) -> Callable[[Any], Any]:
    """Return the handler as an async one."""

    async def awaited(event: SeamEvent) -> None:
        handler(event)

    return awaited


AsKind = Callable[[Callable[[Any], None]], Callable[[Any], Any]]
KINDS = pytest.mark.parametrize("as_kind", [lambda handler: handler, later], ids=["sync", "async"])


# Failures


@KINDS
@pytest.mark.parametrize("error", [RuntimeError("the lock is offline"), Retry(after=60)])
def test_a_handler_that_fails_neither_stops_nor_repeats_another(
    workplace: Workplace, as_kind: Callable[[Any], Any], error: Exception
) -> None:
    ran: Counter[str] = Counter()

    @workplace.on("lock.*", name="fails")
    def fails(event: SeamEvent) -> None:
        ran["fails"] += 1
        raise error

    def works(event: SeamEvent) -> None:
        ran["works"] += 1

    workplace.on("lock.*", name="works")(as_kind(works))
    workplace.deliver()
    for _ in range(3):
        workplace.work()
        workplace.later()
    assert ran == {"fails": 3, "works": 1}


@KINDS
def test_a_handler_that_gave_up_leaves_another_that_is_tried_again_its_attempts(
    workplace: Workplace, as_kind: Callable[[Any], Any]
) -> None:
    ran: Counter[str] = Counter()

    def gives_up(event: SeamEvent) -> None:
        ran["gives up"] += 1
        raise RuntimeError

    def works_in_the_end(event: SeamEvent) -> None:
        ran["works"] += 1
        if ran["works"] < 3:
            raise RuntimeError

    gives = workplace.on("lock.*", name="gives_up", attempts=1)(as_kind(gives_up))
    works = workplace.on("lock.*", name="works")(as_kind(works_in_the_end))
    event_id = workplace.deliver()
    for _ in range(4):
        workplace.work()
        workplace.later()
    assert ran == {"gives up": 1, "works": 3}
    assert workplace.record(event_id, gives)["state"] == "dead"
    assert workplace.record(event_id, works)["state"] == "done"
    assert workplace.state(event_id) == "dead"


def test_a_strict_handler_that_waits_for_its_retry_keeps_no_other_of_the_device(
    workplace: Workplace,
) -> None:
    seen: list[str] = []

    @workplace.on("*", in_order=True, name="strict")
    def strict(event: SeamEvent) -> None:
        raise Retry(after=3600)

    workplace.on("*", name="lax")(lambda event: seen.append(event.event_id))
    events = [workplace.deliver() for _ in range(3)]
    workplace.work()
    assert seen == events


def test_a_dead_letter_that_is_tried_again_runs_for_its_handler_alone(
    workplace: Workplace,
) -> None:
    ran: Counter[str] = Counter()

    @workplace.on("lock.*", name="fails", attempts=1)
    def fails(event: SeamEvent) -> None:
        ran["fails"] += 1
        raise RuntimeError

    workplace.on("lock.*", name="works")(lambda event: ran.update(["works"]))
    workplace.deliver()
    workplace.work()
    [letter] = DeadLetters(workplace.ledger.redis)
    workplace.ledger.resolve([letter.tried_again()])
    workplace.work()
    assert ran == {"fails": 2, "works": 1}


# Slowness


def test_async_handlers_of_one_device_run_at_the_same_time(workplace: Workplace) -> None:
    all_began = asyncio.Barrier(3)
    for name in ("one", "two", "three"):

        @workplace.on("lock.*", name=name, attempts=1, timeout=A_WHILE)
        async def waits_for_the_others(event: SeamEvent) -> None:
            await all_began.wait()

    event_id = workplace.deliver()
    workplace.work()
    assert workplace.state(event_id) == "done"


@KINDS
def test_an_async_handler_that_hangs_keeps_no_other_of_the_device(
    workplace: Workplace, as_kind: Callable[[Any], Any]
) -> None:
    seen: list[str] = []

    @workplace.on("lock.*", name="hangs", timeout=A_WHILE, attempts=1)
    async def hangs(event: SeamEvent) -> None:
        while len(seen) < len(events):  # noqa: ASYNC110 - sync handlers fill it, too
            await asyncio.sleep(0.01)

    workplace.on("lock.*", name="quick")(as_kind(lambda event: seen.append(event.event_id)))
    events = [workplace.deliver() for _ in range(5)]
    workplace.work()
    assert seen == events
    assert {workplace.state(one) for one in events} == {"done"}


def test_an_async_handler_with_all_its_places_taken_keeps_no_other_waiting(ledger: Ledger) -> None:
    place = Workplace(ledger, concurrency=3)
    seen: list[str] = []

    @place.on("lock.*", name="sleeps", timeout=A_WHILE, attempts=1)
    async def sleeps(event: SeamEvent) -> None:
        while len(seen) < len(events):  # noqa: ASYNC110 - mail comes while it sleeps
            await asyncio.sleep(0.01)

    @place.on("lock.*", name="quick")
    async def quick(event: SeamEvent) -> None:
        seen.append(event.event_id)
        if len(seen) == 10:  # by now the sleepers have all their places
            events.extend(place.deliver(device=f"later{number}") for number in range(10))

    events = [place.deliver(device=f"d{number}") for number in range(10)]
    place.work()
    assert sorted(seen) == sorted(events)
    assert {place.state(one) for one in events} == {"done"}


# A handler that blocks the main thread, or the event loop


def test_many_short_steps_are_not_taken_for_one_that_blocks(ledger: Ledger) -> None:
    place = Workplace(ledger, concurrency=100)

    @place.on("*", name="computes")
    async def computes(event: SeamEvent) -> None:
        time.sleep(0.015)  # noqa: ASYNC251 - as a driver of a database does

    place.on("*", name="other")(later(lambda event: None))
    place.deliver_many(100, devices=100)
    with capture_logs() as lines:
        place.work()
    assert lines == []
    assert not ledger.redis.keys(f"{keys.PREFIX}slow:*")


def test_while_a_sync_handler_blocks_the_worker_its_async_ones_get_new_mail(
    workplace: Workplace,
) -> None:
    seen: list[str] = []

    @workplace.on("device.*", timeout=A_WHILE, attempts=1)
    def blocks(event: SeamEvent) -> None:
        while len(seen) < 3:
            time.sleep(0.01)

    @workplace.on("lock.*")
    async def goes_on(event: SeamEvent) -> None:
        seen.append(event.event_id)
        if len(seen) < 3:
            workplace.deliver(device=f"d{len(seen)}")

    blocking = workplace.deliver("device.connected")
    workplace.deliver()
    workplace.work()
    assert len(seen) == len(set(seen)) == 3
    assert workplace.state(blocking) == "done"


@KINDS
def test_what_a_blocked_worker_has_not_begun_is_run_by_another_one(
    workplace: Workplace, as_kind: AsKind
) -> None:
    ran: list[tuple[str, str]] = []
    other = workplace.next_worker()

    @workplace.on("lock.*", name="blocks", timeout=A_WHILE, attempts=1)
    @as_kind
    def blocks(event: LockEvent) -> None:
        ran.append(("blocks", event.event_id))
        if event.event_id == blocking:
            while len(ran) < 8:
                other.work()
                time.sleep(0.01)

    @workplace.on("lock.*", name="quick")
    @as_kind
    def quick(event: LockEvent) -> None:
        ran.append(("quick", event.event_id))

    workplace.next_worker("third").work()  # of three, one begins with nothing that is slow
    blocking = workplace.deliver(device="slow")
    others = [workplace.deliver(device=f"d{number}") for number in range(3)]
    workplace.work()

    assert ran[0] == ("blocks", blocking)
    assert sorted(ran) == sorted(
        (name, event_id) for name in ("blocks", "quick") for event_id in [blocking, *others]
    )
    assert {workplace.state(one) for one in [blocking, *others]} == {"done"}


@KINDS
def test_a_device_whose_handler_blocks_has_that_handlers_next_events_wait(
    workplace: Workplace, as_kind: AsKind
) -> None:
    order: list[str] = []
    other = workplace.next_worker()
    gave_back = threading.Event()

    @workplace.on("lock.*", timeout=A_WHILE, attempts=1)
    @as_kind
    def blocks(event: LockEvent) -> None:
        if event.event_id == first:
            while not gave_back.is_set():
                other.work()
                time.sleep(0.01)
        elif event.device_id == "other":
            gave_back.set()
        order.append(event.event_id)

    first, second = workplace.deliver(), workplace.deliver()
    elsewhere = workplace.deliver(device="other")
    workplace.work()
    assert order == [elsewhere, first, second]


def test_what_a_blocked_event_loop_gives_back_is_in_order(workplace: Workplace) -> None:
    devices = [f"d{number}" for number in range(4)]
    order: list[list[str]] = []

    @workplace.on("lock.*", name="blocks", timeout=A_WHILE)
    async def blocks(event: SeamEvent) -> None:
        ends = time.monotonic() + A_WHILE
        while not order and time.monotonic() < ends:
            time.sleep(0.01)  # noqa: ASYNC251 - it is to block
            if ready := workplace.ready("waits"):
                order.append(ready)

    @workplace.on("lock.*", name="waits")
    async def waits(event: SeamEvent) -> None: ...

    for device in devices:
        workplace.deliver(device=device)
    workplace.work()
    assert order == [[f"device:{device}" for device in devices]]


# Absence


def test_a_worker_is_given_mail_of_its_own_handlers_alone(ledger: Ledger) -> None:
    one, two = Workplace(ledger, "one"), Workplace(ledger, "two")
    seen: dict[str, list[str]] = {"one": [], "two": []}
    one.on("*", name="one")(lambda event: seen["one"].append(event.event_id))
    two.on("*", name="two")(lambda event: seen["two"].append(event.event_id))
    one.runtime.subscribe()
    two.runtime.subscribe()
    events = [one.deliver(device=f"d{number % 3}") for number in range(10)]
    one.work()
    assert {name: len(ids) for name, ids in seen.items()} == {"one": 10, "two": 0}
    assert {one.state(event_id) for event_id in events} == {"accepted"}
    two.work()
    assert sorted(seen["one"]) == sorted(seen["two"]) == sorted(events)
    assert {one.state(event_id) for event_id in events} == {"done"}


def test_a_handler_that_two_registries_have_runs_once(ledger: Ledger) -> None:
    one, two = Workplace(ledger, "one"), Workplace(ledger, "two")
    seen: list[str] = []
    for place in (one, two):
        place.on("*", name="both")(lambda event: seen.append(event.event_id))
    two.on("*", name="two")(lambda event: None)
    for place in (one, two):
        place.runtime.subscribe()
    event_id = one.deliver()
    two.work()
    one.work()
    assert seen == [event_id]
    assert one.state(event_id) == "done"


def test_a_handler_that_is_new_gets_what_comes_from_now_on(ledger: Ledger) -> None:
    old = Workplace(ledger, "old")
    old.on("*", name="old")(lambda event: None)
    old.runtime.subscribe()
    before = old.deliver()
    new = Workplace(ledger, "new", registry=old.registry)
    seen: list[str] = []
    new.on("*", name="new")(lambda event: seen.append(event.event_id))
    new.runtime.subscribe()
    after = old.deliver()
    new.work()
    assert seen == [after]
    assert [old.state(one) for one in (before, after)] == ["done", "done"]


def test_what_came_before_any_worker_is_given_to_the_first_that_comes(
    workplace: Workplace,
) -> None:
    seen: list[str] = []
    events = [workplace.deliver(device=f"d{number}") for number in range(5)]
    workplace.on("*", name="note")(lambda event: seen.append(event.event_id))
    workplace.work()
    assert seen == events


@KINDS
def test_of_a_handler_that_blocks_a_worker_the_last_other_one_begins_nothing(
    workplace: Workplace, as_kind: AsKind
) -> None:
    """Else it would be blocked, too, and what is quick would wait."""
    ran: list[str] = []
    other = workplace.next_worker()

    @workplace.on("lock.*", name="blocks", timeout=A_WHILE, attempts=1)
    @as_kind
    def blocks(event: LockEvent) -> None:
        ran.append("blocks")
        while ran.count("quick") < 3:
            other.work()
            time.sleep(0.01)

    @workplace.on("lock.*", name="quick")
    @as_kind
    def quick(event: LockEvent) -> None:
        ran.append("quick")

    other.work()
    for number in range(3):
        workplace.deliver(device=f"d{number}")
    workplace.work()
    assert ran == ["blocks", *["quick"] * 3, "blocks", "blocks"]
