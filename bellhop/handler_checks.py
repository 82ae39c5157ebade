"""What there is to say about the registered handlers: which types of event they leave out."""

from collections.abc import Iterator, Sequence

from bellhop.events import TYPES
from bellhop.finding import Finding, Level
from bellhop.handler import Handler
from bellhop.routing import Pattern, Registry

_NAMED = 3


def judge_handlers(registry: Registry) -> Iterator[Finding]:
    """Say what the registered handlers match."""
    if not len(registry):
        yield Finding(
            Level.WARNING,
            "no handlers: every event is done with unhandled",
            "put a module with @on(…) functions into handlers/, or set BELLHOP_HANDLERS",
            check="handlers",
            count=0,
        )
        return
    nobody = [name for name in TYPES if not registry.match(name)]
    text = f"handlers: {len(registry)}"
    if nobody:
        named = ", ".join(nobody[:_NAMED]) + (" …" if len(nobody) > _NAMED else "")
        text += f"; {len(nobody)} of {len(TYPES)} known types have none ({named})"
    yield Finding(
        Level.OK,
        text,
        check="handlers",
        count=len(registry),
        measured={"types_without": nobody},
    )
    for handler in registry:
        if unknown := [pattern for pattern in handler.patterns if not _fits_any(pattern)]:
            yield _matches_nothing(handler, unknown)


def _fits_any(pattern: str) -> bool:
    return bool(Pattern(pattern).known_types())


def _matches_nothing(handler: Handler, patterns: Sequence[str]) -> Finding:
    return Finding(
        Level.WARNING,
        f"{handler.name} waits for {', '.join(patterns)}, which fits no known event type",
        "check the name: bellhop types",
        check="pattern",
        measured={"handler": handler.name, "patterns": list(patterns)},
    )
