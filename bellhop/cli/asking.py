"""Which events are meant: the options that several commands share."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bellhop.cli.ids import whole_id
from bellhop.cli.state import opened_redis
from bellhop.errors import BellhopError
from bellhop.events import TYPES
from bellhop.events.subjects import id_fields
from bellhop.nearest import did_you_mean, nearest
from bellhop.patterns import Pattern
from bellhop.settings import load_settings
from bellhop.times import UnreadableTime, read_time, shown

if TYPE_CHECKING:
    from bellhop.ledger import Query, Record

F = TypeVar("F", bound=Callable[..., Any])

_NOW = f"{__name__}.now"


class NothingOnRecord(BellhopError):
    """There is no such event, or none about such a thing."""


class NoSuchPattern(BellhopError):
    """A pattern fits no known type of event, and none on record."""


def _time(context: click.Context, _option: click.Parameter, text: str | None) -> datetime | None:
    now = context.meta.setdefault(_NOW, datetime.now(UTC))  # `1d` is one time in both options
    try:
        return read_time(text, now) if text else None
    except UnreadableTime as error:
        raise click.BadParameter(str(error)) from None


def _fields(
    _context: click.Context, _option: click.Parameter, texts: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    found = []
    for text in texts:
        field, _, value = text.partition("=")
        if not field or not value:
            raise click.BadParameter(f"{text!r}: give FIELD=ID, such as access_code_id=6f1a…")
        found.append((field, value))
    return tuple(found)


def type_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the type of event as its argument, or as `--type`: its `pattern`."""

    @wraps(command)
    def with_type(*, pattern: str | None, of_type: str | None, **others: Any) -> Any:
        if pattern and of_type:
            raise click.UsageError("give TYPE once, with --type or without")
        return command(pattern=pattern or of_type, **others)

    option = click.option(
        "--type", "of_type", metavar="TYPE", help='The same: "lock.*", for example.'
    )
    return click.argument("pattern", metavar="[TYPE]", required=False)(option(with_type))


def about_options(command: F) -> F:
    """Give a command the options that say what events are about: `device` and `about`."""
    command = click.option(
        "--about",
        metavar="FIELD=ID",
        callback=_fields,
        multiple=True,
        help="Only those that carry an id, such as access_code_id=…, or its first characters.",
    )(command)
    return click.option("--device", metavar="ID", help="Only those of a device.")(command)


def time_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say when events were created: `since` and `until`."""

    @wraps(command)
    def with_times(*, since: datetime | None, until: datetime | None, **others: Any) -> Any:
        if since and until and since >= until:
            raise click.UsageError(
                f"--since ({shown(since)}) is not before --until ({shown(until)}): no event is "
                "between; give the earlier time with --since"
            )
        return command(since=since, until=until, **others)

    until_option = click.option(
        "--until", metavar="TIME", callback=_time, help="Only those created before."
    )
    return click.option(
        "--since",
        metavar="TIME",
        callback=_time,
        help="Only those created after: 2h (ago), 7d, 2026-01-31T12:00.",
    )(until_option(with_times))


def opened_record() -> "Record":
    """Return the record of the configured Redis, closed when the command that is running ends."""
    from bellhop.ledger import Record

    settings = load_settings()
    return Record(opened_redis(settings), settings.vault)


def asked(
    record: "Record",
    pattern: str | None,
    device: str | None,
    about: tuple[tuple[str, str], ...] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    states: tuple[Any, ...] = (),
) -> "Query":
    """Return the query that the options of a command mean.

    Raises `NoSuchPattern`, and `NothingOnRecord` if there is no event about what is named.
    """
    from bellhop.ledger import Query, in_ms

    check_pattern(record, pattern)
    ids: dict[str, set[str]] = {}
    for field, value in (*([("device_id", device)] if device else []), *about):
        ids.setdefault(field, set()).add(_whole(record, field, value))
    return Query(
        about=ids,
        types=[pattern] if pattern else [],
        states=states,
        since_ms=in_ms(since) if since else None,
        until_ms=in_ms(until) if until else None,
    )


def _whole(record: "Record", field: str, value: str) -> str:
    """Return the id of which `value` may be the first characters. Raises `NothingOnRecord`."""
    from bellhop.ledger import Query

    def missing(hint: str) -> BellhopError:
        known = id_fields()
        if not hint and field not in known:
            hint = f"; {did_you_mean(nearest(field, known), '`bellhop types TYPE` lists fields')}"
        return NothingOnRecord(f"not found: there is no event with {field} {value} on record{hint}")

    if record.page(Query(about={field: [value]}), limit=1).events:
        return value
    return whole_id(value, lambda start: record.ids(field, start), missing)


def whole_if_known(record: "Record", field: str, value: str) -> str:
    """Return the id of which `value` may be the first characters, or `value` if there is none."""
    try:
        return _whole(record, field, value)
    except NothingOnRecord:
        return value


def check_pattern(record: "Record", pattern: str | None) -> None:
    """Raise `NoSuchPattern` if it fits no known type of event, and none on record."""
    from bellhop.ledger import Query

    if not pattern or Pattern(pattern).known_types():
        return
    if record.page(Query(types=[pattern]), limit=1).events:
        return
    hint = did_you_mean(nearest(pattern, TYPES, patterns=True), "`bellhop types` lists all")
    raise NoSuchPattern(f'no known event type fits "{pattern}", and no event on record; {hint}')
