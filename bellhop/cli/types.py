"""`bellhop types`: which events there are, what they mean, and what is in them."""

import json
import shlex
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import groupby
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click

from bellhop.cli.listing import listing, print_json
from bellhop.errors import BellhopError
from bellhop.events import TYPES
from bellhop.events.base import SeamEvent, SeamModel
from bellhop.events.drift import schema_of
from bellhop.events.masking import SECRET, secret_names
from bellhop.nearest import did_you_mean, nearest
from bellhop.patterns import Pattern
from bellhop.samples import sample

_SENT = ("always", "usually", "sometimes")
_LEGEND = """\
  always     Without it there is no event.
  usually    Seam's schema promises it. If it is missing, it is None.
  sometimes  None unless it is sent.
"""
_ENUM = "  one of     The values known today; others are let through.\n"
_HIDDEN = "  secret     Is shown as •••• in logs and in the event's repr.\n"
_WIDE = 72
"""From which width on names of fields stay whole."""


class NoSuchType(BellhopError):
    """No known event type fits."""


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """What is known of one field of an event, or of an object inside of it."""

    name: str
    """As in Seam's JSON."""
    attribute: str
    """As in Python."""
    type: str
    sent: str
    nullable: bool
    secret: bool
    """Whether it is, or can be, what opens a door."""
    values: list[str]
    fields: "list[FieldFacts]"


@click.command()
@click.argument("pattern", metavar="[TYPE]", default="*")
@listing
def types(pattern: str, as_json: bool) -> None:
    """List the types of event, or show one with its fields and a sample.

    \b
    bellhop types
    bellhop types "access_code.failed_*"
    bellhop types lock.unlocked
    """
    if pattern in TYPES:
        _show_one(pattern, as_json=as_json)
        return
    found = Pattern(pattern).known_types()
    if not found:
        hint = did_you_mean(nearest(pattern, TYPES, patterns=True), "`bellhop types` lists all")
        raise NoSuchType(f'no known event type fits "{pattern}"; {hint}')
    if as_json:
        print_json(_head(event_type) for event_type in found)
    else:
        _print_list(found)


def _head(event_type: str) -> dict[str, object]:
    cls = TYPES[event_type]
    return {"event_type": event_type, "class": cls.__name__, "summary": _summary(cls)}


def _summary(cls: type[SeamModel]) -> str:
    return (cls.__doc__ or "").partition("\n")[0]


def _print_list(event_types: list[str]) -> None:
    width = _width()
    for resource, names in groupby(event_types, lambda name: name.partition(".")[0]):
        rows = [(click.style(name, bold=True), _summary(TYPES[name])) for name in names]
        page = click.HelpFormatter(width=width)
        with page.section(resource):
            page.write_dl(rows, col_max=max(30, width // 2))
        click.echo(page.getvalue())
    click.echo(
        f"{len(event_types)} of {len(TYPES)} types.\n"
        f"`bellhop types {event_types[0]}` shows its fields."
    )


def _width() -> int:
    return shutil.get_terminal_size().columns


def _show_one(event_type: str, *, as_json: bool) -> None:
    from bellhop.cli.tables import new_table, print_table

    cls = TYPES[event_type]
    fields = fields_of(cls)
    event = _sample(event_type, fields)
    if as_json:
        rows = [asdict(field) for field in fields]
        print_json([{**_head(event_type), "fields": rows, "sample": event}])
        return
    click.secho(event_type, bold=True)
    click.echo(f"{_summary(cls)}\n")
    click.echo(f'  Handle it  @on("{event_type}")')
    click.echo(f"             def handler(event: {cls.__name__}): ...")
    click.echo(f"  Send one   {_send_line(event_type, event)}")
    table = new_table("field", "sent", "type")
    described = list(_rows(fields, set()))
    table.columns[0].no_wrap = _width() >= _WIDE
    for row in described:
        table.add_row(*row)
    print_table(table)
    words = " ".join(row[-1] for row in described)
    enum, secret = "one of" in words, "secret" in words
    click.echo(_LEGEND + _ENUM * enum + _HIDDEN * secret)
    click.echo("A sample; its values are made up.\n")
    click.echo(json.dumps(event, indent=2, ensure_ascii=False))


def fields_of(model: type[SeamModel]) -> list[FieldFacts]:
    """Return the fields of a model: those always sent first, and lists of objects last."""
    schema = schema_of(model)
    names = dict.fromkeys(model.model_fields, "")
    secret = secret_names({**names, "property": "code"} if "property" in names else names)
    fields = [
        FieldFacts(
            name=schema.names[name],
            attribute=name,
            type=type_text(field.annotation),
            sent=_SENT[0 if field.is_required() else 1 if name in schema.promised else 2],
            nullable=name in schema.nullable,
            secret=name in secret,
            values=sorted(schema.enums.get(name, ())),
            fields=fields_of(schema.nested[name]) if name in schema.nested else [],
        )
        for name, field in model.model_fields.items()
    ]
    return sorted(fields, key=lambda field: (_SENT.index(field.sent), bool(field.fields)))


def type_text(annotation: Any) -> str:
    """Return what is inside of an annotation as one would write it: `list[str] | None`."""
    return " | ".join(dict.fromkeys(_type_names(annotation)))


def _type_names(annotation: Any) -> Iterator[str]:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _type_names(parts[0])
    elif origin in (Union, UnionType):
        for part in parts:
            yield from _type_names(part)
    elif origin is Literal:
        yield "str"
    elif origin:
        yield f"{origin.__name__}[{', '.join(type_text(part) for part in parts)}]"
    else:
        yield "None" if annotation is NoneType else annotation.__name__


def _rows(
    fields: list[FieldFacts], told: set[str], indent: str = ""
) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of the table of fields; what is inside of a class is told once."""
    for field in fields:
        words = [
            field.type,
            "may be null" if field.nullable else "",
            _secrecy(field),
            f"{field.attribute} in Python" if field.attribute != field.name else "",
            f"one of {', '.join(field.values)}" if field.values else "",
        ]
        yield indent + field.name, field.sent, "; ".join(filter(None, words))
        if field.type not in told:
            yield from _rows(field.fields, told, f"{indent}  ")
        told.add(field.type)


def _secrecy(field: FieldFacts) -> str:
    if field.secret and field.name not in SECRET:
        return "secret if it is a code"
    return "secret" if field.secret else ""


def _sample(event_type: str, fields: list[FieldFacts]) -> dict[str, object]:
    event = sample(event_type, now=datetime.now(UTC), new_id=lambda: str(uuid.uuid4()))
    return {field.name: event[field.name] for field in fields if field.name in event}


def _send_line(event_type: str, event: Mapping[str, object]) -> str:
    """Return a command that sends such an event, with a field of its own to change."""
    for name, value in event.items():
        if name not in SeamEvent.model_fields and not name.endswith("_id"):
            text = value if isinstance(value, str) else json.dumps(value)
            if not isinstance(value, list | dict):
                return f"bellhop send {event_type} -s {shlex.quote(f'{name}={text}')}"
    return f"bellhop send {event_type}"
