"""`bellhop tail`: events as they arrive."""

import shutil
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import click
import structlog

from bellhop.cli.asking import about_options, check_pattern, opened_record
from bellhop.cli.eventlines import Lines, opened, row
from bellhop.cli.listing import listing, print_json
from bellhop.events.subjects import subjects_of
from bellhop.routing import Pattern

if TYPE_CHECKING:
    from bellhop.ledger import Record, Recorded

_WAIT = timedelta(seconds=1)
"""How long one look may take: less than a connection waits for an answer."""


@click.command()
@click.argument("pattern", required=False)
@about_options
@listing
def tail(
    pattern: str | None, device: str | None, about: tuple[tuple[str, str], ...], as_json: bool
) -> None:
    """Show events as they arrive, until Ctrl-C.

    While Redis is away it waits; what arrived meanwhile comes then.
    """
    record = opened_record()
    check_pattern(record, pattern)
    wanted = {f"{field} {value}" for field, value in about}
    if device:
        wanted.add(f"device_id {device}")
    lines = Lines(shutil.get_terminal_size().columns)
    try:
        for event in _arriving(record):
            if not _is_meant(event, pattern, wanted):
                continue
            if as_json:
                print_json([row(event)])
            else:
                lines.print(event)
    except KeyboardInterrupt:
        sys.exit(0)


def _arriving(record: "Record") -> "Iterator[Recorded]":
    from redis.exceptions import RedisError

    from bellhop.ledger import Arrivals
    from bellhop.outages import Outages, wait_out

    arrivals = Arrivals(record)
    outages = Outages(structlog.get_logger("redis"), "Redis is away; waiting for it")
    away = False

    def look() -> "list[Recorded]":
        nonlocal away
        try:
            if away:
                arrivals.begin_anew_if_emptied()
            new = arrivals.next(_WAIT)
        except RedisError:
            away = True
            raise
        away = False
        return new

    while True:
        yield from wait_out(look, outages)


def _is_meant(event: "Recorded", pattern: str | None, wanted: set[str]) -> bool:
    if pattern and not Pattern(pattern).matches(event.event_type):
        return False
    if not wanted:
        return True
    read = opened(event)
    return read is not None and wanted <= set(subjects_of(read))
