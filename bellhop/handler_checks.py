"""What there is to say about the registered handlers: which types of event they leave out."""

from collections.abc import Iterator, Sequence

from bellhop.events import TYPES
from bellhop.finding import Finding, Level
from bellhop.handler import Handler
from bellhop.hooks import Hook
from bellhop.routing import Pattern, Registry

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
    for hook in registry:
        if hook.hook is Hook.DEAD and not any(_fits(hook, one) for one in handlers):
            yield _told_of_nobody(hook)
    for handler in handlers:
        if unknown := [pattern for pattern in handler.patterns if not _fits_any(pattern)]:
            yield _matches_nothing(handler, unknown)


def _fits_any(pattern: str) -> bool:
    return bool(Pattern(pattern).known_types())


def _fits(hook: Handler, handler: Handler) -> bool:
    return any(Pattern(pattern).matches(handler.name) for pattern in hook.patterns)


def _told_of_nobody(hook: Handler) -> Finding:
    return Finding(
        Level.WARNING,
        f"{hook.name} waits for dead letters of {hook.patterns[0]}, as no handler here is called",
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
