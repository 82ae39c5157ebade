"""`bellhop events` and `bellhop device`: what happened, and what was done about it."""

import shutil
from typing import Any

import click

from bellhop.cli.asking import about_options, asked, opened_record, time_options, type_argument
from bellhop.cli.eventlines import Lines, row
from bellhop.cli.listing import listing, print_json

_STATES = ("accepted", "done", "retrying", "dead", "unhandled", "abandoned")


@click.command()
@type_argument
@about_options
@time_options
@click.option("--state", "states", type=click.Choice(_STATES), multiple=True, help="Only those.")
@click.option("--limit", type=click.IntRange(1), default=50, help="At most.  [50]")
@listing
def events(limit: int, as_json: bool, **chosen: Any) -> None:
    """List events on record, the newest first.

    \b
    bellhop events "access_code.*" --since 2h
    bellhop events --device ID --state dead
    bellhop events --about access_code_id=ID --json

    Times are in UTC. `bellhop show EVENT_ID` tells all about one.
    """
    record = opened_record()
    page = record.first(asked(record, **chosen), limit)
    if as_json:
        print_json(map(row, page.events))
    elif not page.events:
        click.echo("No events.")
    else:
        lines = Lines(shutil.get_terminal_size().columns)
        for event in page.events:
            lines.print(event)
    if page.next:
        click.echo(f"These are the newest {limit}; --limit shows more.", err=True)


@click.command()
@click.argument("device_id")
@time_options
@click.option("--limit", type=click.IntRange(1), default=50, help="At most.  [50]")
@listing
def device(device_id: str, limit: int, as_json: bool, **times: Any) -> None:
    """Tell what happened at a device, and what handlers did about it, the newest last.

    Times are in UTC.
    """
    record = opened_record()
    page = record.first(asked(record, None, device_id, **times), limit)
    if page.next:
        click.echo(f"These are the newest {limit}; --limit shows more.", err=True)
    if as_json:
        print_json(map(row, reversed(page.events)))
        return
    if not page.events:
        click.echo("No events.")
    lines = Lines(shutil.get_terminal_size().columns)
    for event in reversed(page.events):
        lines.print(event, with_handlers=True)
