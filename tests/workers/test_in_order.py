"""`in_order=True`, and what a handler without it can know of the past."""

from collections.abc import Callable
from datetime import timedelta

from bellhop import Context, Retry, SeamEvent
from bellhop.ledger import DeadLetters
from tests.workers.conftest import Workplace

SOON = timedelta(minutes=1)


def go_on(workplace: Workplace, rounds: int = 1) -> None:
    """Let retries become due and work until nothing is ready, that often."""
    for _ in range(rounds):
        workplace.later(SOON)
        workplace.work()


def failing(
    seen: list[str], failures: dict[str, int], after: float = 1
) -> Callable[[SeamEvent], None]:
    """Return a handler that fails that often with each of these events."""

    def handler(event: SeamEvent) -> None:
        seen.append(event.event_id)
        if failures.get(event.event_id, 0):
            failures[event.event_id] -= 1
            raise Retry(after=after)

    return handler


def test_later_events_of_a_device_wait_behind_one_that_is_tried_again(
    workplace: Workplace,
) -> None:
    seen: list[str] = []
    workplace.on("*", in_order=True, name="strict")(failing(seen, {"e1": 2}))
    for _ in range(3):
        workplace.deliver()
    workplace.work()
    assert seen == ["e1"]

    go_on(workplace, 2)
    assert seen == ["e1", "e1", "e1", "e2", "e3"]
    assert {workplace.state(f"e{n}") for n in (1, 2, 3)} == {"done"}


def test_events_that_come_while_one_waits_are_behind_it_too(workplace: Workplace) -> None:
    seen: list[str] = []
    workplace.on("*", in_order=True, name="strict")(failing(seen, {"e1": 1, "e2": 1}))
    workplace.deliver()
    workplace.work()
    workplace.deliver()
    workplace.work()
    workplace.deliver()
    workplace.work()
    assert seen == ["e1"]
    go_on(workplace)
    assert seen == ["e1", "e1", "e2"]
    workplace.deliver()
    workplace.work()
    go_on(workplace)
    assert seen == ["e1", "e1", "e2", "e2", "e3", "e4"]


def test_other_handlers_and_other_devices_do_not_wait(workplace: Workplace) -> None:
    strict: list[str] = []
    other: list[str] = []
    lax: list[str] = []
    workplace.on("*", in_order=True, name="strict")(failing(strict, {"e1": 1}))
    workplace.on("*", in_order=True, name="other")(failing(other, {}))
    workplace.on("*", name="lax")(failing(lax, {"e1": 1}))
    workplace.deliver(device="front")
    workplace.deliver(device="front")
    workplace.deliver(device="back")
    workplace.work()

    assert sorted(strict) == ["e1", "e3"]
    assert sorted(other) == ["e1", "e2", "e3"]
    assert sorted(lax) == ["e1", "e2", "e3"]


def test_they_go_on_when_the_first_becomes_a_dead_letter(workplace: Workplace) -> None:
    seen: list[str] = []
    workplace.on("*", in_order=True, attempts=2, name="strict")(failing(seen, {"e1": 9}))
    workplace.deliver()
    workplace.deliver()
    workplace.work()
    go_on(workplace)

    assert seen == ["e1", "e1", "e2"]
    assert (workplace.state("e1"), workplace.state("e2")) == ("dead", "done")


def test_async_handlers_wait_as_well(workplace: Workplace) -> None:
    seen: list[str] = []

    @workplace.on("*", in_order=True)
    async def strict(event: SeamEvent) -> None:
        seen.append(event.event_id)
        if seen == ["e1"]:
            raise Retry(after=1)

    workplace.deliver()
    workplace.deliver()
    workplace.work()
    assert seen == ["e1"]
    go_on(workplace)
    assert seen == ["e1", "e1", "e2"]


def test_what_waits_is_said_to_wait(workplace: Workplace) -> None:
    strict = failing([], {"e1": 1})
    workplace.on("*", in_order=True, name="strict")(strict)
    workplace.deliver()
    workplace.deliver()
    workplace.work()

    assert workplace.record("e2", strict) == {"state": "waiting", "attempts": []}
    assert workplace.state("e2") == "accepted"


def test_what_waits_is_kept_for_its_handler_while_no_worker_has_it(workplace: Workplace) -> None:
    seen: list[str] = []
    workplace.on("*", in_order=True, name="strict")(failing(seen, {"e1": 1}))
    workplace.deliver()
    workplace.deliver()
    workplace.work()
    other = Workplace(workplace.ledger, worker="another")
    go_on(other, 2)
    assert seen == ["e1"]
    assert len(DeadLetters(workplace.ledger.redis)) == 0

    workplace.work()
    assert seen == ["e1", "e1", "e2"]


def test_a_handler_that_is_in_order_no_more_leaves_nobody_behind(workplace: Workplace) -> None:
    seen: list[str] = []
    handler = failing(seen, {"e1": 1})
    workplace.on("*", in_order=True, name="strict")(handler)
    for _ in range(3):
        workplace.deliver()
    workplace.work()
    other = Workplace(workplace.ledger, worker="another")
    other.on("*", name="strict")(handler)
    go_on(other, 2)
    assert seen == ["e1", "e1", "e2", "e3"]


