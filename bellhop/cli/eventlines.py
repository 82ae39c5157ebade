"""How an event on record looks: a row of JSON, or lines that fit 80 columns."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from bellhop.errors import BellhopError
from bellhop.events import Parsed, SeamEvent, masked, parse
from bellhop.events.masking import printable
from bellhop.handler_state import HandlerState
from bellhop.tracebacks import first_line
from bellhop.uuids import short_id

if TYPE_CHECKING:
    from bellhop.ledger import Handled, Recorded

_COLORS: Final[Mapping[str, str]] = {"dead": "red", "retrying": "yellow", "accepted": "cyan"}
_WORDS: Final[Mapping[str, str]] = {
    HandlerState.DEAD: "gave up",
    HandlerState.DROPPED: "dropped it",
}
_STATE: Final = len("unhandled")
_NOT_TOLD: Final = frozenset({"event_description", "event_id", "event_type"})
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def parsed(event: "Recorded") -> Parsed | None:
    """Return the event itself, or `None` if it cannot be read: there is no key, for example."""
    try:
        return parse(event.body)
    except BellhopError:
        return None


def opened(event: "Recorded") -> SeamEvent | None:
    """Return the same without its drift."""
    found = parsed(event)
    return found.event if found else None


def content(event: "Recorded") -> object:
    """Return what was sent, with secrets masked, or why it cannot be read."""
    try:
        return masked(parse(event.body).event)
    except BellhopError as error:
        return f"cannot be read: {error}"


def row(event: "Recorded") -> dict[str, object]:
    """Return all that is on record of an event, with secrets masked."""
    return {
        "event_id": event.event_id,
        "event_type": event.event_type,
        "state": event.state,
        "created_at": event.created_at,
        "sent_at": event.sent_at,
        "received_at": event.received_at,
        "mailbox": event.about.mailbox,
        "delivery_id": event.about.delivery_id,
        "handlers": [handled_row(one) for one in event.handled()],
        "event": content(event),
    }


def handled_row(handled: "Handled") -> dict[str, object]:
    """Return what a handler did about an event."""
    attempts = [
        {**asdict(attempt), "took": round(attempt.took.total_seconds() * 1000, 2)}
        for attempt in handled.attempts
    ]
    for attempt in attempts:
        attempt["took_ms"] = attempt.pop("took")
    return {
        "handler": handled.handler,
        "state": handled.state,
        "tries": handled.attempt_count,
        "uncounted": handled.uncounted_count,
        "attempts": attempts,
        "error": handled.error,
    }


class Lines:
    """Prints events, with a line for each day. `width`: of the terminal."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._day = ""

    def print(self, event: "Recorded", *, with_handlers: bool = False) -> None:
        """Print an event: when it was created, its state and type, and how to find it."""
        created = event.created_at
        if (day := f"{created:%Y-%m-%d}") != self._day:
            click.echo(click.style(day, bold=True))
            self._day = day
        state = click.style(f"{event.state:<{_STATE}}", fg=_COLORS.get(event.state))
        event_type = self._cut(printable(event.event_type), 15 + _STATE)
        click.echo(f"  {created:%H:%M:%S}Z  {state}  {event_type}")
        if with_handlers:
            self._line(4, f"event {printable(event.event_id)}  {facts(opened(event))}")
            for handled in event.handled():
                self._line(4, f"{printable(handled.handler)}: {outcome(handled, event)}")
        else:
            owner, _, owner_id = printable(event.about.mailbox).partition(":")
            where = f"{owner} {short_id(owner_id)}" if owner != "event" else ""
            click.echo(f"    event {printable(event.event_id)}  {where}".rstrip())

    def print_outcome(self, handled: "Handled", event: "Recorded") -> None:
        """Print what became of an event, which was printed before, at one handler."""
        what = f"{printable(handled.handler)}: {outcome(handled, event)}"
        self._line(4, f"event {printable(short_id(event.event_id))}  {what}")

    def _line(self, indent: int, text: str) -> None:
        click.echo(f"{' ' * indent}{self._cut(text.rstrip(), indent)}")

    def _cut(self, text: str, before: int) -> str:
        room = max(20, self._width - before)
        return text if len(text) <= room else f"{text[: room - 1]}…"


def facts(event: SeamEvent | None) -> str:
    """Return what an event tells besides ids and times, in short: `method=keycode`."""
    if event is None:
        return "(cannot be read)"
    told: Any = masked(event)
    return " ".join(_facts(told))


def _facts(told: Mapping[str, object]) -> Iterator[str]:
    for name, value in told.items():
        known = name in _NOT_TOLD or name.endswith(("_id", "_ids", "_at"))
        if not known and isinstance(value, str | int | float):
            yield printable(f"{name}={value}")


def outcome(handled: "Handled", event: "Recorded") -> str:
    """Return in a line what became of an event at one handler."""
    attempts = _tries(handled)
    if handled.state == HandlerState.SKIPPED:
        return f"skipped{attempts}: {printable(handled.error or '')}"
    if not handled.attempts:
        return handled.state
    last = handled.attempts[-1]
    if handled.state == HandlerState.DONE:
        ended = last.started_at + last.took - event.received_at
        when = "in a replay" if last.replay else f"{duration(ended)} after it came"
        return f"done in {duration(last.took)}, {when}{attempts}"
    why = printable(last.error or first_line(handled.error or ""))
    word = _WORDS.get(handled.state, handled.state)
    return f"{word}{attempts}{': ' if why else ''}{why}"


def _tries(handled: "Handled") -> str:
    count, uncounted = handled.attempt_count, handled.uncounted_count
    told = [f"{count} attempt{'' if count == 1 else 's'}"] if count > 1 or uncounted else []
    if uncounted:
        told.append(f"{uncounted} that did not count")
    return "".join(f", {one}" for one in told)


def duration(time: timedelta) -> str:
    """Return how long something took, in two or three digits: `0.3 ms`, `12 s`, `3 min`."""
    seconds = abs(time.total_seconds())
    sign = "-" if time.total_seconds() < 0 else ""
    if seconds < 1:
        ms = seconds * 1000
        return f"{sign}{ms:.1f} ms" if ms < 10 else f"{sign}{ms:.0f} ms"
    if seconds < 10:
        return f"{sign}{seconds:.1f} s"
    unit, name = next((unit, name) for unit, name in _UNITS if seconds >= 2 * unit or unit == 1)
    return f"{sign}{seconds / unit:.0f} {name}"
