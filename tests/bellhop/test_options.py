"""What a handler may ask for, and what is refused before it ever runs."""

from datetime import timedelta
from typing import Any

import pytest

from bellhop import InvalidHandler, Registry, SeamEvent
from bellhop.retries import planned_wait


def handler(event: SeamEvent) -> None: ...


def register(**options: Any) -> Any:
    """Return the handler as it is registered with these options."""
    registry = Registry()
    registry.on("*", name="mine", **options)(handler)
    return registry.get("mine")


def refusal(**options: Any) -> str:
    """Return why these options are refused."""
    with pytest.raises(InvalidHandler) as caught:
        register(**options)
    return str(caught.value)


def test_without_options_it_has_none() -> None:
    registered = register()
    assert (registered.backoff, registered.no_retry, registered.in_order) == (None, (), False)
    assert registered.concurrency is None


def test_they_are_kept_as_given() -> None:
    registered = register(backoff=[5, timedelta(minutes=2)], no_retry=ValueError, in_order=True)
    assert register(concurrency=10_000).concurrency == 10_000
    assert registered.backoff == (timedelta(seconds=5), timedelta(minutes=2))
    assert registered.no_retry == (ValueError,)
    assert registered.in_order is True


@pytest.mark.parametrize("backoff", [[], "5", 5, {5: 6}, b"5"])
def test_what_is_no_plan_is_refused(backoff: Any) -> None:
    assert refusal(backoff=backoff).startswith("mine: backoff is a list of waits such as [5, 60")


@pytest.mark.parametrize("wait", ["5", None, True, float("nan"), -1, timedelta(-1), 1e300])
def test_what_is_no_wait_is_refused(wait: Any) -> None:
    assert refusal(backoff=[5, wait]).startswith("mine: backoff: a wait is seconds or a timedelta")


def test_a_plan_that_cannot_be_called_with_a_number_is_refused() -> None:
    assert "number of the attempt" in refusal(backoff=lambda: 5)
    assert "number of the attempt" in refusal(backoff=lambda attempt, event: 5)


@pytest.mark.parametrize("no_retry", ["ValueError", ValueError(), (ValueError, 5), BaseException])
def test_what_is_no_error_is_refused(no_retry: Any) -> None:
    assert refusal(no_retry=no_retry).startswith("mine: no_retry takes exception classes")


@pytest.mark.parametrize("concurrency", [0, -1, 10_001, True, 1.5, "3"])
def test_what_is_no_number_of_devices_is_refused(concurrency: Any) -> None:
    assert refusal(concurrency=concurrency) == (
        "mine: concurrency is how many devices it may be at work for at a time, a whole number "
        f"from 1 to 10000, not {concurrency!r}"
    )


def test_in_order_is_yes_or_no() -> None:
    assert refusal(in_order="yes") == "mine: in_order is True or False, not 'yes'"


def test_a_plan_is_followed_and_its_last_wait_repeated() -> None:
    assert [planned_wait([1, 60], attempt).total_seconds() for attempt in (1, 2, 3)] == [1, 60, 60]
    assert planned_wait(lambda attempt: attempt * 10, 3) == timedelta(seconds=30)


def test_a_misspelt_option_is_refused_with_the_nearest() -> None:
    assert refusal(in_ordr=True) == "@on has no option in_ordr; did you mean in_order?"
    assert refusal(colour=1).startswith("@on has no option colour; it has attempts, timeout,")


def test_what_is_refused_is_repeated_as_it_was_written() -> None:
    assert refusal(backoff=[-1]).endswith("not -1")
