"""What a handler's signature says: how it is called, and with which events."""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bellhop.events import SeamEvent
from bellhop.handler import Context, InvalidHandler


def default_name(function: Callable[..., Any]) -> str:
    """Return a handler's name, unless it is given one: its module and its own."""
    module = getattr(function, "__module__", "")
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{module}.{name}"


class Argument(NamedTuple):
    """What a function is called with first, and in which words that is told.

    example: how the method of an object is registered.
    """

    cls: type
    noun: str
    a_noun: str
    example: str


EVENT = Argument(SeamEvent, "event", "an event", 'on("lock.*")(doors.audit)')


def wants_context(function: Callable[..., Any], label: str, argument: Argument) -> bool:
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
    _check_first_parameter(positional, f"{label}{signature}", argument)
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
            f"{label}{signature} cannot be called with {argument.a_noun}, or {argument.a_noun} "
            f"and a context: {error}"
        ) from error
    return for_context


def _check_first_parameter(
    positional: Sequence[inspect.Parameter], shown: str, argument: Argument
) -> None:
    """Refuse a function in which something else comes before the event, as in a method."""
    if not positional:
        return
    first, *others = positional
    if first.name in ("self", "cls"):
        raise InvalidHandler(
            f"{shown} is a method without its object, and would get the {argument.noun} as its "
            f"`{first.name}`: make the object first and register its method, as in "
            f"{argument.example}"
        )
    if not _is_for(argument, first) and any(_is_for(argument, one) for one in others):
        raise InvalidHandler(
            f"{shown} would get the {argument.noun} as its `{first.name}`: the {argument.noun} "
            "comes first, then the context (and of a method, register that of an object)"
        )


def _is_for(argument: Argument, parameter: inspect.Parameter) -> bool:
    if parameter.default is not inspect.Parameter.empty:
        return False
    note = parameter.annotation
    if note is inspect.Parameter.empty or note is Any or note is object:
        return parameter.name == argument.noun
    ending = "Event" if argument is EVENT else argument.cls.__name__
    return (isinstance(note, type) and issubclass(note, argument.cls)) or (
        isinstance(note, str) and note.rpartition(".")[2].endswith(ending)
    )


def event_classes(function: Callable[..., Any], label: str) -> tuple[type[SeamEvent], ...] | None:
    """Return the event classes that the first parameter is annotated with, if it is."""
    members = _annotated_with(function)
    strange = [member for member in members or () if not issubclass(member, SeamEvent)]
    if strange in ([object], [Any]):
        return None
    if strange:
        raise InvalidHandler(
            f"{label}: its event is annotated with {strange[0].__name__}, which is no event; "
            "annotate it with an event class of bellhop, or not at all"
        )
    return members


def check_annotation(function: Callable[..., Any], label: str, argument: Argument) -> None:
    """Raise `InvalidHandler` if what a hook takes is annotated with something else."""
    members = _annotated_with(function) or (argument.cls,)
    if not any(one in (object, Any) or issubclass(argument.cls, one) for one in members):
        raise InvalidHandler(
            f"{label}: what it takes is annotated with {members[0].__name__}, but it gets "
            f"{argument.a_noun}; annotate it with {argument.cls.__name__}, or not at all"
        )


def _annotated_with(function: Callable[..., Any]) -> tuple[type, ...] | None:
    """Return the classes that the first parameter is annotated with, if that is known."""
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
    return members if all(isinstance(member, type) for member in members) else None


def _globals_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the names that the annotations of a function, or of an object that is called, mean."""
    while isinstance(function, functools.partial):
        function = function.func
    written = inspect.unwrap(function if inspect.isroutine(function) else type(function).__call__)
    return getattr(written, "__globals__", {})
