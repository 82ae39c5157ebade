"""`bellhop handlers`: which handlers there are, and which run for an event."""

import sys

import click
from rich import box
from rich.console import Console
from rich.table import Table

from bellhop.errors import BellhopError
from bellhop.events import TYPES
from bellhop.handler import Handler
from bellhop.loading import load_handlers
from bellhop.routing import Registry, nearest, registry
from bellhop.settings import load_settings


class NothingMatches(BellhopError):
    """No handler runs for that event type."""


@click.command()
@click.option(
    "--match", "event_type", metavar="TYPE", help="Only those that run for a type, in order."
)
@click.option("--table/--plain", default=None, help="For a person, or for a pipe.  [by itself]")
@click.option("--color", is_flag=True, hidden=True)
def handlers(event_type: str | None, table: bool | None, color: bool) -> None:
    """List the handlers, in the order in which they run."""
    load_handlers(load_settings().handlers)
    shown = _matching(registry, event_type) if event_type else list(registry)
    if table is None:
        table = sys.stdout.isatty()
    if not table:
        for handler in shown:
            click.echo(f"{handler.name}\t{' '.join(handler.patterns)}")
        return
    if not shown:
        click.echo("No handlers yet: put a module with @on(…) functions into handlers/.")
        return
    Console(force_terminal=color or None).print(_table(shown, with_types=event_type is None))


def _matching(handlers: Registry, event_type: str) -> list[Handler]:
    found = handlers.match(event_type)
    unknown = ""
    if event_type not in TYPES:
        near = nearest(event_type)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        unknown = f"{event_type} is no known event type{hint}"
    if not found:
        raise NothingMatches(f"no handler runs for {event_type}" + (unknown and f": {unknown}"))
    if unknown:
        click.echo(f"bellhop: {unknown}", err=True)
    return list(found)


def _table(shown: list[Handler], *, with_types: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("handler", style="bold", overflow="fold")
    table.add_column("matches", overflow="fold")
    table.add_column("tries", justify="right")
    table.add_column("timeout", justify="right")
    table.add_column("")
    for handler in shown:
        matches = ", ".join(handler.patterns)
        if with_types:
            types = sum(handler in registry.match(name) for name in TYPES)
            matches += f" ({types} type{'' if types == 1 else 's'})"
        kind = "async" if handler.is_async else ""
        table.add_row(handler.name, matches, str(handler.attempts), f"{handler.timeout:g} s", kind)
    return table
