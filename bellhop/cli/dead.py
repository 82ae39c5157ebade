"""`bellhop dead`: what handlers gave up, to be looked at, tried again, or dropped."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bellhop.cli.ids import whole_id
from bellhop.cli.listing import ago, listing, print_json
from bellhop.cli.state import opened_redis
from bellhop.errors import BellhopError
from bellhop.events import masked, parse
from bellhop.events.masking import printable
from bellhop.events.nearest import nearest
from bellhop.routing import Pattern
from bellhop.settings import load_settings
from bellhop.times import shown
from bellhop.tracebacks import without_libraries
from bellhop.vault import Kind

if TYPE_CHECKING:
    from bellhop.ledger import DeadLetter, DeadLetters, Resolution

F = TypeVar("F", bound=Callable[..., Any])

_AT_A_TIME = 200


class NoDeadLetter(BellhopError):
    """There is no such dead letter, or none of such a handler."""


@dataclass(frozen=True, slots=True)
class _Filter:
    """Which dead letters are meant: those of all that is given."""

    event_ids: tuple[str, ...] = ()
    pattern: str | None = None
    handler: str | None = None
    device: str | None = None

    def __bool__(self) -> bool:
        return bool(self.event_ids or self.pattern or self.handler or self.device)

    def fits(self, letter: "DeadLetter") -> bool:
        return (
            (not self.event_ids or letter.event_id in self.event_ids)
            and (self.pattern is None or Pattern(self.pattern).matches(letter.event_type))
            and self.handler in (None, letter.handler)
            and (self.device is None or letter.mailbox == f"device:{self.device}")
        )


def _filtered(command: F) -> F:
    """Give a command the options that choose dead letters."""
    for option in (
        click.option("--device", metavar="ID", help="Only those of a device."),
        click.option("--handler", metavar="NAME", help="Only those of a handler."),
        click.option("--type", "pattern", metavar="TYPE", help='Such as "lock.*".'),
    ):
        command = option(command)
    return command


@click.group(invoke_without_command=True)
@_filtered
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
    filter_ = _whole(_Filter(**chosen), dead_letters)
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


def _print_none(chosen: _Filter) -> None:
    click.echo("No such dead letters." if chosen else "No dead letters.")


def _print_short(letter: "DeadLetter", now: datetime, width: int) -> None:
    when = f"{ago(letter.died_at, now)} ago"
    click.echo(
        f"{click.style(printable(letter.event_id), bold=True)}  "
        f"{printable(letter.event_type)}  {when}"
    )
    attempts = f"{letter.attempts} attempt{'' if letter.attempts == 1 else 's'}"
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
        _letters(dead_letters, _whole(_Filter((event_id,), None, handler), dead_letters))
    )
    if not letters:
        raise NoDeadLetter(f"{event_id} is no dead letter of {handler}; `bellhop dead` lists them")
    if as_json:
        print_json({**_row(one), **one.record, "event": _event(one)} for one in letters)
        return
    for letter in letters:
        _show(letter, full=full)
    click.echo(click.style("\nevent", bold=True))
    click.echo(json.dumps(_event(letters[0]), indent=2, ensure_ascii=False))


def _show(letter: "DeadLetter", *, full: bool) -> None:
    about = {
        "event": f"{letter.event_id}  {letter.event_type}",
        "mailbox": letter.mailbox,
        "handler": letter.handler,
        "gave up": shown(letter.died_at),
    }
    for name, value in about.items():
        click.echo(f"{click.style(f'{name:<8}', bold=True)} {value}")
    click.echo(click.style("\nattempts", bold=True))
    earlier = int(letter.record.get("earlier", 0))
    attempts = letter.record.get("attempts", ())
    for number, (started, took, error, *_) in enumerate(attempts, earlier + 1):
        time = shown(datetime.fromtimestamp(started / 1000, UTC))
        click.echo(f"{number:>4}  {time}  {took:>9,.1f} ms  {error or ''}")
    click.echo(click.style("\nlast error", bold=True))
    click.echo((letter.error if full else without_libraries(letter.error)).rstrip())


@dead.command()
@click.argument("event_ids", nargs=-1)
@_filtered
@click.option("--all", "every", is_flag=True, help="All of them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def retry(event_ids: tuple[str, ...], every: bool, yes: bool, **chosen: Any) -> None:
    """Give the events to their handlers again.

    Each handler may make as many attempts as at first; their numbers go on.
    """
    _resolve(_Filter(event_ids, **chosen), every, yes, "try again", lambda one: one.tried_again())


@dead.command()
@click.argument("event_ids", nargs=-1)
@_filtered
@click.option("--all", "every", is_flag=True, help="All of them.")
@click.option("--reason", required=True, help="Why; it is kept on record.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(event_ids: tuple[str, ...], every: bool, reason: str, yes: bool, **chosen: Any) -> None:
    """Close dead letters without another attempt.

    The events stay on record as long as others do, with your reason.
    """
    _resolve(_Filter(event_ids, **chosen), every, yes, "drop", lambda one: one.dropped(reason))


def _resolve(
    chosen: _Filter,
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
    from bellhop.queue import enqueue_shift

    dead_letters = _open()
    chosen = _whole(chosen, dead_letters)
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
        if resolved.wants_shift:
            enqueue_shift(ledger.redis)
    # By somebody else; or by us, if the answer was lost and the call repeated.
    others = f", {len(letters) - done} not dead any more" if done < len(letters) else ""
    click.echo(f"{done} {'dropped' if what == 'drop' else 'tried again'}{others}")


def _counted(letters: "list[DeadLetter]") -> "Counter[tuple[str, str]]":
    return Counter((letter.handler, letter.event_type) for letter in letters)


def _open() -> "DeadLetters":
    from bellhop.ledger import DeadLetters

    settings = load_settings()
    return DeadLetters(opened_redis(settings), settings.vault)


def _letters(dead_letters: "DeadLetters", chosen: _Filter) -> "Iterator[DeadLetter]":
    return filter(chosen.fits, dead_letters)


def _whole(chosen: _Filter, dead_letters: "DeadLetters") -> _Filter:
    """Return the filter with whole ids, of which first characters may be given.

    Raises `NoDeadLetter` if an event has none, and `AmbiguousId`. A handler or a device without
    dead letters is good news; but it is told if the name of another that has some is like it.
    """
    if not (chosen.event_ids or chosen.device or chosen.handler):
        return chosen
    events, devices, handlers = set(), set(), set()
    for letter in dead_letters:
        events.add(letter.event_id)
        handlers.add(letter.handler)
        kind, _, owner = letter.mailbox.partition(":")
        if kind == "device":
            devices.add(owner)

    def whole(given: str, known: set[str]) -> str:
        def beginning(start: str) -> list[str]:
            return [one for one in known if one.startswith(start)]

        def missing(hint: str) -> BellhopError:
            return NoDeadLetter(
                f"{given}: no such dead letter{hint or '; `bellhop dead` lists them'}"
            )

        return whole_id(given, beginning, missing)

    near = nearest(chosen.handler or "", handlers)
    if near and chosen.handler not in handlers:
        _tell(f"no dead letter of {chosen.handler}; did you mean {' or '.join(near)}?")
    device = chosen.device
    if device:
        try:
            device = whole(device, devices)
        except NoDeadLetter as error:
            if "did you mean" in str(error):
                _tell(str(error))
    return replace(
        chosen, event_ids=tuple(whole(one, events) for one in chosen.event_ids), device=device
    )


def _tell(hint: str) -> None:
    click.echo(f"bellhop: {hint}", err=True)


def _row(letter: "DeadLetter") -> dict[str, object]:
    return {
        "event_id": letter.event_id,
        "event_type": letter.event_type,
        "mailbox": letter.mailbox,
        "handler": letter.handler,
        "tries": letter.attempts,
        "died_at": letter.died_at,
        "error": letter.summary,
    }


def _event(letter: "DeadLetter") -> object:
    body = letter.body
    if body is None:
        return None
    try:
        return masked(parse(letter.vault.open(body, Kind.EVENT, letter.event_id)).event)
    except BellhopError as error:
        return f"cannot be read any more: {error}"
