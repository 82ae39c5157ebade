"""`bellhop handlers pause`, `resume`, `move` and `forget`: what becomes of what waits for one."""

import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from bellhop.cli.state import opened_redis
from bellhop.cli.subscribed import count, waits
from bellhop.cli.successor import Successor, require_same_kind, successor, tell_differences
from bellhop.errors import BellhopError
from bellhop.events.masking import printable
from bellhop.nearest import did_you_mean, nearest
from bellhop.routing import NAME
from bellhop.settings import load_settings

if TYPE_CHECKING:
    from bellhop.ledger import Subscribed, WaitingMail
    from bellhop.moving import Progress


class NoSuchHandler(BellhopError):
    """The ledger knows no handler of that name."""


class _Handlers:
    """The handlers that the ledger knows."""

    def __init__(self) -> None:
        from bellhop.ledger import Ledger, read_subscriptions

        self.settings = load_settings()
        redis = opened_redis(self.settings)
        self.ledger = Ledger(redis, self.settings.retention, self.settings.vault)
        self.known = {one.name: one for one in read_subscriptions(redis)}

    def find(self, name: str) -> "Subscribed":
        """Return the handler of that name, which must be whole: another may begin so.

        Raises `UsageError`.
        """
        if name not in self.known:
            hint = did_you_mean(nearest(name, self.known), "`bellhop handlers` lists them")
            raise click.UsageError(f"no handler {printable(name)!r} is subscribed; {hint}")
        return self.known[name]

    def waiting(self, handler: "Subscribed") -> "WaitingMail":
        """Return what waits for a handler."""
        from bellhop.ledger import read_waiting

        return read_waiting(self.ledger.redis, [handler.name])[handler.name]

    def enqueue_shifts(self, sets: Sequence[str]) -> None:
        """Put a shift into RQ's queue of each of these sets."""
        from bellhop.queue import enqueue_shifts

        enqueue_shifts(self.ledger.redis, sets)

    def free_mail(self, waited: timedelta) -> None:
        """Have the mail freed of workers that are gone, if no foreman is left to do it."""
        freed = self.ledger.free(waited)
        for worker in freed.workers:
            click.echo(
                f"bellhop: {printable(worker)} is gone, and so is every `bellhop worker`; the mail "
                "that it held is free",
                err=True,
            )
        self.enqueue_shifts(freed.wake)


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def pause(name: str, yes: bool) -> None:
    """Have workers begin nothing more of a handler. What comes for it waits.

    What they have in hand is run. Other handlers go on.
    """
    found = _Handlers()
    handler = found.find(name)
    if handler.paused:
        click.echo(f"{handler.name} is paused already.")
        return
    click.echo(f"{handler.name}: {waits(found.waiting(handler))}; what comes will wait, too.")
    _confirm(f"Pause {handler.name}?", yes)
    _set_paused(found, handler.name, resume=False)
    click.echo(f"{handler.name} is paused. It goes on with: bellhop handlers resume {handler.name}")


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def resume(name: str, yes: bool) -> None:
    """Have workers go on with a handler that was paused."""
    found = _Handlers()
    handler = found.find(name)
    if not handler.paused:
        click.echo(f"{handler.name} is not paused.")
        return
    click.echo(f"{handler.name}: {waits(found.waiting(handler))}.")
    _confirm(f"Go on with {handler.name}?", yes)
    _set_paused(found, handler.name, resume=True)
    click.echo(f"{handler.name} goes on.")


def _set_paused(found: _Handlers, name: str, *, resume: bool) -> None:
    from bellhop.ledger import Paused

    state, wake = found.ledger.pause(name, resume=resume)
    found.enqueue_shifts(wake)
    if state is Paused.UNKNOWN:
        raise NoSuchHandler(f"{name} was forgotten meanwhile")


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(name: str, yes: bool) -> None:
    """Be done with a handler that no worker has any more.

    What waits for it is written down as abandoned, and can be replayed (`bellhop replay`).
    """
    from bellhop import moving

    found = _Handlers()
    handler = _unused(found.find(name))
    waiting = found.waiting(handler)
    what = f"{waits(waiting)}, and will be abandoned" if waiting else "nothing waits"
    click.echo(f"{handler.name}: {what}; nothing new is given to it.")
    _confirm(f"Forget {handler.name}?", yes)
    last = _go(
        handler.name,
        moving.forget(found.ledger, handler.name, free_mail=found.free_mail),
    )
    click.echo(f"{handler.name} is forgotten; {count(last.events, 'event')} abandoned")


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--yes", is_flag=True, help="Do not ask.")
def move(old: str, new: str, yes: bool) -> None:
    """Give what waits for a handler to another one: it was renamed.

    OLD is forgotten then. Its events come before those that wait for NEW, which needs no worker
    yet. It is told if NEW matches other events; a hook and a handler of events cannot take each
    other's. Dead letters stay with OLD.
    """
    from bellhop import moving

    found = _Handlers()
    handler = _unused(found.find(old))
    if not NAME.fullmatch(new):
        raise click.BadParameter(
            f"a handler's name is 1 to 200 letters, digits or _.<>:-, not {new!r}"
        )
    if new == handler.name:
        raise click.UsageError(f"OLD and NEW are both {new}")
    found.ledger.check_vault()
    becomes = successor(found.settings, new, found.known.get(new))
    require_same_kind(handler, becomes)
    _tell_move(found, handler, becomes)
    _confirm(f"Move {handler.name} to {new}?", yes)
    last = _go(
        handler.name,
        moving.move(
            found.ledger,
            handler.name,
            new,
            enqueue_shifts=found.enqueue_shifts,
            free_mail=found.free_mail,
        ),
    )
    had = f", {last.had:,} that it had itself" if last.had else ""
    click.echo(f"{count(last.events, 'event')} moved to {new}{had}; {handler.name} is forgotten")


def _tell_move(found: _Handlers, handler: "Subscribed", new: Successor) -> None:
    click.echo(f"{handler.name}: {waits(found.waiting(handler))}.")
    if new.subscribed:
        click.echo(f"{new.name}: {waits(found.waiting(new.subscribed))}, behind that.")
    else:
        others = [one for one in found.known if one != handler.name]
        near = "" if new.registered else did_you_mean(nearest(new.name, others))
        click.echo(
            f"{new.name}: no worker has it yet; what comes for {handler.name} is kept for it"
            f"{f' ({near})' if near else ''}."
        )
    tell_differences(handler, new)


def _unused(handler: "Subscribed") -> "Subscribed":
    """Return the handler. Raises `StillInUse` if workers have it."""
    from bellhop.moving import StillInUse, in_use

    if handler.workers:
        raise StillInUse(in_use(handler.name, handler.workers))
    return handler


def _confirm(question: str, yes: bool) -> None:
    if not yes:
        click.confirm(question, abort=True)


def _go(name: str, steps: "Iterator[Progress]") -> "Progress":
    """Go through all steps, and return the last one."""
    from bellhop.moving import Progress

    last = Progress()
    told = False
    try:
        for last in steps:
            if last.holders and not told:
                told = True
                click.echo(
                    f"bellhop: waiting for mail of {name} that is in the hands of "
                    f"{', '.join(map(printable, last.holders))}; it is free within half a minute",
                    err=True,
                )
    except KeyboardInterrupt:
        click.echo(
            f"Stopped after {count(last.events, 'event')}; the rest is as it was: ask again.",
            err=True,
        )
        sys.exit(130)
    return last
