"""`bellhop show`: one event, how it came, and what every handler did about it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from bellhop.cli.asking import NothingOnRecord, opened_record
from bellhop.cli.drift import in_words
from bellhop.cli.eventlines import content, duration, handled_row, opened, parsed, row
from bellhop.cli.ids import whole_id
from bellhop.cli.listing import json_text, listing, print_json
from bellhop.errors import BellhopError
from bellhop.events.masking import printable
from bellhop.handler_state import HandlerState
from bellhop.times import shown
from bellhop.tracebacks import without_libraries

if TYPE_CHECKING:
    from bellhop.ledger import Handled, Record, Recorded, Told


@click.command()
@click.argument("event_id")
@click.option("--traceback", "full", is_flag=True, help="With the frames of libraries.")
@listing
def show(event_id: str, full: bool, as_json: bool) -> None:
    """Show an event, how it came, and each handler's attempts.

    EVENT_ID may be its first characters. Secrets are masked. Times are in UTC, with the delay
    since the step before.
    """
    from bellhop.ledger import told_by_hooks

    record = opened_record()
    event = _found(record, event_id)
    told = told_by_hooks(record.redis, event.calls, event.vault)
    read = parsed(event)
    drift = [in_words(one) for one in read.drift] if read else []
    if as_json:
        hooks = [
            {"gave_up": one.handler, **handled_row(handled)}
            for one in told
            for handled in one.hooks
        ]
        print_json([{**row(event), "hooks": hooks, "drift": drift}])
        return
    _print_head(event)
    for line in _steps(event):
        click.echo(line)
    for handled in event.handled():
        print_handled(handled, event.received_at, full=full)
    print_told(told, full=full)
    if drift:
        click.secho("\ndrift", bold=True)
        for line in drift:
            click.echo(f"  {line}")
    click.secho("\nevent", bold=True)
    click.echo(json_text(content(event), indent=2))


def _found(record: "Record", event_id: str) -> "Recorded":
    def missing(hint: str) -> BellhopError:
        return NothingOnRecord(
            f"{event_id}: not found{hint}"
            if hint
            else f"{event_id}: not found; `bellhop events` lists what is on record, and "
            "`bellhop quarantine` what was no event"
        )

    if event := record.get(event_id):
        return event
    if event := record.get(whole_id(event_id, record.event_ids, missing)):
        return event
    raise missing("")


def _print_head(event: "Recorded") -> None:
    about = {
        "event": event.event_id,
        "type": event.event_type,
        "state": event.state,
        "mailbox": event.about.mailbox,
        "delivery": event.about.delivery_id,
    }
    for name, value in about.items():
        click.echo(f"{click.style(f'{name:<9}', bold=True)} {printable(value)}")
    click.echo()


def _steps(event: "Recorded") -> Iterator[str]:
    """Yield a line for each step that is known, with the delay since the one before."""
    seam_event, before = opened(event), None
    # To the second only: the delays around it are to be no more exact than that.
    steps: list[tuple[str, datetime | None, bool]] = [
        ("occurred", seam_event.occurred_at if seam_event else None, True),
        ("created", seam_event.created_at if seam_event else None, True),
        ("sent", event.sent_at, False),
        ("received", event.received_at, True),
    ]
    for name, time, exact in steps:
        if time is None:
            continue
        told = shown(time, exact=exact)
        late = "" if before is None else f"  + {duration(time - before)}"
        if not exact and before is not None and abs((time - before).total_seconds()) < 1:
            late = "  + less than 1 s"
        yield f"{click.style(f'{name:<9}', bold=True)} {told:<24}{late}"
        before = time if exact else before


def print_told(told: "Sequence[Told]", *, full: bool) -> None:
    """Print what hooks did about dead letters, or about a body in quarantine."""
    for one in told:
        about = f", called because {printable(one.handler)} gave up" if one.handler else ""
        for handled in one.hooks:
            print_handled(handled, one.called_at, about, full=full)


def print_handled(
    handled: "Handled", before: datetime, about: str = "", *, full: bool = False
) -> None:
    """Print each attempt, and what it ended with. `before`: when the handler could have begun."""
    click.echo(f"\n{click.style(printable(handled.handler), bold=True)}  {handled.state}{about}")
    for attempt in handled.attempts:
        late = duration(attempt.started_at - before)
        replay = "  in a replay" if attempt.replay else ""
        replay += "" if attempt.counts else "  not counted"
        click.echo(
            f"{attempt.number:>3}  started {shown(attempt.started_at, exact=True)}  + {late}, "
            f"took {duration(attempt.took)}{replay}"
        )
        if attempt.error:
            click.echo(f"     {printable(attempt.error)}")
        before = attempt.started_at + attempt.took
    if handled.error and handled.state == HandlerState.SKIPPED:
        click.echo(f"     {printable(handled.error)}")
    elif handled.error and "\n" in handled.error.strip():
        click.echo(printable_text(handled.error if full else without_libraries(handled.error)))


def printable_text(text: str) -> str:
    """Return an error of several lines, indented, in which a terminal finds no orders."""
    return "\n".join(f"     {printable(line)}" for line in text.strip().splitlines())
