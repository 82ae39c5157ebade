"""`bellhop tail`: events as they arrive."""

import shutil
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from bellhop.cli.asking import (
    about_options,
    check_pattern,
    opened_record,
    type_argument,
    whole_if_known,
)
from bellhop.cli.eventlines import Lines, opened, row
from bellhop.cli.listing import listing, print_json
from bellhop.events.subjects import subjects_of
from bellhop.handler_state import HandlerState
from bellhop.logs import get_logger
from bellhop.patterns import Pattern

if TYPE_CHECKING:
    from bellhop.ledger import Record, Recorded

_WAIT = timedelta(seconds=1)
"""How long one look may take: less than a connection waits for an answer."""

_SHORT_WAIT = timedelta(seconds=0.2)
"""The same while there are events that handlers are at work on."""

_MOST_OPEN = 100
"""How many of those are looked at; the oldest are let go."""


@click.command()
@type_argument
@about_options
@listing
def tail(
    pattern: str | None, device: str | None, about: tuple[tuple[str, str], ...], as_json: bool
) -> None:
    """Show events as they arrive, and what becomes of them, until Ctrl-C.

    JSON is a line for each event, as it arrives. While Redis is away it waits; what arrived
    meanwhile comes then.
    """
    record = opened_record()
    check_pattern(record, pattern)
    chosen = (*([("device_id", device)] if device else []), *about)
    wanted = {f"{field} {whole_if_known(record, field, value)}" for field, value in chosen}
    lines = Lines(shutil.get_terminal_size().columns)
    open_events = _Open(lines)
    try:
        for arrived in _arriving(record, open_events):
            for event in arrived:
                if not _is_meant(event, pattern, wanted):
                    continue
                if as_json:
                    print_json([row(event)])
                else:
                    lines.print(event)
                    open_events.add(event)
    except KeyboardInterrupt:
        sys.exit(0)


class _Open:
    """Events that were shown and are not finished: what handlers do about them is told as well."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._told: dict[str, set[tuple[str, datetime | None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._told)

    def add(self, event: "Recorded") -> None:
        self._told[event.event_id] = set()
        while len(self._told) > _MOST_OPEN:
            del self._told[next(iter(self._told))]

    def tell(self, record: "Record") -> None:
        """Print each attempt that ended since the last call. Raises `RedisError`."""
        for event_id, told in list(self._told.items()):
            event = record.get(event_id)
            if event is None:
                del self._told[event_id]
                continue
            for handled in event.handled():
                skipped = handled.state == HandlerState.SKIPPED
                if not (skipped or handled.attempts):
                    continue
                last = (handled.handler, None if skipped else handled.attempts[-1].started_at)
                if last not in told:
                    told.add(last)
                    self._lines.print_outcome(handled, event)
            if event.state in ("done", "dead", "unhandled"):
                del self._told[event_id]


def _arriving(record: "Record", open_events: _Open) -> "Iterator[list[Recorded]]":
    """Yield what arrives, an empty list now and then, and tell what becomes of it."""
    from redis.exceptions import RedisError

    from bellhop.ledger import Arrivals
    from bellhop.outages import Outages, wait_out

    arrivals = Arrivals(record)
    outages = Outages(get_logger("redis"), "Redis is away; waiting for it")
    away = False

    def look() -> "list[Recorded]":
        nonlocal away
        try:
            if away:
                arrivals.begin_anew_if_emptied()
            new = arrivals.next(_SHORT_WAIT if open_events else _WAIT)
        except RedisError:
            away = True
            raise
        away = False
        return new

    while True:
        yield wait_out(look, outages)
        wait_out(lambda: open_events.tell(record), outages)


def _is_meant(event: "Recorded", pattern: str | None, wanted: set[str]) -> bool:
    if pattern and not Pattern(pattern).matches(event.event_type):
        return False
    if not wanted:
        return True
    read = opened(event)
    return read is not None and wanted <= set(subjects_of(read))
