"""`bellhop dead`: what handlers gave up, to be looked at, tried again, or dropped."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from bellhop.cli.dead_filter import Filter, NoDeadLetter, filter_options, with_whole_ids
from bellhop.cli.listing import ago, listing, print_json
from bellhop.cli.state import opened_redis
from bellhop.errors import BellhopError
from bellhop.events import masked, parse
from bellhop.events.masking import printable
from bellhop.hooks import shown_id
from bellhop.settings import load_settings
from bellhop.times import shown
from bellhop.tracebacks import without_libraries
from bellhop.vault import Kind

if TYPE_CHECKING:
    from bellhop.ledger import DeadLetter, DeadLetters, Resolution

_AT_A_TIME = 200


@click.group(invoke_without_command=True)
@filter_options
@click.option("--limit", type=click.IntRange(1), help="At most.")
@listing
@click.pass_context
def dead(context: click.Context, /, limit: int | None, as_json: bool, **chosen: Any) -> None:
    """List, retry or drop dead letters: events that a handler gave up.

    Without a command it lists them, the newest first. They stay until you retry or drop them.
    """
    if context.invoked_subcommand:
        if limit or any(chosen.values()):
            raise click.UsageError(
                "options that choose come after the command: dead retry --type …"
            )
        return
    dead_letters = _open()
    filter_ = with_whole_ids(Filter(**chosen), dead_letters)
    letters = islice(_letters(dead_letters, filter_), limit)
    if as_json:
        print_json(map(_row, letters))
        return
    now, width = datetime.now(UTC), shutil.get_terminal_size().columns
    found = False
    for letter in letters:
        found = True
        _print_short(letter, now, width)
    if not found:
        _print_none(filter_)


def _print_none(chosen: Filter) -> None:
    click.echo("No such dead letters." if chosen else "No dead letters.")


def _print_short(letter: "DeadLetter", now: datetime, width: int) -> None:
    when = f"{ago(letter.died_at, now)} ago"
    click.echo(
        f"{click.style(printable(shown_id(letter.event_id)), bold=True)}  {_what(letter)}  {when}"
    )
    attempts = f"{letter.attempts} attempt{'' if letter.attempts == 1 else 's'}"
    if letter.uncounted:
        attempts += f", {letter.uncounted} that did not count"
    line = f"    {letter.handler}, {attempts}: {printable(letter.summary)}"
    click.echo(line if len(line) <= width else f"{line[: width - 1]}…")


@dead.command()
@click.argument("event_id")
@click.option("--handler", metavar="NAME", help="Only that of a handler.")
@click.option("--traceback", "full", is_flag=True, help="With the frames of libraries.")
@listing
def show(event_id: str, handler: str | None, full: bool, as_json: bool) -> None:
    """Show each attempt, the last error and the event.

    Secrets are masked.
    """
    dead_letters = _open()
    letters = list(
        _letters(dead_letters, with_whole_ids(Filter((event_id,), None, handler), dead_letters))
    )
    if not letters:
        raise NoDeadLetter(f"{event_id} is no dead letter of {handler}")
    if as_json:
        print_json(
            {**_row(one), **one.record.for_people(), "event": _event(one)} for one in letters
        )
        return
    for letter in letters:
        _show(letter, full=full)
    if letters[0].call is None:
        click.echo(click.style("\nevent", bold=True))
        click.echo(json.dumps(_event(letters[0]), indent=2, ensure_ascii=False))


def _show(letter: "DeadLetter", *, full: bool) -> None:
    about = {
        "event": f"{shown_id(letter.event_id)}  {_what(letter)}",
        "mailbox": letter.mailbox,
        "handler": letter.handler,
        "gave up": shown(letter.died_at),
    }
    for name, value in about.items():
        click.echo(f"{click.style(f'{name:<8}', bold=True)} {value}")
    click.echo(click.style("\nattempts", bold=True))
    for attempt in letter.handled.attempts:
        took = attempt.took.total_seconds() * 1000
        uncounted = "" if attempt.counts else "not counted: "
        click.echo(
            f"{attempt.number:>4}  {shown(attempt.started_at)}  {took:>9,.1f} ms  "
            f"{uncounted}{attempt.error or ''}"
        )
    click.echo(click.style("\nlast error", bold=True))
    click.echo((letter.error if full else without_libraries(letter.error)).rstrip())


@dead.command()
@click.argument("event_ids", nargs=-1)
@filter_options
@click.option("--all", "every", is_flag=True, help="All of them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def retry(event_ids: tuple[str, ...], every: bool, yes: bool, **chosen: Any) -> None:
    """Give the events to their handlers again.

    Each handler may make as many attempts as at first; their numbers go on.
    """
    _resolve(Filter(event_ids, **chosen), every, yes, "try again", lambda one: one.tried_again())


@dead.command()
@click.argument("event_ids", nargs=-1)
@filter_options
@click.option("--all", "every", is_flag=True, help="All of them.")
@click.option("--reason", required=True, help="Why; it is kept on record.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(event_ids: tuple[str, ...], every: bool, reason: str, yes: bool, **chosen: Any) -> None:
    """Close dead letters without another attempt.

    The events stay on record as long as others do, with your reason.
    """
    _resolve(Filter(event_ids, **chosen), every, yes, "drop", lambda one: one.dropped(reason))


def _resolve(
    chosen: Filter,
    every: bool,
    yes: bool,
    what: str,
    resolution: "Callable[[DeadLetter], Resolution]",
) -> None:
    if every and chosen:
        raise click.UsageError("--all is all of them: give it alone")
    if not every and not chosen:
        raise click.UsageError("give ids of events, --type, --handler or --device; or --all")
    from bellhop.ledger import Ledger
    from bellhop.queue import enqueue_shifts

    dead_letters = _open()
    chosen = with_whole_ids(chosen, dead_letters)
    letters = list(_letters(dead_letters, chosen))
    for (handler, event_type), count in sorted(_counted(letters).items()):
        click.echo(f"{count:>6}  {handler}  {event_type}")
    if not letters:
        _print_none(chosen)
        return
    if not yes:
        noun = "dead letter" if len(letters) == 1 else "dead letters"
        click.confirm(f"{what.capitalize()} {len(letters)} {noun}?", abort=True)
    ledger = Ledger(dead_letters.redis, load_settings().retention)
    done = 0
    letters.sort(key=lambda letter: letter.order)  # as their events came
    for start in range(0, len(letters), _AT_A_TIME):
        resolved = ledger.resolve([resolution(one) for one in letters[start:][:_AT_A_TIME]])
        done += sum(resolved.done)
        enqueue_shifts(ledger.redis, resolved.wake)
    # By somebody else; or by us, if the answer was lost and the call repeated.
    others = f", {len(letters) - done} not dead any more" if done < len(letters) else ""
    click.echo(f"{done} {'dropped' if what == 'drop' else 'tried again'}{others}")


def _counted(letters: "list[DeadLetter]") -> "Counter[tuple[str, str]]":
    return Counter(
        (letter.handler, letter.event_type if letter.call is None else "calls of a hook")
        for letter in letters
    )


def _what(letter: "DeadLetter") -> str:
    """Return the type of the event; if a hook gave up, what it was called about."""
    if letter.call is None:
        return printable(letter.event_type)
    about = _called_about(letter.call)
    if "event_id" in about:
        return printable(f"called about {about['event_id']}, which {about['handler']} gave up")
    return printable(f"called about {about['delivery_id']} in quarantine")


def _called_about(call: bytes) -> "Mapping[str, str]":
    from bellhop.ledger.hook_calls import about

    return about(call)


def _open() -> "DeadLetters":
    from bellhop.ledger import DeadLetters

    settings = load_settings()
    return DeadLetters(opened_redis(settings), settings.vault)


def _letters(dead_letters: "DeadLetters", chosen: Filter) -> "Iterator[DeadLetter]":
    return filter(chosen.fits, dead_letters)


def _row(letter: "DeadLetter") -> dict[str, object]:
    return {
        "event_id": shown_id(letter.event_id),
        "event_type": letter.event_type,
        "mailbox": letter.mailbox,
        "handler": letter.handler,
        "tries": letter.attempts,
        "died_at": letter.died_at,
        "error": letter.summary,
        **({} if letter.call is None else {"called_about": _called_about(letter.call)}),
    }


def _event(letter: "DeadLetter") -> object:
    body = letter.body
    if body is None:
        return None
    try:
        return masked(parse(letter.vault.open(body, Kind.EVENT, letter.event_id)).event)
    except BellhopError as error:
        return f"cannot be read any more: {error}"
