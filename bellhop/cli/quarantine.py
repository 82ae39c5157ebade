"""`bellhop quarantine`: signed bodies that could not be read as an event."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

import click

from bellhop.cli.listing import ago, listing, new_table, print_json, print_table
from bellhop.cli.state import reachable_redis, redis_url
from bellhop.errors import BellhopError
from bellhop.events import NotASeamEvent, masked, parse
from bellhop.events.masking import DOTS, SECRET
from bellhop.settings import Settings, load_settings

if TYPE_CHECKING:
    from bellhop.ledger import Kept, Ledger, Quarantine

_NAMED = re.compile(rf'("(?:{"|".join(SECRET)})"\s*:\s*)(?:"[^"]*"?|[^\s,}}\]]*)')
_DIGITS = re.compile(r"\d{2,}")
_SHOWN_OF_NO_JSON = 1_000


class NotInQuarantine(BellhopError):
    """No delivery of that id is in quarantine."""


class StillNoEvent(BellhopError):
    """What was to be released cannot be read as an event by this version either."""


@click.group(invoke_without_command=True)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most.")
@listing
@click.pass_context
def quarantine(context: click.Context, limit: int, as_json: bool) -> None:
    """Look after signed bodies that could not be read as an event.

    Without a command: list them, the newest first. None is thrown away until you say so.
    """
    if context.invoked_subcommand:
        return
    kept = _quarantine(load_settings())
    if as_json:
        print_json(_row(one) for one in islice(kept, limit))
        return
    if not len(kept):
        click.echo("Nothing is in quarantine.")
        return
    now = datetime.now(UTC)
    table = new_table("delivery", "came", "event type", "bytes>", "problems")
    for one in islice(kept, limit):
        problems = one.problems[0] + (f" (+{len(one.problems) - 1})" if one.problems[1:] else "")
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
    """Show one, with secrets masked: its problems, headers and body."""
    one = _get(_quarantine(load_settings()), delivery_id)
    if as_json:
        print_json([{**_row(one), "headers": dict(one.headers), "body": _body(one)}])
        return
    received = one.received_at.isoformat(timespec="seconds")
    for name, value in {"delivery": one.delivery_id, "came": received, **one.headers}.items():
        click.echo(f"{click.style(f'{name:<15}', bold=True)} {value}")
    click.echo(click.style("\nproblems", bold=True))
    for problem in one.problems:
        click.echo(f"  {problem}")
    click.echo(click.style("\nbody", bold=True))
    body = _body(one)
    click.echo(body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False))


@quarantine.command()
@click.argument("delivery_ids", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All of them, in the order they came.")
def retry(delivery_ids: tuple[str, ...], every: bool) -> None:
    """Read them again, and hand what now is an event to the handlers, once.

    For after an upgrade. What is still no event stays.
    """
    from bellhop.ledger import Ledger

    settings = load_settings()
    kept = _quarantine(settings)
    ledger = Ledger(kept.redis, settings.retention)
    outcomes = {"released": 0, "known": 0, "kept": 0}
    for one in _chosen(kept, delivery_ids, every):
        outcomes[_release(ledger, one)] += 1
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
    """Throw them away for good."""
    kept = _quarantine(load_settings())
    chosen = [one.delivery_id for one in _chosen(kept, delivery_ids, every)]
    if chosen and not yes:
        click.confirm(f"Throw away {len(chosen)} for good?", abort=True)
    click.echo(f"{sum(kept.drop(delivery_id) for delivery_id in chosen)} dropped")


def _quarantine(settings: Settings) -> "Quarantine":
    from bellhop.ledger import Quarantine

    return Quarantine(reachable_redis(redis_url(settings)))


def _get(kept: "Quarantine", delivery_id: str) -> "Kept":
    one = kept.get(delivery_id)
    if one is None:
        raise NotInQuarantine(
            f"{delivery_id} is not in quarantine; `bellhop quarantine` lists what is"
        )
    return one


def _chosen(kept: "Quarantine", delivery_ids: Iterable[str], every: bool) -> "Iterator[Kept]":
    if bool(delivery_ids) == every:
        raise click.UsageError("give the ids of deliveries, or --all")
    if every:
        return kept.oldest_first()
    return iter([_get(kept, delivery_id) for delivery_id in delivery_ids])


def _release(ledger: "Ledger", one: "Kept") -> str:
    from bellhop.ledger import Arrival
    from bellhop.queue import enqueue_shift

    try:
        arrival = Arrival.of(one.delivery_id, parse(one.body), released=True)
    except NotASeamEvent:
        return "kept"
    receipt = ledger.accept([arrival])
    if receipt.wants_shift:
        enqueue_shift(ledger.redis)
    return "released" if receipt.new[0] else "known"


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
    return event_type[:100] if isinstance(event_type, str) else None


def _body(one: "Kept") -> object:
    """Return the body as JSON with its secrets masked, or, if it is none, its beginning as text."""
    with suppress(RecursionError):
        if (body := masked(_json(one))) is not None:
            return body
    text = one.body.decode(errors="backslashreplace")
    rest = f"… ({len(text):,} characters)" if len(text) > _SHOWN_OF_NO_JSON else ""
    # What cannot be read cannot tell where its secrets are: most have digits.
    shown = _NAMED.sub(rf"\1{DOTS}", text[:_SHOWN_OF_NO_JSON])
    return _DIGITS.sub(DOTS, shown) + rest


def _json(one: "Kept") -> object:
    try:
        return json.loads(one.body)
    except (ValueError, RecursionError):
        return None
