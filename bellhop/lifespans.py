"""What a worker opens once, before it takes mail, and closes after the last run of a handler.

The function yields once: what is in front of the `yield` opens, what is behind it closes, and what
it yields is `context.state` of every handler.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bellhop.callables import makes_context_manager
from bellhop.handler import InvalidHandler
from bellhop.inspection import default_name

Opens = Callable[[], Iterator[object]] | Callable[[], AsyncIterator[object]]
"""A generator function, sync or async, without arguments."""

_WRITE = (
    "write it as a generator that yields once and takes no arguments, as in "
    "`def clients(): client = Client(); yield client; client.close()`"
)


@dataclass(frozen=True, slots=True)
class Lifespan:
    """A user's function that was registered as the lifespan of workers."""

    name: str
    function: Callable[[], Any]
    is_async: bool


def checked_lifespan(function: Callable[[], Any]) -> Lifespan:
    """Return the lifespan that a function is. Raises `InvalidHandler` if it cannot be one."""
    name = default_name(function)
    is_async = inspect.isasyncgenfunction(function)
    if makes_context_manager(function):
        raise InvalidHandler(
            f"{name} cannot be a lifespan, since it makes a context manager: take the other "
            "decorator away"
        )
    if not is_async and not inspect.isgeneratorfunction(function):
        raise InvalidHandler(f"{name} cannot be a lifespan, since it has no `yield`: {_WRITE}")
    signature = inspect.signature(function)
    try:
        signature.bind()
    except TypeError:
        raise InvalidHandler(
            f"{name}{signature} cannot be a lifespan, since it takes arguments: {_WRITE}"
        ) from None
    return Lifespan(name, function, is_async)
