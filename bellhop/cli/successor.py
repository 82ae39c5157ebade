"""Whether a handler can take what waits for another one, as `bellhop handlers move` has it do."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from bellhop.environment import enter_handlers_environment
from bellhop.events import TYPES
from bellhop.hooks import Hook
from bellhop.loading import HandlersNotLoaded, load_handlers
from bellhop.patterns import Pattern, fits_any
from bellhop.routing import registry
from bellhop.settings import Settings

if TYPE_CHECKING:
    from bellhop.handler import Handler
    from bellhop.ledger import Subscribed

_NAMED = 3
_KINDS = {
    None: "a handler of events",
    Hook.DEAD: "a hook about dead letters",
    Hook.QUARANTINED: "a hook about bodies in quarantine",
}


class Successor(NamedTuple):
    """The handler that is to take what waits.

    `subscribed`: as the ledger knows it. `registered`: as it is in the code of this directory.
    """

    name: str
    subscribed: "Subscribed | None"
    registered: "Handler | None"

    @property
    def wants(self) -> "Subscribed | Handler | None":
        """What says what it is called about: its workers, or else the code here."""
        known = self.subscribed if self.subscribed and _wants_anything(self.subscribed) else None
        return known if known and known.workers else self.registered or known

    @property
    def inherits(self) -> bool:
        """Whether it is subscribed as the old one was, and paused if that is."""
        return self.subscribed is None or not _wants_anything(self.subscribed)


def successor(settings: Settings, name: str, subscribed: "Subscribed | None") -> Successor:
    """Return the handler of that name. Handlers that cannot be loaded here are left out."""
    enter_handlers_environment()
    try:
        load_handlers(settings.handlers)
    except HandlersNotLoaded:  # they need not be here
        return Successor(name, subscribed, None)
    return Successor(name, subscribed, registry.get(name))


def require_same_kind(old: "Subscribed", new: Successor) -> None:
    """Raise `UsageError` if one is a hook, and the other is not or another one."""
    if _wants_anything(old) and new.wants and new.wants.hook is not old.hook:
        raise click.UsageError(
            f"{new.name} is {_KINDS[new.wants.hook]}, and {old.name} is {_KINDS[old.hook]}: what "
            "waits for that would be skipped"
        )


def tell_differences(old: "Subscribed", new: Successor) -> None:
    """Print what changes for what waits, besides the name."""
    if new.wants and not old.hook and (missing := _not_taken(old.patterns, new.wants.patterns)):
        others = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        click.echo(
            f"{new.name} does not match {', '.join(missing[:_NAMED])}{others}, as {old.name} does: "
            "of these, what waits is skipped."
        )
    if not old.paused:
        return
    if new.inherits:
        click.echo(f"{old.name} is paused, and so will be {new.name}.")
    elif new.subscribed and not new.subscribed.paused:
        click.echo(f"{old.name} is paused, and {new.name} is not: what waits is begun at once.")


def _wants_anything(one: "Subscribed") -> bool:
    return bool(one.patterns or one.hook)


def _not_taken(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Return the known types of event, and patterns of unknown ones, that only `old` match."""
    brought = [name for name in TYPES if fits_any(old, name)]
    brought += [pattern for pattern in old if not Pattern(pattern).known_types()]
    return [name for name in brought if not fits_any(new, name)]
