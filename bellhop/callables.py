"""Which kind of callable a handler is, and whether a call of it has run what its author wrote.

A call of a generator, or of a class, runs nothing of a handler and raises nothing: the event would
be taken for handled. So would it be if a call returned a coroutine that nobody awaits.
"""

import asyncio
import concurrent.futures
import functools
import inspect
import itertools
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from bellhop.handler import InvalidHandler

_MOST_LAYERS = 50


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@asynccontextmanager
async def _nothing_async() -> AsyncIterator[None]:
    yield


_MAKE_CONTEXT_MANAGERS = (_nothing.__code__, _nothing_async.__code__)
_CONTEXT_MANAGERS = (type(_nothing()), type(_nothing_async()))
_ARE_CALLED_LATER = (types.FunctionType, types.MethodType, functools.partial)
_ARE_ITERATED = (
    types.GeneratorType,
    types.AsyncGeneratorType,
    map,
    filter,
    zip,
    enumerate,
    itertools.chain,
    itertools.islice,
    itertools.starmap,
)
_HOLD_OTHERS = (list, tuple, set, frozenset, dict)
_MOST_MEMBERS = 1_000


def is_async(function: Callable[..., Any]) -> bool:
    """Say whether a call of the function, or of the object, returns a coroutine."""
    return any(map(inspect.iscoroutinefunction, _layers(function)))


def makes_context_manager(function: object) -> bool:
    """Say whether `contextmanager` or `asynccontextmanager` decorates the function."""
    return getattr(function, "__code__", None) in _MAKE_CONTEXT_MANAGERS


def check_kind(function: Callable[..., Any], label: str) -> None:
    """Refuse what Python can call without running any of the author's code for the event.

    Raises `InvalidHandler`. What only a call can tell is left to `unfinished`.
    """
    if isinstance(function, type):
        raise InvalidHandler(
            f"{label} is a class, of which a call only makes an object: "
            "register a function, or a method of an object"
        )
    if isinstance(function, staticmethod | classmethod):
        raise InvalidHandler(
            f"{label} is a {type(function).__name__} that belongs to no class yet: register it "
            'after the class, as in on("lock.*")(Doors.audit)'
        )
    for layer in _layers(function):
        if inspect.isgeneratorfunction(layer) or inspect.isasyncgenfunction(layer):
            raise InvalidHandler(
                f"{label} is a generator, of which a call runs nothing: take the `yield` out of it"
            )
        if makes_context_manager(layer):
            raise InvalidHandler(
                f"{label} makes a context manager, of which a call runs nothing: take the "
                "decorator away and the `yield` out of it"
            )


def unfinished(result: object) -> str:
    """Return what is wrong with the result of a handler, or "" if its work is done.

    What would still have to be run is closed or cancelled: the handler is tried again.
    """
    if isinstance(result, Awaitable):
        problem = (
            f"the handler returned {_kind(result)} that nobody awaits: make it `async def`, "
            "each function that wraps it, too, and await it there"
        )
    elif isinstance(result, _ARE_ITERATED):
        problem = (
            f"the handler returned {_kind(result)} that nobody iterates over: take the `yield` "
            "out of it, or iterate over it in the handler"
        )
    elif isinstance(result, concurrent.futures.Future):
        problem = (
            f"the handler returned {_kind(result)}, and whether that fails would not be seen: "
            "return its `result()`"
        )
    elif isinstance(result, _CONTEXT_MANAGERS):
        problem = (
            f"the handler returned {_kind(result)} that nobody enters: take its decorator away, or "
            "enter it in the handler"
        )
    elif isinstance(result, _ARE_CALLED_LATER):
        problem = (
            f"the handler returned {_kind(result)} that nobody calls: call it in the handler, or "
            "call the decorator that made it, as in @decorator()"
        )
    elif isinstance(result, _HOLD_OTHERS):
        return _unfinished_members(result)
    else:
        return ""
    _end(result)
    return problem


def _unfinished_members(result: Any) -> str:
    """Return what is wrong with a collection, such as of coroutines, as `unfinished` does."""
    members = itertools.islice(
        result.values() if isinstance(result, dict) else result, _MOST_MEMBERS
    )
    running = [one for one in members if _is_running(one)]
    for one in running:
        _end(one)
    if not running:
        return ""
    return (
        f"the handler returned {_kind(result)} with {_kind(running[0])} that nobody awaits: await "
        "each of them in the handler"
    )


def _is_running(member: object) -> bool:
    if isinstance(member, asyncio.Future | concurrent.futures.Future):
        return not member.done()
    return inspect.iscoroutine(member)


def _kind(result: object) -> str:
    name = type(result).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _end(result: Any) -> None:
    """Have nothing run on, and no warning of a coroutine that was never awaited."""
    name = "cancel" if isinstance(result, asyncio.Future | concurrent.futures.Future) else "close"
    with suppress(Exception):  # it may be of a loop that is closed
        getattr(result, name)()


def _layers(function: Any) -> Iterator[Any]:
    """Yield what is called, and what that calls in turn where Python itself passes the call on.

    So do partials, methods and objects. What a decorator does with a call cannot be known.
    """
    for _ in range(_MOST_LAYERS):  # an object may be its own `__call__`
        yield function
        made_of = inspect.isfunction(function) and (
            getattr(function, "__partialmethod__", None)  # since Python 3.13
            or getattr(function, "_partialmethod", None)
        )
        if isinstance(function, functools.partial):
            function = function.func
        elif inspect.ismethod(function):
            function = function.__func__
        elif isinstance(made_of, functools.partialmethod):
            function = made_of.func
        elif isinstance(function, staticmethod | classmethod):
            function = function.__func__
        elif not inspect.isroutine(function) and callable(function):
            function = type(function).__call__
        else:
            return
