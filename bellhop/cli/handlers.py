"""`bellhop handlers`: which handlers there are, and which run for an event."""

from collections.abc import Iterator

import click
from rich.table import Table

from bellhop.cli.listing import listing, new_table, print_json, print_table
from bellhop.errors import BellhopError
from bellhop.events import TYPES
from bellhop.events.nearest import nearest
from bellhop.handler import Handler
from bellhop.loading import load_handlers
from bellhop.retries import as_wait
from bellhop.routing import Registry, registry
from bellhop.settings import load_settings

_PATTERNS_SHOWN = 3


class NothingMatches(BellhopError):
    """No handler runs for that event type."""


@click.command()
@click.option(
    "--match", "event_type", metavar="TYPE", help="Only those that run for a type, in order."
)
@listing
@click.option("--color", is_flag=True, hidden=True)
def handlers(event_type: str | None, as_json: bool, color: bool) -> None:
    """List the handlers, in the order in which they run."""
    load_handlers(load_settings().handlers)
    shown = _matching(registry, event_type) if event_type else list(registry)
    if as_json:
        print_json(map(_row, shown))
        return
    if not shown:
        click.echo("No handlers yet: put a module with @on(…) functions into handlers/.")
        return
    print_table(_table(shown, with_types=event_type is None), color=color)


def _row(handler: Handler) -> dict[str, object]:
    return {
        "handler": handler.name,
        "patterns": handler.patterns,
        "attempts": handler.attempts,
        "timeout": handler.timeout,
        "backoff": _backoff(handler),
        "no_retry": [error.__name__ for error in handler.no_retry],
        "in_order": handler.in_order,
        "async": handler.is_async,
    }


def _backoff(handler: Handler) -> object:
    """Return its own waits in seconds, or the name of the function that tells them, if any."""
    plan = handler.backoff
    if plan is None:
        return None
    if callable(plan):
        return getattr(plan, "__name__", "a function")
    return [as_wait(wait).total_seconds() for wait in plan]


def _asks_for(handler: Handler) -> Iterator[str]:
    if handler.is_async:
        yield "async"
    if handler.in_order:
        yield "in order"
    if isinstance(backoff := _backoff(handler), list):
        yield f"waits {', '.join(f'{wait:g}' for wait in backoff)} s"
    elif backoff:
        yield f"waits as {backoff} says"
    if handler.no_retry:
        yield f"no retry of {', '.join(error.__name__ for error in handler.no_retry)}"


def _matching(handlers: Registry, event_type: str) -> list[Handler]:
    found = handlers.match(event_type)
    unknown = ""
    if event_type not in TYPES:
        near = nearest(event_type, TYPES)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        unknown = f"{event_type} is no known event type{hint}"
    if not found:
        raise NothingMatches(f"no handler runs for {event_type}" + (unknown and f": {unknown}"))
    if unknown:
        click.echo(f"bellhop: {unknown}", err=True)
    return list(found)


def _table(shown: list[Handler], *, with_types: bool) -> Table:
    table = new_table("handler", "matches", "tries>", "timeout>", "")
    for handler in shown:
        matches = ", ".join(handler.patterns[:_PATTERNS_SHOWN])
        if len(handler.patterns) > _PATTERNS_SHOWN:
            matches += ", …"
        if with_types:
            types = sum(handler in registry.match(name) for name in TYPES)
            matches += f" ({types} type{'' if types == 1 else 's'})"
        table.add_row(
            handler.name,
            matches,
            str(handler.attempts),
            f"{handler.timeout:g} s",
            ", ".join(_asks_for(handler)),
        )
    return table
