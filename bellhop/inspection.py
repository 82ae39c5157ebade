"""What a handler's signature says: how it is called, and with which events."""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

from bellhop.events import SeamEvent
from bellhop.handler import Context, InvalidHandler


def default_name(function: Callable[..., Any]) -> str:
    """Return a handler's name, unless it is given one: its module and its own."""
    module = getattr(function, "__module__", "")
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{module}.{name}"


def wants_context(function: Callable[..., Any], label: str) -> bool:
    """Say whether the function takes a context, by trying which call would fit."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise InvalidHandler(f"{label} is not a function that can be called") from error
    positional = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.kind
        in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ]
    _check_first_parameter(positional, f"{label}{signature}")
    second = positional[1] if len(positional) > 1 else None
    # A second parameter with a default of its own is the author's, unless it says it is for this.
    for_context = second is not None and (
        second.default is inspect.Parameter.empty
        or second.name == "context"
        or second.annotation in (Context, "Context", "bellhop.Context")
    )
    arguments = (None, None) if for_context else (None,)
    try:
        signature.bind(*arguments)
    except TypeError as error:
        raise InvalidHandler(
            f"{label}{signature} cannot be called with an event, or an event and a context: {error}"
        ) from error
    return for_context


def _check_first_parameter(positional: Sequence[inspect.Parameter], shown: str) -> None:
    """Refuse a function in which something else comes before the event, as in a method."""
    if not positional:
        return
    first, *others = positional
    if first.name in ("self", "cls"):
        raise InvalidHandler(
            f"{shown} is a method without its object, and would get the event as its "
            f"`{first.name}`: make the object first and register its method, as in "
            'on("lock.*")(doors.audit)'
        )
    if not _is_for_event(first) and any(map(_is_for_event, others)):
        raise InvalidHandler(
            f"{shown} would get the event as its `{first.name}`: the event comes first, then the "
            "context (and of a method, register that of an object)"
        )


def _is_for_event(parameter: inspect.Parameter) -> bool:
    if parameter.default is not inspect.Parameter.empty:
        return False
    note = parameter.annotation
    if note is inspect.Parameter.empty or note is Any or note is object:
        return parameter.name == "event"
    return (isinstance(note, type) and issubclass(note, SeamEvent)) or (
        isinstance(note, str) and note.rpartition(".")[2].endswith("Event")
    )


def event_classes(function: Callable[..., Any], label: str) -> tuple[type[SeamEvent], ...] | None:
    """Return the event classes that the first parameter is annotated with, if it is."""
    first = next(iter(inspect.signature(function).parameters.values()))
    if first.annotation is inspect.Parameter.empty:
        return None
    # This annotation alone: that of the context may be imported for type checkers only.
    alone = types.SimpleNamespace(__annotations__={first.name: first.annotation})
    try:
        annotation = typing.get_type_hints(alone, globalns=_globals_of(function))[first.name]
    except (NameError, TypeError, AttributeError, SyntaxError):
        return None
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    members = typing.get_args(annotation) if union else (annotation,)
    if not all(isinstance(member, type) for member in members):
        return None
    strange = [member for member in members if not issubclass(member, SeamEvent)]
    if strange in ([object], [Any]):
        return None
    if strange:
        raise InvalidHandler(
            f"{label}: its event is annotated with {strange[0].__name__}, which is no event; "
            "annotate it with an event class of bellhop, or not at all"
        )
    return members


def _globals_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the names that the annotations of a function, or of an object that is called, mean."""
    while isinstance(function, functools.partial):
        function = function.func
    written = inspect.unwrap(function if inspect.isroutine(function) else type(function).__call__)
    return getattr(written, "__globals__", {})
