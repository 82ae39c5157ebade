"""Replayed events, as handlers see them."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest

from bellhop import Context, SeamEvent
from bellhop.ledger import Query, Record, StepState
from bellhop.replaying import Progress, plan, replay
from bellhop.vault import Kind, Sealed, Vault
from tests.workers.conftest import Workplace


def replay_all(workplace: Workplace, work: Callable[[], None] | None = None, **options: Any) -> int:
    """Replay everything, and return how many entries that were."""
    progress = last_progress(workplace, work, **options)
    assert progress.left_alone == progress.held_up == 0
    return progress.handled


def last_progress(
    workplace: Workplace, work: Callable[[], None] | None = None, **options: Any
) -> Progress:
    """Replay everything, and return what was said at the end."""
    ledger, work = workplace.ledger, work or workplace.work
    workplace.runtime.subscribe()
    planned = plan(Record(ledger.redis).all(Query()), workplace.registry, **options)
    progress = None
    for progress in replay(  # noqa: B007 - the last one tells
        ledger, planned, enqueue_shifts=lambda _: None, pause=lambda _: work()
    ):
        pass
    assert progress
    return progress


def noting(seen: list[Any], what: Callable[[Context], Any]) -> Callable[..., None]:
    def handler(event: SeamEvent, context: Context) -> None:
        seen.append(what(context))

    return handler


def test_a_handler_that_was_added_today_is_given_what_came_before(workplace: Workplace) -> None:
    workplace.on("*", name="old")(lambda event: None)
    events = [workplace.deliver(), workplace.deliver("device.connected"), workplace.deliver()]
    workplace.work()

    seen: list[str] = []
    workplace.on("lock.*", name="new")(lambda event: seen.append(event.event_id))
    assert replay_all(workplace, handler="new") == 2
    assert seen == [events[0], events[2]]
    assert {workplace.state(event_id) for event_id in events} == {"done"}


def test_a_replay_is_marked_and_its_attempts_are_counted_anew(workplace: Workplace) -> None:
    seen: list[tuple[bool, int]] = []

    @workplace.on("*", attempts=2)
    def fails_the_first_time(event: SeamEvent, context: Context) -> None:
        seen.append((context.replay, context.attempt))
        if context.attempt == 1:
            raise ValueError("not yet")

    workplace.deliver()
    workplace.work()
    workplace.later()
    workplace.work()
    for _ in range(2):
        replay_all(workplace)
        assert workplace.state("e1") == "retrying"
        workplace.later()
        workplace.work()

    assert seen == [(False, 1), (False, 2), (True, 1), (True, 2), (True, 1), (True, 2)]
    record = workplace.record("e1", fails_the_first_time)
    assert record["state"] == "done"
    assert [attempt[3:] for attempt in record["attempts"]] == [[], [], *[["replay"]] * 4]
    assert workplace.state("e1") == "done"


def test_a_replay_can_end_in_the_dead_letters(workplace: Workplace) -> None:
    good = True

    @workplace.on("*", attempts=1)
    def fails_later(event: SeamEvent) -> None:
        if not good:
            raise ValueError("no more")

    workplace.deliver()
    workplace.work()
    good = False
    replay_all(workplace)
    assert workplace.state("e1") == "dead"

    good = True
    assert replay_all(workplace, only_failed=True) == 1
    assert workplace.state("e1") == "done"


def test_what_was_abandoned_for_a_handler_has_failed(workplace: Workplace) -> None:
    """It was gone for a day, and is back."""
    seen: list[str] = []
    away = workplace.on("*", name="away")(lambda event: seen.append(event.event_id))
    workplace.work()
    event_id = workplace.deliver()
    workplace.ledger.sweep(queues="", dead={workplace.runtime.worker: ""})
    while workplace.ledger.forget_some("away").state is not StepState.OVER:
        pass
    assert workplace.record(event_id, away)["state"] == "abandoned"

    workplace.work()
    assert seen == []
    assert replay_all(workplace, only_failed=True) == 1
    assert seen == [event_id]


def test_events_of_a_device_are_replayed_in_the_order_in_which_they_came(
    workplace: Workplace,
) -> None:
    seen: dict[str, list[str]] = {"one": [], "two": []}
    for name, ids in seen.items():
        workplace.on("*", name=name)(noting(ids, lambda context: context.event.event_id))
    events = [workplace.deliver() for _ in range(30)]
    workplace.work()
    replay_all(workplace)
    assert seen == {"one": events * 2, "two": events * 2}


def test_in_order_a_replayed_event_waits_for_one_before_it_that_failed(
    workplace: Workplace,
) -> None:
    seen: list[str] = []
    failing: set[str] = set()

    @workplace.on("*", in_order=True)
    def picky(event: SeamEvent) -> None:
        seen.append(event.event_id)
        if event.event_id in failing:
            failing.remove(event.event_id)
            raise ValueError("not yet")

    def work_and_let_time_pass() -> None:
        workplace.work()
        workplace.later()

    events = [workplace.deliver() for _ in range(5)]
    workplace.work()
    seen.clear()
    failing.add(events[1])
    replay_all(workplace, work=work_and_let_time_pass)
    assert seen == [*events[:2], *events[1:]]
    assert {workplace.state(event_id) for event_id in events} == {"done"}


def test_in_order_a_replay_of_other_devices_does_not_wait_for_one_that_failed(
    workplace: Workplace,
) -> None:
    failing: set[str] = set()
    seen: list[str] = []

    @workplace.on("*", in_order=True)
    def picky(event: SeamEvent) -> None:
        if event.event_id in failing:
            raise ValueError("not yet")
        seen.append(event.event_id)

    broken = [workplace.deliver(device="broken") for _ in range(3)]
    fine = [workplace.deliver(device=f"d{number}") for number in range(20)]
    workplace.work()
    seen.clear()
    failing.add(broken[0])
    replay_all(workplace)
    assert sorted(seen) == sorted(fine)
    # More of a mailbox that is parked already: they are put there, and not waited for.
    replay_all(workplace)
    failing.clear()
    workplace.later()
    workplace.work()
    assert [event_id for event_id in seen if event_id in broken] == broken
    assert {workplace.state(event_id) for event_id in broken + fine} == {"done"}


def test_a_live_event_is_not_kept_waiting_by_a_long_replay(workplace: Workplace) -> None:
    """It comes amid a thousand replayed ones of its device, and few of them are before it."""
    order: list[str] = []
    workplace.on("*", in_order=True)(lambda event: order.append(event.event_id))
    events = [workplace.deliver() for _ in range(1_000)]
    workplace.work()
    order.clear()

    planned = plan(Record(workplace.ledger.redis).all(Query()), workplace.registry)
    live: list[str] = []

    def work_a_little(_: float) -> None:
        if not live and len(order) >= 3:
            live.append(workplace.deliver())
        workplace.work()

    for _ in replay(workplace.ledger, planned, enqueue_shifts=lambda _: None, pause=work_a_little):
        pass
    assert sorted(order) == sorted([*events, *live])
    assert order.index(live[0]) < 100


def test_an_event_that_no_worker_could_decrypt_is_not_replayed(workplace: Workplace) -> None:
    workplace.on("lock.*", name="bell")(lambda event: None)
    workplace.deliver()
    workplace.work()
    lost = Vault([urlsafe_b64encode(b"k" * 32).decode()]).seal(b"{}", Kind.EVENT, "e1")
    workplace.ledger.redis.hset("{bellhop}:event:e1", "body", lost)
    with pytest.raises(Sealed, match="e1: what Redis holds is encrypted, and there is no key"):
        plan(Record(workplace.ledger.redis).all(Query()), workplace.registry)


def test_what_is_still_to_be_handled_is_not_planned(workplace: Workplace) -> None:
    @workplace.on("*")
    def fails(event: SeamEvent) -> None:
        raise ValueError("later")

    workplace.deliver()
    workplace.work()
    workplace.deliver()
    record = Record(workplace.ledger.redis)
    assert plan(record.all(Query()), workplace.registry) == []

    workplace.on("*", name="new")(lambda event: None)
    [one] = plan(record.all(Query()), workplace.registry)
    assert (one.event_id, one.handler, one.before) == ("e1", "new", None)


def test_a_paused_handler_holds_up_no_replay_to_another_one(workplace: Workplace) -> None:
    seen: dict[str, list[str]] = {"paused": [], "other": []}
    for name, ids in seen.items():
        workplace.on("*", name=name)(noting(ids, lambda context: context.event.event_id))
    events = [workplace.deliver(device=f"d{number}") for number in range(30)]
    workplace.work()
    workplace.ledger.pause("paused")

    assert last_progress(workplace) == Progress(30, left_alone=0, held_up=30)
    assert sorted(seen["other"]) == sorted(events * 2)
    assert last_progress(workplace, handler="other") == Progress(30, left_alone=0, held_up=0)
    assert len(seen["paused"]) == 30

    workplace.ledger.pause("paused", resume=True)
    workplace.work()
    assert sorted(seen["paused"]) == sorted(events * 2)


def test_a_handler_that_is_paused_meanwhile_holds_up_no_replay(workplace: Workplace) -> None:
    runs: list[str] = []
    for name in ("one", "two"):
        workplace.on("*", name=name)(lambda event, name=name: runs.append(name))
    for number in range(30):
        workplace.deliver(device=f"d{number}")
    workplace.work()
    runs.clear()

    def work_and_pause() -> None:
        workplace.work()
        workplace.ledger.pause("one")

    progress = last_progress(workplace, work_and_pause)
    assert progress == Progress(len(runs), left_alone=0, held_up=60 - len(runs))
    assert runs.count("two") == 30
    assert runs.count("one") < 30


def test_a_handler_that_no_worker_has_holds_up_no_replay(workplace: Workplace) -> None:
    runs: list[str] = []
    workplace.on("*", name="here")(lambda event: runs.append(event.event_id))
    events = [workplace.deliver() for _ in range(20)]
    workplace.work()
    runs.clear()

    record = Record(workplace.ledger.redis)
    planned = plan(record.all(Query()), workplace.registry)
    planned = [each for one in planned for each in (one._replace(handler="away", before=None), one)]
    steps = replay(
        workplace.ledger,
        planned,
        enqueue_shifts=lambda _: None,
        pause=lambda _: workplace.work(),
    )
    assert list(steps)[-1] == Progress(20, left_alone=0, held_up=20)
    assert runs == events