def try_again(workplace: Workplace) -> None:
    """Have all dead letters tried again, as `bellhop dead retry --all` does."""
    letters = sorted(DeadLetters(workplace.ledger.redis), key=lambda letter: letter.order)
    workplace.ledger.resolve([letter.tried_again() for letter in letters])


def test_dead_letters_that_are_tried_again_are_in_order_among_themselves(
    workplace: Workplace,
) -> None:
    seen: list[str] = []
    workplace.on("*", in_order=True, attempts=2, name="strict")(
        failing(seen, {"e1": 3, "e2": 2, "e3": 2})
    )
    for _ in range(3):
        workplace.deliver()
    workplace.work()
    go_on(workplace, 4)
    assert len(DeadLetters(workplace.ledger.redis)) == 3
    seen.clear()

    try_again(workplace)
    workplace.deliver()
    workplace.work()
    assert seen == ["e1"]
    go_on(workplace)
    assert seen == ["e1", "e1", "e2", "e3", "e4"]
    assert {workplace.state(f"e{n}") for n in (1, 2, 3, 4)} == {"done"}


def test_a_dead_letter_that_is_tried_again_lets_nobody_pass_one_that_waits_for_its_retry(
    workplace: Workplace,
) -> None:
    seen: list[str] = []
    failures = {"e2": 1}

    @workplace.on("*", in_order=True, no_retry=KeyError)
    def strict(event: SeamEvent) -> None:
        seen.append(event.event_id)
        if event.event_id == "e1" and seen.count("e1") == 1:
            raise KeyError(event.event_id)
        if failures.pop(event.event_id, 0):
            raise Retry(after=600)

    for _ in range(3):
        workplace.deliver()
    workplace.work()
    assert seen == ["e1", "e2"]

    try_again(workplace)
    workplace.work()
    assert seen == ["e1", "e2"]
    workplace.later(timedelta(minutes=11))
    workplace.work()
    assert seen == ["e1", "e2", "e2", "e3", "e1"]


def test_nobody_waits_for_ever_behind_an_event_whose_record_is_gone(workplace: Workplace) -> None:
    seen: list[str] = []
    workplace.on("*", in_order=True, name="strict")(failing(seen, {"e1": 1}))
    for _ in range(3):
        workplace.deliver()
    workplace.work()
    workplace.ledger.redis.delete("{bellhop}:event:e1")
    go_on(workplace)
    assert seen == ["e1", "e2", "e3"]


# Without it


def contexts(workplace: Workplace, failures: dict[str, int]) -> list[tuple[str, bool, bool]]:
    """Register a handler; return what it will have seen: event, earlier_pending, stale."""
    seen: list[tuple[str, bool, bool]] = []

    @workplace.on("*")
    def lax(event: SeamEvent, context: Context) -> None:
        seen.append((event.event_id, context.earlier_pending, context.stale))
        if failures.get(event.event_id, 0):
            failures[event.event_id] -= 1
            raise Retry(after=1)

    return seen


def test_a_handler_knows_that_an_earlier_event_is_still_open(workplace: Workplace) -> None:
    seen = contexts(workplace, {"e1": 2, "e2": 1})
    for _ in range(2):
        workplace.deliver()
    workplace.deliver(device="another")
    workplace.work()
    assert sorted(seen) == [("e1", False, False), ("e2", True, False), ("e3", False, False)]

    seen.clear()
    go_on(workplace)
    assert sorted(seen) == [("e1", False, False), ("e2", True, False)]

    seen.clear()
    workplace.deliver()
    workplace.work()
    assert seen == [("e4", True, False)]

    seen.clear()
    go_on(workplace)
    workplace.deliver()
    workplace.work()
    assert seen == [("e1", False, False), ("e5", False, False)]


def test_a_handler_knows_that_it_saw_a_newer_event_of_the_device(workplace: Workplace) -> None:
    seen = contexts(workplace, {"e1": 1})
    minutes = iter(("2026-01-31T12:00:00Z", "2026-01-31T12:05:00Z", "2026-01-31T14:02:00+02:00"))
    for minute in minutes:
        workplace.deliver(occurred_at=minute)
    workplace.work()
    assert seen == [("e1", False, False), ("e2", True, False), ("e3", True, True)]

    seen.clear()
    go_on(workplace)
    assert seen == [("e1", False, True)]


def test_it_is_known_in_the_next_shift_and_for_each_device_apart(workplace: Workplace) -> None:
    seen = contexts(workplace, {})
    workplace.deliver(occurred_at="2026-01-31T12:05:00Z")
    workplace.work()
    workplace.deliver(occurred_at="2026-01-31T12:00:00Z")
    workplace.deliver(occurred_at="2026-01-31T12:00:00Z", device="another")
    workplace.deliver()
    workplace.work()
    assert sorted(seen) == [
        ("e1", False, False),
        ("e2", False, True),
        ("e3", False, False),
        ("e4", False, False),
    ]
