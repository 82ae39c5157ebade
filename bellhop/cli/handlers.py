"""`bellhop handlers`: which handlers there are, which run for an event, and what waits for them."""

import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

import click

from bellhop.cli.listing import listing, print_json
from bellhop.cli.moves import forget, move, pause, resume
from bellhop.cli.output import keep_stdout
from bellhop.cli.subscribed import KnownHandler, read_known
from bellhop.conditions import name_of
from bellhop.environment import enter_handlers_environment
from bellhop.errors import BellhopError
from bellhop.events import TYPES
from bellhop.events.masking import printable
from bellhop.handler import Handler
from bellhop.handler_checks import hooks_of_nobody, told_of_nobody
from bellhop.hooks import Hook
from bellhop.lifespans import Lifespan
from bellhop.loading import load_handlers, passed_over_handlers
from bellhop.nearest import did_you_mean, nearest
from bellhop.patterns import fits_any
from bellhop.retries import as_wait
from bellhop.routing import Registry, registry
from bellhop.setting_values import written_duration
from bellhop.settings import load_settings

_INDENT = "    "
_PATTERNS_SHOWN = 5


class NothingMatches(BellhopError):
    """No handler runs for that event type."""


@click.group(invoke_without_command=True)
@click.option("--type", "event_type", metavar="TYPE", help="Only those that run for a type.")
@listing
@click.option("--color", is_flag=True, hidden=True)
@click.option("--here", is_flag=True, hidden=True)
@click.pass_context
def handlers(
    context: click.Context, event_type: str | None, as_json: bool, color: bool, here: bool
) -> None:
    """List the handlers, who has them and what waits for them; pause, move or forget one.

    Without a command it lists those of this directory, with the lifespan of workers, and, if Redis
    can be reached, those that any worker has or had.
    """
    if context.invoked_subcommand:
        if event_type:
            raise click.UsageError("--type chooses what is listed: give it without a command")
        return
    if as_json:
        keep_stdout()
    settings = load_settings()
    enter_handlers_environment()
    load_handlers(settings.handlers)
    for sentence in passed_over_handlers(settings.handlers):
        click.echo(f"bellhop: {sentence}", err=True)
    known = None if here else read_known(settings)
    if not here:  # the workers that `bellhop up` starts tell it themselves
        for hook in hooks_of_nobody(registry, known or {}):
            click.echo(f"bellhop: {told_of_nobody(hook, registry)}", err=True)
    elsewhere = _elsewhere(known or {}, event_type)
    shown = _matching(registry, event_type, elsewhere) if event_type else list(registry)
    lifespan = None if event_type else registry.registered_lifespan
    if as_json:
        print_json(_rows(shown, known))
        print_json({"handler": name, **_known_row(known, name)} for name in elsewhere)
        print_json([_row_of_lifespan(lifespan)] if lifespan else [])
        return
    if lifespan:
        name = click.style(lifespan.name, bold=True)
        click.echo(f"{name}  {', '.join(_says_of(lifespan))}", color=color or None)
    if not shown and not elsewhere:
        click.echo("No handlers yet: put a module with @on(…) functions into handlers/.")
        return
    if shown:
        _print_lines(shown, known, with_types=event_type is None, color=color)
    for name, one in elsewhere.items():
        _print_known(name, one, color=color)


handlers.add_command(pause)
handlers.add_command(resume)
handlers.add_command(move)
handlers.add_command(forget)


def _elsewhere(
    known: Mapping[str, KnownHandler], event_type: str | None
) -> dict[str, KnownHandler]:
    """Return the handlers that are subscribed, but not registered here, by name."""
    return {
        name: one
        for name, one in known.items()
        if registry.get(name) is None
        and (event_type is None or fits_any(one.subscribed.patterns, event_type))
    }


def _rows(
    shown: Iterable[Handler], known: Mapping[str, KnownHandler] | None
) -> Iterator[dict[str, object]]:
    for handler in shown:
        yield _row(handler) | _known_row(known, handler.name)


def _known_row(known: Mapping[str, KnownHandler] | None, name: str) -> dict[str, object]:
    """Return what the ledger knows of a handler, for a program; nothing without a ledger."""
    if known is None:
        return {}
    subscription = known[name].row() if name in known else None
    return {"registered": registry.get(name) is not None, "subscription": subscription}


def _row(handler: Handler) -> dict[str, object]:
    return {
        "handler": handler.name,
        "hook": handler.hook,
        "patterns": handler.patterns,
        "attempts": handler.attempts,
        "timeout": handler.timeout,
        "backoff": _backoff(handler),
        "no_retry": [error.__name__ for error in handler.no_retry],
        "in_order": handler.in_order,
        "concurrency": handler.concurrency,
        "max_age": max_age.total_seconds() if (max_age := _max_age(handler)) else None,
        "where": _where(handler),
        "async": handler.is_async,
    }


