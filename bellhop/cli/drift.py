"""`bellhop drift`: where events differ from Seam's schema."""

from datetime import UTC, datetime
from typing import Final

import click

from bellhop.cli.listing import ago, listing, new_table, print_json, print_table
from bellhop.cli.state import reachable_redis, redis_url
from bellhop.events import DriftKind
from bellhop.settings import load_settings

_WORDS: Final[dict[DriftKind, str]] = {
    "missing_field": "is missing",
    "unexpected_null": "is null",
    "unknown_field": "is new",
    "unknown_type": "unknown type",
    "unknown_value": "unknown value",
}


@click.command()
@click.option("--forget", is_flag=True, help="Forget it all; what comes again is reported anew.")
@listing
def drift(forget: bool, as_json: bool) -> None:
    """Report where events differ from Seam's schema.

    Such events are accepted and handled all the same. The report says what Seam changed since this
    version of Bellhop, or never did as its schema says.
    """
    from bellhop.ledger import DriftReport

    report = DriftReport(reachable_redis(redis_url(load_settings())))
    if forget:
        click.echo(f"forgot {report.forget()}", err=True)
        return
    seen = report.read()
    if as_json:
        print_json(
            {
                "event_type": one.drift.event_type,
                "field": one.drift.field,
                "kind": one.drift.kind,
                "count": one.count,
                "first_seen": one.first_seen,
                "last_seen": one.last_seen,
                "example": one.drift.example,
            }
            for one in seen
        )
        return
    if not seen:
        click.echo("No drift: every event so far was as Seam's schema says.")
        return
    now = datetime.now(UTC)
    table = new_table("event type", "field", "", "events>", "first", "last", "example")
    for one in seen:
        table.add_row(
            one.drift.event_type,
            one.drift.field,
            _WORDS[one.drift.kind],
            f"{one.count:,}",
            ago(one.first_seen, now),
            ago(one.last_seen, now),
            one.drift.example or "",
        )
    print_table(table)
