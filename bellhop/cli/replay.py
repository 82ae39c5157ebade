"""`bellhop replay`: events on record, given to handlers again, or to new ones."""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from bellhop.cli.asking import about_options, asked, opened_record, time_options, type_argument
from bellhop.errors import BellhopError
from bellhop.events.masking import printable
from bellhop.handler_state import HandlerState
from bellhop.nearest import did_you_mean, nearest
from bellhop.settings import load_settings

if TYPE_CHECKING:
    from bellhop.ledger import Ledger, Record
    from bellhop.replaying import Planned, Progress


class NoSuchHandler(BellhopError):
    """No handler of that name is registered."""


class NobodyAtWork(BellhopError):
    """No worker runs that would handle what is replayed."""


@click.command()
@type_argument
@about_options
@time_options
@click.option("--handler", metavar="NAME", help="Only to that handler.")
@click.option(
    "--only-failed",
    is_flag=True,
    help="Only to handlers that gave the event up, or for which it was abandoned.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be replayed, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def replay(handler: str | None, only_failed: bool, dry_run: bool, yes: bool, **chosen: Any) -> None:
    """Give events on record to handlers again, or to those that are new.

    \b
    bellhop replay --handler hotel.doors.audit --since 7d
    bellhop replay "access_code.*" --only-failed
    bellhop replay "*"                                     all that is on record

    They go to the handlers that match them now, in order for each device, and beside live events;
    `context.replay` says so. Attempts are counted from the start. What a handler is yet to see, or
    to try again, is left alone.
    """
    if not (handler or only_failed or any(chosen.values())):
        raise click.UsageError('say which events: --type, --device, --since …; all of them: "*"')
    from bellhop.ledger import Ledger

    settings = load_settings()
    record = opened_record()
    planned = _planned(record, handler, only_failed, **chosen)
    if not planned:
        click.echo("Nothing to replay.")
        return
    _print_plan(planned)
    if dry_run:
        return
    _check_workers(record)
    if not yes:
        click.confirm(f"Replay {_count(len(planned), 'run')}?", abort=True)
    _replay(Ledger(record.redis, settings.retention, settings.vault), record, planned)


def _planned(
    record: "Record", handler: str | None, only_failed: bool, **chosen: Any
) -> "list[Planned]":
    from bellhop.environment import enter_handlers_environment
    from bellhop.loading import load_handlers
    from bellhop.replaying import plan
    from bellhop.routing import registry

    settings = load_settings()
    enter_handlers_environment()
    load_handlers(settings.handlers)
    names = [one.name for one in registry if not one.hook]
    if handler and handler not in names:
        hint = did_you_mean(nearest(handler, names), "`bellhop handlers` lists them")
        raise NoSuchHandler(f"there is no handler named {handler}; {hint}")
    found = record.all(asked(record, **chosen))
    return plan(found, registry, handler=handler, only_failed=only_failed)


def _print_plan(planned: "Sequence[Planned]") -> None:
    """Say how many events go to which handlers, and how many of them went there before."""
    new: Counter[tuple[str, str]] = Counter()
    again: Counter[tuple[str, str]] = Counter()
    for one in planned:
        (new if one.before is None else again)[one.handler, one.event_type] += 1
    for handler, event_type in sorted({*new, *again}):
        times = new[handler, event_type], again[handler, event_type]
        words = {(True, False): "for the first time", (False, True): "again"}
        both = f"{times[0]} for the first time"
        how = words.get((times[0] > 0, times[1] > 0), both)
        click.echo(f"{sum(times):>7}  {printable(handler)}  {printable(event_type)}  {how}")


def _check_workers(record: "Record") -> None:
    from bellhop.ledger import workers_alive

    if not workers_alive(record.redis):
        raise NobodyAtWork(
            "no worker is running that would handle them: start `bellhop up` or `bellhop worker`"
        )


def _replay(ledger: "Ledger", record: "Record", planned: "Sequence[Planned]") -> None:
    from bellhop.queue import enqueue_shifts
    from bellhop.replaying import Progress
    from bellhop.replaying import replay as replaying

    began = time.monotonic()
    progress = Progress(0, 0, 0)
    try:
        steps = replaying(
            ledger, planned, enqueue_shifts=lambda sets: enqueue_shifts(ledger.redis, sets)
        )
        for step in _shown(steps, len(planned)):
            progress = step
    except KeyboardInterrupt:
        click.echo(
            f"Stopped after {progress.handled:,} of {_count(len(planned), 'run')}; "
            "the few that are in mailboxes will be handled, too.",
            err=True,
        )
        sys.exit(130)
    seconds = time.monotonic() - began
    rate = progress.handled / max(seconds, 0.001)
    click.echo(f"{_count(progress.handled, 'run')} replayed in {seconds:.1f} s ({rate:,.0f}/s)")
    if progress.left_alone:
        click.echo(f"{progress.left_alone:,} left alone: somebody else had them handled meanwhile")
    if progress.held_up:
        click.echo(
            f"{progress.held_up:>7,}  wait for a handler that is paused, or that no worker has: "
            "bellhop handlers"
        )
    _print_outcomes(record, planned)


def _shown(steps: "Iterator[Progress]", total: int) -> "Iterator[Progress]":
    """Go through the steps with a bar, where a person looks."""
    if not sys.stderr.isatty():
        yield from steps
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    with Progress(
        TextColumn("replaying"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}/s"),
        Remaining(),
        console=Console(stderr=True),
    ) as bar:
        task, began = bar.add_task("", total=total, rate="0"), time.monotonic()
        for step in steps:
            done = step.handled + step.left_alone
            rate = step.handled / max(time.monotonic() - began, 0.001)
            bar.update(task, completed=done, rate=f"{rate:,.0f}")
            yield step


def _print_outcomes(record: "Record", planned: "Sequence[Planned]") -> None:
    from bellhop.replaying import outcomes

    states = outcomes(record.redis, planned)
    told = {
        HandlerState.RETRYING: "to be tried again: bellhop events --state retrying",
        HandlerState.WAITING: "wait behind others: bellhop events --state retrying",
        HandlerState.SKIPPED: "skipped: bellhop show EVENT_ID says why",
        HandlerState.DEAD: "given up: bellhop dead",
    }
    for state, words in told.items():
        if states[state]:
            click.echo(f"{states[state]:>7,}  {words}")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
