"""When a handler is tried again, and when it is not."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from bellhop import Drop, Retry, SeamEvent
from bellhop.ledger import Resolution
from bellhop_workers.outcomes import delay_ms
from tests.workers.conftest import Workplace

A_YEAR = timedelta(days=366)


def fail(event: SeamEvent) -> None:
    raise RuntimeError("no")


def works_and_waits(workplace: Workplace, least: float, most: float | None = None) -> None:
    """Do a shift, and see that the retry is due `least` to `most` seconds later, or just `least`.

    However long the shift takes.
    """
    began = time.time()
    workplace.work()
    ended = time.time()
    # The server's clock cuts milliseconds off.
    assert began + least - 0.001 <= workplace.due() <= ended + (most or least) + 0.001


@pytest.mark.parametrize(
    "backoff",
    [
        [2, timedelta(minutes=1), 0.5],
        (2, 60, 0.5),
        lambda attempt: [2, 60, 0.5, 0.5][attempt - 1],
        lambda attempt: timedelta(seconds=[2, 60, 0.5, 0.5][attempt - 1]),
    ],
)
def test_a_handlers_own_waits_are_kept_to_the_letter_and_the_last_is_repeated(
    workplace: Workplace, backoff: Any
) -> None:
    workplace.on("*", backoff=backoff)(fail)
    workplace.deliver()
    for wait in (2, 60, 0.5, 0.5):
        works_and_waits(workplace, wait)
        workplace.later(A_YEAR)


def test_a_retry_is_never_early() -> None:
    assert delay_ms(timedelta(seconds=1.0004)) == 1001


def test_a_retry_that_says_when_comes_before_the_plan(workplace: Workplace) -> None:
    def later(event: SeamEvent) -> None:
        raise Retry(after=100)

    workplace.on("*", backoff=[1])(later)
    workplace.deliver()
    works_and_waits(workplace, 100)


def nonsense(_attempt: int) -> Any:
    return "soon"


def past(_attempt: int) -> float:
    return -1


def broken(_attempt: int) -> float:
    raise KeyError("4711")


@pytest.mark.parametrize("backoff", [nonsense, past, broken, lambda _attempt: float("nan")])
def test_a_plan_that_fails_is_reported_and_the_usual_wait_taken(
    workplace: Workplace, backoff: Callable[[int], float]
) -> None:
    workplace.on("*", backoff=backoff)(fail)
    workplace.deliver()
    with capture_logs() as lines:
        works_and_waits(workplace, 3.75, 5)
    (told,) = [line for line in lines if "backoff failed" in line["event"]]
    assert told["log_level"] == "error"


class NoSuchGuest(LookupError):
    pass


@pytest.mark.parametrize("no_retry", [(KeyError, NoSuchGuest), [NoSuchGuest], LookupError])
def test_some_errors_are_not_worth_another_attempt(workplace: Workplace, no_retry: Any) -> None:
    def check(event: SeamEvent) -> None:
        raise NoSuchGuest("room 12 is empty")

    workplace.on("*", no_retry=no_retry)(check)
    workplace.deliver()
    workplace.work()

    assert workplace.state("e1") == "dead"
    record = workplace.record("e1", check)
    assert (record["state"], len(record["attempts"])) == ("dead", 1)
    assert "room 12 is empty" in record["error"]


@pytest.mark.parametrize("said", [Retry(after=1), Drop("enough")])
def test_what_a_handler_says_itself_is_no_error_and_one_line(
    workplace: Workplace, said: Exception
) -> None:
    def check(event: SeamEvent) -> None:
        raise said

    workplace.on("*", no_retry=(Exception,))(check)
    workplace.deliver()
    with capture_logs() as lines:
        workplace.work()
    assert [line["log_level"] for line in lines] == ["info"]
    assert workplace.state("e1") == ("retrying" if isinstance(said, Retry) else "done")


def test_a_dead_letter_that_is_tried_again_has_all_its_attempts_anew(workplace: Workplace) -> None:
    seen: list[int] = []

    def check(event: SeamEvent, context: Any) -> None:
        seen.append(context.attempt)
        raise RuntimeError("no")

    workplace.on("*", attempts=2, backoff=[1, 2])(check)
    workplace.deliver()
    workplace.work()
    workplace.later(A_YEAR)
    workplace.work()
    assert workplace.state("e1") == "dead"

    attempts = workplace.record("e1", check)["attempts"]
    revive(workplace, attempts)
    works_and_waits(workplace, 1)
    assert workplace.state("e1") == "retrying"
    workplace.later(A_YEAR)
    workplace.work()

    assert seen == [1, 2, 3, 4]
    assert workplace.state("e1") == "dead"
    assert len(workplace.record("e1", check)["attempts"]) == 4


def revive(workplace: Workplace, attempts: Sequence[Any]) -> None:
    """Have the handler tried again, as `bellhop dead retry` does."""
    (handler,) = workplace.registry
    record = json.dumps({"state": "retrying", "attempts": attempts, "forgiven": len(attempts)})
    done = workplace.ledger.resolve([Resolution("retry", "e1", handler.name, record)])
    assert done.done == (True,)
