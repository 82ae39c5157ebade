"""Tries that are no attempts: `Retry(counts=False)`."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from bellhop import Context, Retry, SeamEvent
from bellhop.handler_state import HandlerState
from bellhop.ledger import DeadLetters, HandlerRecord, Record, keys
from tests.workers.conftest import Workplace
from tests.workers.test_replay import replay_all

LONG = timedelta(hours=2)
CLOSED = "the front desk is closed"


def closed(event: SeamEvent) -> None:
    raise Retry(CLOSED, counts=False)


def again(workplace: Workplace) -> None:
    """Let the next try come, however long its wait is."""
    workplace.later(LONG)
    workplace.work()


def wait(workplace: Workplace) -> float:
    """Work, and return how many seconds after that, at most, the only retry is due."""
    began = time.time()
    workplace.work()
    return workplace.due() - began


def told(workplace: Workplace, event_id: str = "e1") -> Any:
    """Return what is on record of the only handler, as commands read it."""
    event = Record(workplace.ledger.redis).get(event_id)
    assert event
    [handled] = event.handled()
    return handled


@pytest.mark.parametrize("is_async", [False, True])
def test_a_try_that_does_not_count_uses_up_no_attempt(workplace: Workplace, is_async: bool) -> None:
    seen: list[int] = []

    def tell(event: SeamEvent, context: Context) -> None:
        seen.append(context.attempt)
        if len(seen) in (1, 2, 4):
            raise Retry(CLOSED, after=60, counts=False)
        raise RuntimeError("they hung up")

    async def tell_async(event: SeamEvent, context: Context) -> None:
        tell(event, context)

    workplace.on("*", attempts=2)(tell_async if is_async else tell)
    workplace.deliver()
    workplace.work()
    for _ in range(4):
        assert workplace.state("e1") == "retrying"
        again(workplace)

    assert seen == [1, 1, 1, 2, 2]
    handled = told(workplace)
    assert (handled.state, handled.attempt_count, handled.uncounted_count) == ("dead", 2, 3)
    assert [(one.number, one.counts) for one in handled.attempts] == [
        (1, False),
        (1, False),
        (1, True),
        (2, False),
        (2, True),
    ]
    assert [one.error for one in handled.attempts if not one.counts] == [CLOSED] * 3
    [letter] = DeadLetters(workplace.ledger.redis)
    assert (letter.attempts, letter.summary) == (2, "RuntimeError: they hung up")


def test_it_comes_back_when_it_says_and_is_no_error_in_the_log(workplace: Workplace) -> None:
    @workplace.on("*", backoff=[1])
    def tell(event: SeamEvent) -> None:
        raise Retry(CLOSED, after=100, counts=False)

    workplace.deliver()
    with capture_logs() as lines:
        assert 100 - 0.001 <= wait(workplace) <= 100 + 60
    [line] = lines
    assert (line["log_level"], line["error"], line["counts"]) == ("info", CLOSED, False)


def test_without_saying_when_it_waits_longer_the_more_there_are_in_a_row(
    workplace: Workplace,
) -> None:
    fails = [False, False, False, True, False]

    @workplace.on("*", backoff=[10, 1000, 2000, 3000])
    def tell(event: SeamEvent) -> None:
        if fails.pop(0):
            raise RuntimeError("they hung up")
        closed(event)

    workplace.deliver()
    # The one that counts waits as the first attempt does, and the next row begins behind it.
    for least in (10, 1000, 2000, 10, 1000):
        assert least - 0.001 <= wait(workplace) <= least + 60
        workplace.later(LONG)


def test_the_usual_wait_stays_below_an_hour(workplace: Workplace) -> None:
    workplace.on("*", attempts=1)(closed)
    workplace.deliver()
    for number in range(14):
        usual = min(5 * 2**number, 3600)
        assert usual * 0.75 - 0.001 <= wait(workplace) <= usual + 60
        workplace.later(LONG)


def test_a_plan_is_asked_for_no_wait_that_an_attempt_would_not_have(workplace: Workplace) -> None:
    asked: list[int] = []

    def plan(attempt: int) -> float:
        asked.append(attempt)
        return float(10**attempt)

    workplace.on("*", attempts=3, backoff=plan)(closed)
    workplace.deliver()
    workplace.work()
    for _ in range(3):
        again(workplace)
    assert asked == [1, 2, 2, 2]


def test_a_day_of_them_makes_no_larger_record_and_loses_no_count(workplace: Workplace) -> None:
    uncounted = 0

    @workplace.on("*", attempts=3, name="tell")
    def tell(event: SeamEvent, context: Context) -> None:
        nonlocal uncounted
        if context.attempt == 1 or uncounted == 120:
            raise RuntimeError("they hung up")
        uncounted += 1
        raise Retry(CLOSED, counts=False)

    workplace.deliver()
    workplace.work()
    sizes = []
    for _ in range(122):
        again(workplace)
        sizes.append(len(json.dumps(workplace.record("e1", tell))))

    assert max(sizes[60:]) < max(sizes[:60]) + 300
    handled = told(workplace)
    assert (handled.state, handled.attempt_count, handled.uncounted_count) == ("dead", 3, 120)
    assert len(handled.attempts) == 50
    assert [one.number for one in handled.attempts[-3:]] == [2, 2, 3]


@pytest.mark.parametrize(("ago", "state"), [(23, "retrying"), (25, "dead")])
def test_they_end_a_day_after_the_event_came(workplace: Workplace, ago: int, state: str) -> None:
    workplace.on("*", name="tell")(closed)
    workplace.deliver(ago=timedelta(hours=ago))
    workplace.work()
    assert workplace.state("e1") == state


def test_a_dead_letter_says_that_its_day_is_over(workplace: Workplace) -> None:
    workplace.on("*", name="tell")(closed)
    workplace.deliver(ago=timedelta(hours=25))
    with capture_logs() as lines:
        workplace.work()
    [letter] = DeadLetters(workplace.ledger.redis)
    says = f"tries that do not count end after a day; the handler last said: {CLOSED}"
    assert (letter.summary, letter.error, letter.attempts) == (says, says, 0)
    assert [(line["log_level"], line["error"]) for line in lines] == [("error", says)]
    [attempt] = letter.handled.attempts
    assert not attempt.counts


def retried(workplace: Workplace) -> None:
    """Have it tried again, as `bellhop dead retry` does."""
    done = workplace.ledger.resolve(
        [one.tried_again() for one in DeadLetters(workplace.ledger.redis)]
    )
    assert done.done == (True,)
    workplace.work()


@pytest.mark.parametrize("by_hand", [retried, replay_all])
def test_the_day_begins_anew_when_somebody_has_it_tried_again(
    workplace: Workplace, by_hand: Callable[[Workplace], object]
) -> None:
    handler = workplace.on("*", attempts=4, backoff=[10, 1000, 2000, 3000], name="tell")(closed)
    workplace.deliver(ago=timedelta(days=3))
    workplace.work()
    assert workplace.state("e1") == "dead"

    began = time.time()
    by_hand(workplace)
    assert workplace.state("e1") == "retrying"
    assert 10 - 0.001 <= workplace.due() - began < 1000  # no row with those of before
    again(workplace)
    assert workplace.state("e1") == "retrying"

    record = workplace.record("e1", handler)
    record["since"] -= 25 * 3600 * 1000
    workplace.ledger.redis.hset(keys.event("e1"), "h:tell", json.dumps(record))
    again(workplace)
    assert workplace.state("e1") == "dead"

    by_hand(workplace)
    assert workplace.state("e1") == "retrying"


def test_after_a_replay_only_its_own_attempts_count(workplace: Workplace) -> None:
    seen: list[tuple[bool, int]] = []

    @workplace.on("*", attempts=2)
    def tell(event: SeamEvent, context: Context) -> None:
        seen.append((context.replay, context.attempt))
        if len(seen) % 3:
            closed(event)

    workplace.deliver()
    workplace.work()
    for _ in range(2):
        again(workplace)
    assert workplace.state("e1") == "done"
    replay_all(workplace)
    for _ in range(2):
        again(workplace)

    assert workplace.state("e1") == "done"
    assert seen == [(False, 1)] * 3 + [(True, 1)] * 3
    handled = told(workplace)
    assert (handled.attempt_count, handled.uncounted_count) == (2, 4)
    assert [(one.replay, one.counts) for one in handled.attempts[2:5]] == [
        (False, True),
        (True, False),
        (True, False),
    ]


class Impossible(Retry):
    def __getattribute__(self, name: str) -> Any:
        if name == "counts":
            raise LookupError(name)
        return super().__getattribute__(name)


def test_a_retry_that_cannot_say_whether_it_counts_does(workplace: Workplace) -> None:
    @workplace.on("*", attempts=1)
    def tell(event: SeamEvent) -> None:
        raise Impossible

    workplace.deliver()
    workplace.work()
    assert workplace.state("e1") == "dead"


def test_a_record_of_an_older_version_goes_on(workplace: Workplace) -> None:
    before = json.dumps({"state": "retrying", "attempts": [[1, 2.0, "no"]] * 50, "earlier": 7})
    record = HandlerRecord.read(before, "e1", "tell")
    assert (record.attempts_used, record.next_attempt, record.uncounted_in_a_row) == (57, 58, 0)
    tried = record.tried(HandlerState.RETRYING, 5, 1.0, CLOSED, counts=False)
    after = HandlerRecord.read(tried, "e1", "tell")
    assert (after.attempts_used, after.next_attempt, after.uncounted_in_a_row) == (57, 58, 1)
