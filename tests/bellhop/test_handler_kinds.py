"""Callables of which a call would not run what their author wrote: `@on` refuses them."""

import contextlib
import functools
import types
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bellhop import Context, LockUnlockedEvent, Registry
from tests.bellhop.registering import refusal


def generator(event: object) -> Iterator[None]:
    yield


async def async_generator(event: object) -> AsyncIterator[None]:
    yield


def prefixed(prefix: str, event: object) -> Iterator[None]:
    yield


@types.coroutine
def old_coroutine(event: object) -> Iterator[None]:
    yield


class Doors:
    def generator(self, event: object) -> Iterator[None]:
        yield

    @staticmethod
    def static(event: object) -> Iterator[None]:
        yield

    @classmethod
    async def of_class(cls, event: object) -> AsyncIterator[None]:
        yield

    partial = functools.partialmethod(generator)

    def audit(self, event: LockUnlockedEvent) -> None: ...
    def record(this, event: LockUnlockedEvent) -> None: ...  # noqa: N805
    def alone(self) -> None: ...
    async def tell(self, event: LockUnlockedEvent, context: Context) -> None: ...
    def of(cls, event: object) -> None: ...  # noqa: N805


class Callee:
    def __call__(self, event: object) -> Iterator[None]:
        yield


class AsyncCallee:
    async def __call__(self, event: object) -> AsyncIterator[None]:
        yield


class Through:
    __call__ = staticmethod(generator)


@pytest.mark.parametrize(
    "function",
    [
        generator,
        async_generator,
        old_coroutine,
        functools.partial(generator),
        functools.partial(functools.partial(prefixed, "x")),
        functools.partial(Callee()),
        Doors().generator,
        Doors().static,
        Doors().of_class,
        Doors().partial,
        Callee(),
        AsyncCallee(),
        Through(),
        lambda event: (yield),
    ],
)
def test_a_generator_is_refused(function: Callable[..., Any], handlers: Registry) -> None:
    message = refusal(lambda: handlers.on("lock.*", name="mine")(function))
    assert message == (
        "mine is a generator, of which a call runs nothing: take the `yield` out of it"
    )


@pytest.mark.parametrize(
    "function",
    [
        contextlib.contextmanager(generator),
        contextlib.asynccontextmanager(async_generator),
        functools.partial(contextlib.contextmanager(generator)),
    ],
)
def test_what_makes_a_context_manager_is_refused(
    function: Callable[..., Any], handlers: Registry
) -> None:
    message = refusal(lambda: handlers.on("lock.*", name="mine")(function))
    assert message == (
        "mine makes a context manager, of which a call runs nothing: take the decorator away and "
        "the `yield` out of it"
    )


@dataclass
class Notification:
    event: object


@pytest.mark.parametrize("function", [Notification, Callee, type, dict, str])
def test_a_class_is_refused(function: Callable[..., Any], handlers: Registry) -> None:
    assert refusal(lambda: handlers.on("lock.*", name="mine")(function)) == (
        "mine is a class, of which a call only makes an object: register a function, or a method "
        "of an object"
    )


@pytest.mark.parametrize("kind", [staticmethod, classmethod])
def test_what_belongs_to_no_class_yet_is_refused(kind: Any, handlers: Registry) -> None:
    assert refusal(lambda: handlers.on("lock.*", name="mine")(kind(generator))) == (
        f"mine is a {kind.__name__} that belongs to no class yet: register it after the class, as "
        'in on("lock.*")(Doors.audit)'
    )


@functools.wraps(Doors.audit)
def wrapped(*args: Any) -> None: ...


@pytest.mark.parametrize(
    "method",
    [
        Doors.audit,
        Doors.tell,
        Doors.alone,
        Doors.of,
        functools.partial(Doors.audit),
        wrapped,
    ],
)
def test_a_method_without_its_object_is_refused(
    method: Callable[..., Any], handlers: Registry
) -> None:
    message = refusal(lambda: handlers.on("lock.*", name="mine")(method))
    assert "is a method without its object" in message
    assert 'register its method, as in on("lock.*")(doors.audit)' in message


def turned_round(context, event) -> None: ...  # type: ignore[no-untyped-def]
def annotated(ctx: Context, lock: LockUnlockedEvent) -> None: ...
def in_strings(ctx: "Context", lock: "LockUnlockedEvent") -> None: ...


@pytest.mark.parametrize("function", [turned_round, annotated, in_strings, Doors.record])
def test_a_function_in_which_the_event_does_not_come_first_is_refused(
    function: Callable[..., Any], handlers: Registry
) -> None:
    message = refusal(lambda: handlers.on("lock.*", name="mine")(function))
    assert "would get the event as its `" in message
    assert "the event comes first, then the context" in message
