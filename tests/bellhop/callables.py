"""Callables of every kind, each of which can be a handler of `LockUnlockedEvent`."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bellhop import Context, LockUnlockedEvent


class Methods:
    def method(self, event: LockUnlockedEvent, context: Context) -> None: ...

    async def async_method(self, event: LockUnlockedEvent) -> None: ...

    @classmethod
    def of_class(cls, event: LockUnlockedEvent) -> None: ...

    @staticmethod
    def static(event: LockUnlockedEvent, context: Context) -> None: ...


class Partials:
    def with_prefix(self, prefix: str, event: LockUnlockedEvent) -> None: ...
    async def with_prefix_async(self, prefix: str, event: LockUnlockedEvent) -> None: ...

    partial = functools.partialmethod(with_prefix, "x")
    async_partial = functools.partialmethod(with_prefix_async, "x")


class Callee:
    def __call__(self, event: LockUnlockedEvent) -> None: ...


class AsyncCallee:
    async def __call__(self, event: LockUnlockedEvent, context: Context) -> None: ...


class InStrings:
    def __call__(self, event: "LockUnlockedEvent", context: "Context") -> None: ...
    def method(self, event: "LockUnlockedEvent", context: "Context") -> None: ...


@dataclass
class Notifier:
    channel: str

    def __call__(self, event: LockUnlockedEvent) -> None: ...


def with_event(event: LockUnlockedEvent) -> None: ...
def with_context(event: LockUnlockedEvent, context: Context) -> None: ...
def with_any_second(event: LockUnlockedEvent, ctx: object) -> None: ...
def with_unannotated_second(event: LockUnlockedEvent, ctx) -> None: ...  # type: ignore[no-untyped-def]
def with_default(event: LockUnlockedEvent, dry_run: bool = False) -> None: ...
def with_default_context(event: LockUnlockedEvent, context: Context | None = None) -> None: ...
def with_third(event: LockUnlockedEvent, context: Context, dry_run: bool = False) -> None: ...
def with_keyword(event: LockUnlockedEvent, *, dry_run: bool = False) -> None: ...
def positional_only(event: LockUnlockedEvent, context: Context, /) -> None: ...
def with_stars(*args: LockUnlockedEvent, **kwargs: object) -> None: ...
def with_prefix(prefix: str, event: LockUnlockedEvent) -> None: ...
def in_strings(prefix: str, event: "LockUnlockedEvent", context: "Context") -> None: ...
async def async_event(event: LockUnlockedEvent) -> None: ...
async def async_context(event: LockUnlockedEvent, context: Context) -> None: ...
async def async_prefix(prefix: str, event: LockUnlockedEvent, context: Context) -> None: ...


@functools.wraps(with_context)
def wrapped(*args: Any, **kwargs: Any) -> None: ...


HANDLERS: list[tuple[str, Callable[..., Any], bool, bool]] = [
    ("a function of an event", with_event, False, False),
    ("a function of a context too", with_context, False, True),
    ("a second parameter of any annotation", with_any_second, False, True),
    ("a second parameter of none", with_unannotated_second, False, True),
    ("a second parameter with a default of its own", with_default, False, False),
    ("a context with a default", with_default_context, False, True),
    ("a third parameter with a default", with_third, False, True),
    ("a keyword with a default", with_keyword, False, False),
    ("positional parameters only", positional_only, False, True),
    ("any arguments", with_stars, False, False),
    ("a wrapped function", wrapped, False, True),
    ("an async function", async_event, True, False),
    ("an async function of a context too", async_context, True, True),
    ("a method", Methods().method, False, True),
    ("an async method", Methods().async_method, True, False),
    ("a class method", Methods.of_class, False, False),
    ("a static method", Methods.static, False, True),
    ("an object", Callee(), False, False),
    ("an object with fields", Notifier("support"), False, False),
    ("an async object", AsyncCallee(), True, True),
    ("a partial", functools.partial(with_prefix, "x"), False, False),
    ("a partial of a context too", functools.partial(with_context), False, True),
    ("an async partial", functools.partial(async_prefix, "x"), True, True),
    ("a partial with annotations in strings", functools.partial(in_strings, "x"), False, True),
    ("an object with annotations in strings", InStrings(), False, True),
    ("a method with annotations in strings", InStrings().method, False, True),
    ("a partial of an object", functools.partial(Notifier("support")), False, False),
    ("a partial of an async object", functools.partial(AsyncCallee()), True, True),
    (
        "a partial of a method's function",
        functools.partial(Callee.__call__, Callee()),
        False,
        False,
    ),
    ("a partial method", Partials().partial, False, False),
    ("an async partial method", Partials().async_partial, True, False),
]
