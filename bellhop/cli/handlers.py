"""`bellhop handlers`: which handlers there are, and which run for an event."""

import click
from rich.table import Table

from bellhop.cli.listing import listing, new_table, print_json, print_table
from bellhop.errors import BellhopError
from bellhop.events import TYPES
from bellhop.events.nearest import nearest
from bellhop.handler import Handler
from bellhop.loading import load_handlers
from bellhop.routing import Registry, registry
from bellhop.settings import load_settings


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
        "async": handler.is_async,
    }


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
        matches = ", ".join(handler.patterns)
        if with_types:
            types = sum(handler in registry.match(name) for name in TYPES)
            matches += f" ({types} type{'' if types == 1 else 's'})"
        kind = "async" if handler.is_async else ""
        table.add_row(handler.name, matches, str(handler.attempts), f"{handler.timeout:g} s", kind)
    return table