def _row_of_lifespan(lifespan: Lifespan) -> dict[str, object]:
    return {"lifespan": lifespan.name, "async": lifespan.is_async}


def _says_of(lifespan: Lifespan) -> Iterator[str]:
    yield "lifespan of each worker"
    if lifespan.is_async:
        yield "async"


def _backoff(handler: Handler) -> object:
    """Return its own waits in seconds, or the name of the function that tells them, if any."""
    plan = handler.backoff
    if plan is None:
        return None
    if callable(plan):
        return getattr(plan, "__name__", "a function")
    return [as_wait(wait).total_seconds() for wait in plan]


def _max_age(handler: Handler) -> timedelta | None:
    return handler.conditions.max_age if handler.conditions else None


def _where(handler: Handler) -> list[str] | str | None:
    """Return the fields that `where` looks at, without values, or the name of its function."""
    where = handler.conditions.where if handler.conditions else None
    if where is None:
        return None
    return [name for name, _ in where] if isinstance(where, tuple) else name_of(where)


def _asks_for(handler: Handler) -> Iterator[str]:
    yield f"{handler.attempts} attempt{'' if handler.attempts == 1 else 's'}"
    yield f"{handler.timeout:g} s each"
    if handler.is_async:
        yield "async"
    if handler.in_order:
        yield "in order"
    if handler.concurrency:
        yield f"at most {handler.concurrency} at a time"
    if isinstance(backoff := _backoff(handler), list):
        yield f"waits {', '.join(f'{wait:g}' for wait in backoff)} s"
    elif backoff:
        yield f"waits as {backoff} says"
    if handler.no_retry:
        yield f"no retry of {', '.join(error.__name__ for error in handler.no_retry)}"
    if max_age := _max_age(handler):
        yield f"not if older than {written_duration(max_age)}"
    if isinstance(where := _where(handler), list):
        yield f"where {' and '.join(where)} fit{'s' if len(where) == 1 else ''}"
    elif where:
        yield f"where {where} says so"


def _matching(
    handlers: Registry, event_type: str, elsewhere: Mapping[str, KnownHandler]
) -> list[Handler]:
    found = handlers.match(event_type)
    unknown = ""
    if event_type not in TYPES:
        hint = did_you_mean(nearest(event_type, TYPES), "`bellhop types` lists all")
        unknown = f"{event_type} is no known event type; {hint}"
    if not found and not elsewhere:
        raise NothingMatches(f"no handler runs for {event_type}" + (unknown and f": {unknown}"))
    if unknown:
        click.echo(f"bellhop: {unknown}", err=True)
    return list(found)


def _print_lines(
    shown: list[Handler],
    known: Mapping[str, KnownHandler] | None,
    *,
    with_types: bool,
    color: bool,
) -> None:
    """Print a line for each handler, with its patterns beneath; no name is broken."""
    width = shutil.get_terminal_size().columns
    column = min(max(len(handler.name) for handler in shown), width // 2)
    for handler in shown:
        asks_for = ", ".join(_asks_for(handler))
        name, gap = click.style(handler.name, bold=True), " " * (column - len(handler.name))
        if len(handler.name + gap) + 2 + len(asks_for) <= width:
            click.echo(f"{name}{gap}  {asks_for}", color=color or None)
        else:
            click.echo(f"{name}\n{_wrapped(asks_for, width)}", color=color or None)
        click.echo(_wrapped(_patterns(handler, with_types), width))
        if known is not None:
            one = known.get(handler.name)
            click.echo(_wrapped(one.text() if one else "no worker has it yet", width))


def _print_known(name: str, one: KnownHandler, *, color: bool) -> None:
    """Print a handler that is not registered here."""
    width = shutil.get_terminal_size().columns
    click.echo(f"{click.style(name, bold=True)}  not registered here", color=color or None)
    if patterns := one.subscribed.patterns[:_PATTERNS_SHOWN]:
        click.echo(_wrapped(", ".join(map(printable, patterns)), width))
    click.echo(_wrapped(one.text(), width))


def _patterns(handler: Handler, with_types: bool) -> str:
    if handler.hook is Hook.DEAD:
        return f"hook: called about dead letters of {handler.patterns[0]}"
    if handler.hook is Hook.QUARANTINED:
        return "hook: called about bodies in quarantine"
    patterns = ", ".join(handler.patterns[:_PATTERNS_SHOWN])
    if len(handler.patterns) > _PATTERNS_SHOWN:
        patterns += ", …"
    if not with_types:
        return patterns
    types = sum(handler in registry.match(name) for name in TYPES)
    return f"{patterns} ({types} type{'' if types == 1 else 's'})"


def _wrapped(text: str, width: int) -> str:
    """Return a text indented, in lines that break between words only."""
    return textwrap.fill(
        text,
        width,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
