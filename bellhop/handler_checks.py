"""What there is to say about the registered handlers: which types of event they leave out."""

from collections.abc import Collection, Iterator, Sequence

from bellhop.events import TYPES
from bellhop.finding import Finding, Level
from bellhop.handler import Handler
from bellhop.hooks import Hook
from bellhop.nearest import did_you_mean, nearest
from bellhop.patterns import Pattern, fits_any
from bellhop.routing import Registry

_NAMED = 3


def judge_handlers(registry: Registry) -> Iterator[Finding]:
    """Say what the registered handlers match."""
    handlers = [one for one in registry if not one.hook]
    if not handlers:
        yield Finding(
            Level.WARNING,
            "no handlers: every event is done with unhandled",
            "put a module with @on(…) functions into handlers/, or set BELLHOP_HANDLERS",
            check="handlers",
            count=0,
        )
        return
    nobody = [name for name in TYPES if not registry.match(name)]
    text = f"handlers: {len(handlers)}"
    if nobody:
        named = ", ".join(nobody[:_NAMED]) + (" …" if len(nobody) > _NAMED else "")
        text += f"; {len(nobody)} of {len(TYPES)} known types have none ({named})"
    yield Finding(
        Level.OK,
        text,
        check="handlers",
        count=len(handlers),
        measured={"types_without": nobody},
    )
    for hook in hooks_of_nobody(registry):
        yield _told_of_nobody(hook, told_of_nobody(hook, registry))
    for handler in handlers:
        if unknown := [
            pattern for pattern in handler.patterns if not Pattern(pattern).known_types()
        ]:
            yield _matches_nothing(handler, unknown)


def hooks_of_nobody(registry: Registry, elsewhere: Collection[str] = ()) -> list[Handler]:
    """Return the hooks of dead letters whose pattern fits the name of no handler.

    `elsewhere`: the names of handlers that other programs have. A program that has none itself is
    there for its hooks: then it is not known whom they are for, and none is returned.
    """
    names = [one.name for one in registry if not one.hook]
    if not names:
        return []
    return [
        hook
        for hook in registry
        if hook.hook is Hook.DEAD
        and not any(fits_any(hook.patterns, name) for name in (*names, *elsewhere))
    ]


def told_of_nobody(hook: Handler, registry: Registry) -> str:
    """Return a sentence about one of `hooks_of_nobody`, with the names that may be meant."""
    pattern = hook.patterns[0]
    names = [one.name for one in registry if not one.hook]
    hint = did_you_mean(nearest(pattern, names, patterns=True))
    if not hint and Pattern(pattern).known_types():
        hint = "@on_dead takes the names of handlers, and not types of events"
    return (
        f"{hook.name} is called about dead letters of {pattern}, and no handler here has such a "
        f"name{hint and f'; {hint}'}"
    )


def _told_of_nobody(hook: Handler, sentence: str) -> Finding:
    return Finding(
        Level.WARNING,
        sentence,
        "check the name, unless other workers have the handler: bellhop handlers",
        check="pattern",
        measured={"handler": hook.name, "patterns": list(hook.patterns)},
    )


def _matches_nothing(handler: Handler, patterns: Sequence[str]) -> Finding:
    return Finding(
        Level.WARNING,
        f"{handler.name} waits for {', '.join(patterns)}, which fits no known event type",
        "check the name: bellhop types",
        check="pattern",
        measured={"handler": handler.name, "patterns": list(patterns)},
    )
