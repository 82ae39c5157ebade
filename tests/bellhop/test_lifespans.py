"""What `@lifespan` takes, and in which words it refuses the rest."""

import functools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from bellhop import Registry
from tests.bellhop.registering import refusal


def opened() -> Iterator[int]:
    yield 1


async def opened_async() -> AsyncIterator[int]:
    yield 1


def with_a_default(url: str = "here") -> Iterator[str]:
    yield url


def with_an_argument(app: object) -> Iterator[int]:
    yield 1


def without_a_yield() -> int:
    return 1


async def without_a_yield_async() -> int:
    return 1


class Callable:
    def __call__(self) -> Iterator[int]:
        yield 1


@pytest.mark.parametrize(
    ("function", "is_async"),
    [
        (opened, False),
        (opened_async, True),
        (with_a_default, False),
        (functools.partial(with_an_argument, 1), False),
        (Callable().__call__, False),
    ],
)
def test_a_generator_is_taken_and_stays_what_it_is(
    function: Any, is_async: bool, handlers: Registry
) -> None:
    assert handlers.registered_lifespan is None
    assert handlers.lifespan(function) is function
    assert handlers.registered_lifespan is not None
    assert handlers.registered_lifespan.is_async is is_async
    assert len(handlers) == 0


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (without_a_yield, "has no `yield`: write it as a generator that yields once and takes no"),
        (without_a_yield_async, "has no `yield`: write it as a generator"),
        (Callable(), "has no `yield`: write it as a generator"),
        (Callable, "has no `yield`: write it as a generator"),
        (5, "has no `yield`: write it as a generator"),
        (with_an_argument, "takes arguments: write it as a generator"),
        (contextmanager(opened), "makes a context manager: take the other decorator away"),
        (asynccontextmanager(opened_async), "makes a context manager: take the other decorator"),
    ],
)
def test_what_is_no_generator_without_arguments_is_refused(
    function: Any, why: str, handlers: Registry
) -> None:
    message = refusal(lambda: handlers.lifespan(function))
    assert f"cannot be a lifespan, since it {why}" in message
    assert handlers.registered_lifespan is None


def test_a_second_one_is_refused(handlers: Registry) -> None:
    handlers.lifespan(opened)
    here = "tests.bellhop.test_lifespans"
    assert refusal(lambda: handlers.lifespan(opened_async)) == (
        f"there are two lifespans, {here}.opened and {here}.opened_async: open everything in one, "
        "and yield it together"
    )
