"""How listings look: a table for a person, JSON lines for a pipe."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import click

from bellhop.cli.output import stdout
from bellhop.times import span, written

F = TypeVar("F", bound=Callable[..., Any])


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
    """Print each row as a JSON object on a line of its own; times are in UTC."""
    for row in rows:
        click.echo(_encodable(json_text(row)), file=stdout())


def json_text(value: object, indent: int | None = None) -> str:
    """Return a value as JSON in which everything that a terminal should not get is escaped."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=_as_text)
    return "".join(
        char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text
    )


def _encodable(text: str) -> str:
    """Return JSON in which characters that stdout cannot encode are escaped."""
    try:
        text.encode(stdout().encoding)
    except UnicodeEncodeError:
        return "".join(char if char.isascii() else json.dumps(char)[1:-1] for char in text)
    return text


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return written(value)
    return str(value)


def ago(time: datetime, now: datetime) -> str:
    """Return how long ago something was, short enough for a column: `3 min`, `2 d`."""
    return span(now - time)
