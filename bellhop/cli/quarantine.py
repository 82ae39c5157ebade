"""`bellhop quarantine`: signed bodies that could not be read as an event."""

import json
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from bellhop.cli.drift import in_words
from bellhop.cli.eventlines import handled_row
from bellhop.cli.ids import whole_id
from bellhop.cli.listing import ago, json_text, listing, print_json
from bellhop.cli.show import print_told
from bellhop.cli.state import opened_redis
from bellhop.errors import BellhopError
from bellhop.events import Drift, NotASeamEvent, masked, parse
from bellhop.events.masking import (
    DOTS,
    hide,
    is_secret_name,
    printable,
    secrets_in,
)
from bellhop.settings import Settings, load_settings
from bellhop.times import shown

if TYPE_CHECKING:
    from bellhop.ledger import Arrival, Kept, Ledger, Quarantine

_NAMED = re.compile(
    r"""(?P<name>\w+)[\\"']*\s*[:=]\s*[\\"']*"""
    r"""(?P<value>(?<=["'])[^"'\\]+|[\[{][^\]}]*|[^\s,&}\]"'\\]+)"""
)
_DIGITS = re.compile(r"\d{2,}")
_SHOWN_OF_NO_JSON = 1_000
_ROWS = 50
"""How many a table holds unless it is told otherwise."""


class NotInQuarantine(BellhopError):
    """No delivery of that id is in quarantine."""


class StillNoEvent(BellhopError):
    """What was to be released cannot be read as an event by this version either."""


@click.group(invoke_without_command=True)
@click.option("--limit", type=click.IntRange(1), help="At most.  [50 in a table]")
@listing
@click.pass_context
def quarantine(context: click.Context, limit: int | None, as_json: bool) -> None:
    """List, retry or drop signed bodies that are no Seam event.

    Without a command it lists them, the newest first. They stay until you retry or drop them.
    """
    if context.invoked_subcommand:
        _refuse_options(context, "limit", "as_json")
        return
    kept = _quarantine(load_settings())
    if as_json:
        print_json(_row(one) for one in islice(kept, limit))
        return
    if not len(kept):
        click.echo("Nothing is in quarantine.")
        return
    from bellhop.cli.tables import new_table, print_table

    now, limit = datetime.now(UTC), limit or _ROWS
    table = new_table("delivery", "came", "event type", "bytes>", "problems")
    for one in islice(kept, limit):
        first, *others = one.problems
        problems = f"{first} (+{len(others)})" if others else first
        table.add_row(
            one.delivery_id,
            ago(one.received_at, now),
            _event_type(one) or "",
            f"{len(one.body):,}",
            problems,
        )
    print_table(table)
    if len(kept) > limit:
        click.echo(f"{limit} of {len(kept):,}; --limit shows more")


@quarantine.command()
@click.argument("delivery_id")
@listing
def show(delivery_id: str, as_json: bool) -> None:
    """Show the problems, headers and body of one.

    Secrets are masked.
    """
    from bellhop.ledger import told_by_hooks

    settings = load_settings()
    kept = _quarantine(settings)
    one = _get(kept, delivery_id)
    told = told_by_hooks(kept.redis, {"": one.told} if one.told else {}, settings.vault)
    if as_json:
        hooks = [handled_row(handled) for called in told for handled in called.hooks]
        shown_body = {"headers": dict(one.headers), "hooks": hooks, "body": _body(one)}
        print_json([{**_row(one), **shown_body}])
        return
    received = shown(one.received_at)
    for name, value in {"delivery": one.delivery_id, "came": received, **one.headers}.items():
        click.echo(f"{click.style(f'{name:<15}', bold=True)} {printable(value)}")
    click.echo(click.style("\nproblems", bold=True))
    for problem in one.problems:
        click.echo(f"  {printable(problem)}")
    print_told(told, full=False)
    click.echo(click.style("\nbody", bold=True))
    body = _body(one)
    click.echo(printable(body, "\n\t") if isinstance(body, str) else json_text(body, indent=2))


