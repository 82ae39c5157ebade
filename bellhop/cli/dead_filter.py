"""Which dead letters are meant: the options that choose them, and the ids that people give."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bellhop.cli.ids import whole_id
from bellhop.errors import BellhopError
from bellhop.events import TYPES
from bellhop.nearest import did_you_mean, nearest
from bellhop.patterns import Pattern

if TYPE_CHECKING:
    from bellhop.ledger import DeadLetter, DeadLetters

F = TypeVar("F", bound=Callable[..., Any])


class NoDeadLetter(BellhopError):
    """There is no such dead letter, or none of such a handler.

    `hint`: the end of the message, if it names ids that may be meant.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}{hint or '; `bellhop dead` lists them'}")
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters are meant: those of all that is given."""

    event_ids: tuple[str, ...] = ()
    pattern: str | None = None
    handler: str | None = None
    device: str | None = None

    def __bool__(self) -> bool:
        return bool(self.event_ids or self.pattern or self.handler or self.device)

    def fits(self, letter: "DeadLetter") -> bool:
        """Tell whether a dead letter is one of them."""
        return (
            (not self.event_ids or letter.event_id in self.event_ids)
            and (self.pattern is None or Pattern(self.pattern).matches(letter.event_type))
            and self.handler in (None, letter.handler)
            and (self.device is None or letter.mailbox == f"device:{self.device}")
        )


def filter_options(command: F) -> F:
    """Give a command the options that choose dead letters."""
    for option in (
        click.option("--device", metavar="ID", help="Only those of a device."),
        click.option("--handler", metavar="NAME", help="Only those of a handler."),
        click.option("--type", "pattern", metavar="TYPE", help='Such as "lock.*".'),
    ):
        command = option(command)
    return command


def with_whole_ids(chosen: Filter, dead_letters: "DeadLetters") -> Filter:
    """Return the filter with whole ids, of which first characters may be given.

    Raises `NoDeadLetter` if an event has none, or a type is unknown, and `AmbiguousId`. A handler
    or a device without dead letters is good news; but it is told if the name of another that has
    some is like it, or if there is no such handler.
    """
    if not chosen:
        return chosen
    events, devices, handlers, types = set(), set(), set(), set()
    for letter in dead_letters:
        types.add(letter.event_type)
        events.add(letter.event_id)
        handlers.add(letter.handler)
        kind, _, owner = letter.mailbox.partition(":")
        if kind == "device":
            devices.add(owner)

    def whole(given: str, known: set[str]) -> str:
        def beginning(start: str) -> list[str]:
            return [one for one in known if one.startswith(start)]

        def missing(hint: str) -> BellhopError:
            return NoDeadLetter(f"{given}: no such dead letter", hint)

        return whole_id(given, beginning, missing)

    if chosen.handler and chosen.handler not in handlers:
        _tell_of_handler(chosen.handler, handlers, dead_letters)
    _check_type(chosen.pattern, types)
    device = chosen.device
    if device:
        try:
            device = whole(device, devices)
        except NoDeadLetter as error:
            if error.hint:
                _tell(str(error))
    return replace(
        chosen, event_ids=tuple(whole(one, events) for one in chosen.event_ids), device=device
    )


def _tell_of_handler(name: str, having: set[str], dead_letters: "DeadLetters") -> None:
    """Tell that there is no handler of that name, or with dead letters of which it is like it."""
    from bellhop.ledger import read_subscriptions

    near = nearest(name, having)
    if near:
        _tell(f"no dead letter of {name}; {did_you_mean(near)}")
        return
    known = {one.name for one in read_subscriptions(dead_letters.redis)}
    if name not in known:
        hint = did_you_mean(nearest(name, known), "`bellhop handlers` lists them")
        _tell(f"no handler {name} is subscribed; {hint}")


def _check_type(pattern: str | None, types: set[str]) -> None:
    """Raise `NoDeadLetter` if a pattern fits neither a known type nor one of a dead letter."""
    if not pattern or Pattern(pattern).known_types() or any(map(Pattern(pattern).matches, types)):
        return
    hint = did_you_mean(nearest(pattern, TYPES, patterns=True), "`bellhop types` lists all")
    raise NoDeadLetter(
        f'no known event type fits "{pattern}", and that of no dead letter', f"; {hint}"
    )


def _tell(hint: str) -> None:
    click.echo(f"bellhop: {hint}", err=True)
