"""How listings look: a table for a person, JSON lines for a pipe."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import click
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

from bellhop.events.masking import printable

F = TypeVar("F", bound=Callable[..., Any])

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def listing(command: F) -> F:
    """Give a command `--json/--table`, which it takes as `as_json`.

    A table where a person looks, JSON lines elsewhere, unless one is asked for.
    """
    return click.option(
        "--json/--table",
        "as_json",
        default=lambda: not sys.stdout.isatty(),
        help="JSON lines, or a table.  [a table on a terminal]",
    )(command)


def print_json(rows: Iterable[Mapping[str, object]]) -> None:
    """Print each row as a JSON object on a line of its own; times become ISO 8601."""
    for row in rows:
        click.echo(json_text(row))


def json_text(value: object, indent: int | None = None) -> str:
    """Return a value as JSON in which everything that a terminal should not get is escaped."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=_as_text)
    return "".join(
        char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text
    )


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


class _Printable(Table):
    """A table of which no cell can hold what a terminal takes for an order."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        super().add_row(*(printable(c) if isinstance(c, str) else c for c in cells), **options)


def new_table(*columns: str) -> Table:
    """Return an empty table; a column whose name ends with `>` holds numbers."""
    table = _Printable(box=box.SIMPLE_HEAD, pad_edge=False, highlight=False)
    for index, column in enumerate(columns):
        table.add_column(
            column.removesuffix(">"),
            justify="right" if column.endswith(">") else "left",
            style="bold" if index == 0 else "",
            overflow="fold",
            no_wrap=index == 0,  # what one copies stays whole
        )
    return table


def print_table(table: Table, *, color: bool = False) -> None:
    """Print a table as wide as the terminal, in `color` even if it is none."""
    # What comes from outside, or looks like list[str], is no markup.
    Console(force_terminal=color or None, highlight=False, markup=False).print(table)


def ago(time: datetime, now: datetime) -> str:
    """Return how long ago something was, short enough for a column: `3 min`, `2 d`."""
    seconds = max(0, int((now - time).total_seconds()))
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
