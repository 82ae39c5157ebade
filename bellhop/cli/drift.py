"""`bellhop drift`: where events differ from Seam's schema."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final

import click

from bellhop.cli.listing import ago, listing, print_json
from bellhop.cli.state import opened_redis
from bellhop.events import Drift, DriftKind
from bellhop.events.masking import printable
from bellhop.settings import load_settings

if TYPE_CHECKING:
    from bellhop.ledger import SeenDrift

_WORDS: Final[dict[DriftKind, str]] = {
    "missing_field": "is missing",
    "unexpected_null": "is null",
    "unknown_field": "is new",
    "unknown_type": "is unknown",
    "unknown_value": "has a new value",
    "unreadable_time": "is no time that can be read",
}
_WIDE: Final = 70
"""Characters beside the field from which on both times are told."""
_LEAST_EXAMPLE: Final = 12


@click.command()
@click.option("--forget", is_flag=True, help="Forget it all; what comes again is reported again.")
@listing
def drift(forget: bool, as_json: bool) -> None:
    """Report where events differ from Seam's schema.

    Such events are accepted and handled all the same. The report says what Seam changed since this
    version of Bellhop, or never did as its schema says.
    """
    from bellhop.ledger import DriftReport

    report = DriftReport(opened_redis(load_settings()))
    if forget:
        click.echo(f"forgot {report.forget()}", err=True)
        return
    seen = report.read()
    if as_json:
        print_json(
            {
                "event_type": one.drift.event_type,
                "field": one.drift.field,
                "kind": one.drift.kind,
                "count": one.count,
                "first_seen": one.first_seen,
                "last_seen": one.last_seen,
                "example": one.drift.example,
            }
            for one in seen
        )
        return
    if not seen:
        click.echo("No drift: every event so far was as Seam's schema says.")
        return
    _print_pages(seen, datetime.now(UTC))


def _print_pages(seen: Sequence["SeenDrift"], now: datetime) -> None:
    """Print the differences by type of event, each on a line if the terminal is wide enough."""
    width = shutil.get_terminal_size().columns
    longest = max(len(printable(one.drift.field)) for one in seen)
    # As click's own lists: two spaces before and behind the first column.
    column = min(longest, max(20, width // 3)) + 4
    for event_type, group in groupby(seen, lambda one: one.drift.event_type):
        page = click.HelpFormatter(width=width)
        with page.section(printable(event_type)):
            rows = [
                (
                    click.style(printable(one.drift.field), bold=True),
                    _line(one, now, width - column),
                )
                for one in group
            ]
            page.write_dl(rows, col_max=column - 4)
        click.echo(page.getvalue())


def _line(one: "SeenDrift", now: datetime, width: int) -> str:
    """Return kind, count, times and example, which is cut to what is left of the width."""
    first, last = ago(one.first_seen, now), ago(one.last_seen, now)
    events = f"{one.count:,} event{'s' if one.count > 1 else ''}"
    since = f"{first} to {last} ago" if width > _WIDE and first != last else f"{last} ago"
    line = f"{_WORDS[one.drift.kind]}, {events}, {since}"
    if one.drift.example is None or one.drift.kind in ("unexpected_null", "unknown_type"):
        return line
    example = printable(one.drift.example)
    room = max(_LEAST_EXAMPLE, width - len(line) - 2)
    return f"{line}: {example if len(example) <= room else f'{example[: room - 1]}…'}"


def in_words(drift: Drift) -> str:
    """Return a difference in a line."""
    example = "" if drift.example is None else f": {drift.example}"
    return printable(f"{drift.event_type}, {drift.field} {_WORDS[drift.kind]}{example}")