@quarantine.command()
@click.argument("delivery_ids", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All of them, in the order they came.")
def retry(delivery_ids: tuple[str, ...], every: bool) -> None:
    """Read the bodies again, for example after an upgrade.

    What is an event now goes to its handlers, once. What is still none stays in quarantine.
    """
    from bellhop.ledger import Ledger

    settings = load_settings()
    kept = _quarantine(settings)
    ledger = Ledger(kept.redis, settings.retention, settings.vault)
    outcomes: Counter[str] = Counter()
    for one in _chosen(kept, delivery_ids, every):
        outcome, unseen = release(ledger, one)
        outcomes[outcome] += 1
        for drift in unseen:
            click.echo(f"{one.delivery_id} differs from Seam's schema: {in_words(drift)}")
    click.echo(
        f"{outcomes['released']} released, {outcomes['known']} known already, "
        f"{outcomes['kept']} still no event"
    )
    if outcomes["kept"] and not every:
        raise StillNoEvent("`bellhop quarantine show ID` tells why one is no event")


@quarantine.command()
@click.argument("delivery_ids", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All of them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(delivery_ids: tuple[str, ...], every: bool, yes: bool) -> None:
    """Delete bodies for good."""
    kept = _quarantine(load_settings())
    chosen = [one.delivery_id for one in _chosen(kept, delivery_ids, every)]
    if chosen and not yes:
        click.confirm(f"Delete {len(chosen)} for good?", abort=True)
    click.echo(f"{sum(kept.drop(delivery_id) for delivery_id in chosen)} dropped")


def _quarantine(settings: Settings) -> "Quarantine":
    from bellhop.ledger import Quarantine

    return Quarantine(opened_redis(settings), settings.vault)


def _get(kept: "Quarantine", delivery_id: str) -> "Kept":
    """Return the one of this id, of which the first characters may be given."""

    def missing(hint: str) -> BellhopError:
        hint = hint or "; `bellhop quarantine` lists what is"
        return NotInQuarantine(f"{delivery_id} is not in quarantine{hint}")

    if one := kept.get(delivery_id):
        return one
    if one := kept.get(whole_id(delivery_id, kept.ids_beginning, missing)):
        return one
    raise missing("")


def _chosen(kept: "Quarantine", delivery_ids: Iterable[str], every: bool) -> "Iterator[Kept]":
    if bool(delivery_ids) == every:
        raise click.UsageError("give the ids of deliveries, or --all")
    if every:
        return kept.oldest_first()
    return iter([_get(kept, delivery_id) for delivery_id in dict.fromkeys(delivery_ids)])


def _refuse_options(context: click.Context, *names: str) -> None:
    """Refuse options in front of a command, which would not take notice of them."""
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if option.name in names and source is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{' / '.join([*option.opts, *option.secondary_opts])} is for the list; "
                f"`bellhop quarantine {context.invoked_subcommand} --help` tells what it takes"
            )


def release(ledger: "Ledger", one: "Kept") -> tuple[str, Sequence[Drift]]:
    """Return what became of one, and where it differs from Seam's schema as no event before."""
    from bellhop.ledger import Arrival, handler_sets
    from bellhop.queue import enqueue_shifts

    try:
        arrival = Arrival.of(one.delivery_id, parse(one.body), released=True)
    except NotASeamEvent:
        return "kept", ()
    receipt = ledger.accept([arrival])
    # Of a call whose answer was lost, redis-py makes another. That finds it released, by us or by
    # somebody at the same time, and perhaps nobody asked for a shift. One too many does no harm.
    released_before = not receipt.new[0] and _is_released(ledger, arrival)
    enqueue_shifts(ledger.redis, handler_sets(ledger.redis) if released_before else receipt.wake)
    return "released" if receipt.new[0] or released_before else "known", receipt.unseen


def _is_released(ledger: "Ledger", arrival: "Arrival") -> bool:
    from bellhop.ledger import About

    about = About.read(ledger.event(arrival.event_id).get("about"))
    return about.delivery_id == arrival.delivery_id


def _row(one: "Kept") -> dict[str, object]:
    return {
        "delivery_id": one.delivery_id,
        "received_at": one.received_at,
        "event_type": _event_type(one),
        "bytes": len(one.body),
        "problems": one.problems,
    }


def _event_type(one: "Kept") -> str | None:
    body = _json(one)
    event_type = body.get("event_type") if isinstance(body, dict) else None
    return hide(event_type, _secrets(body))[:100] if isinstance(event_type, str) else None


def _body(one: "Kept") -> object:
    """Return an object or a list with its secrets masked, or of any other body its beginning.

    Of an object, too, in which a key stands twice: as JSON it would show the last value alone.
    """
    with suppress(RecursionError):
        body = _json(one)
        if isinstance(body, dict | list):
            return masked(body)
    text = one.body.decode(errors="backslashreplace")
    rest = f"… ({len(text):,} characters)" if len(text) > _SHOWN_OF_NO_JSON else ""
    return _masked_text(text[:_SHOWN_OF_NO_JSON]) + rest


def _masked_text(text: str) -> str:
    """Return a text with dots for the values that have a secret's name, and for all digits.

    What cannot be read cannot tell where its secrets are: most have digits.
    """
    values = {match["value"] for match in _NAMED.finditer(text) if is_secret_name(match["name"])}
    return _DIGITS.sub(DOTS, hide(text, values))


def _secrets(body: object) -> Collection[str]:
    with suppress(RecursionError):
        return frozenset(secrets_in(body))
    return ()


def _json(one: "Kept") -> object:
    """Return the body if it is JSON, and says each thing once."""
    try:
        return json.loads(
            one.body, object_pairs_hook=_once, parse_float=_number, parse_constant=_no
        )
    except (ValueError, RecursionError):
        return None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError
    return fields


def _number(text: str) -> float | str:
    """Return a number; as text if it is larger than numbers can be."""
    number = float(text)
    return number if math.isfinite(number) else text


def _no(constant: str) -> object:
    """Refuse NaN and its like, which are no JSON."""
    raise ValueError(constant)
