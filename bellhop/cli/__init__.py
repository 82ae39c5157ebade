"""The `bellhop` command. It starts the parts and is imported by nobody.

A command's module is imported when the command is called, and the help of all of them is made from
the table below, so that each starts fast.
"""

import importlib
import os
import signal
import sys
from typing import Any, NamedTuple, NoReturn

import click

from bellhop.cli.output import for_reading, open_streams, tell_unwritable
from bellhop.coredumps import switch_off_core_dumps
from bellhop.errors import BellhopError, Terminated, WrongVersion


def _terminate(number: int, _frame: object) -> NoReturn:
    raise Terminated(128 + number)


class _Entry(NamedTuple):
    """A command: where it is, and its help in a line."""

    place: str
    help: str


_COMMANDS = {
    "up": _Entry("up:up", "Start everything on this machine: receiver, workers, a Redis."),
    "receiver": _Entry("parts:receiver", "Start a receiver, which takes webhooks in."),
    "worker": _Entry("parts:worker", "Start workers, which run your handlers."),
    "send": _Entry("send:send", "Send an event to the receiver, made up or from a file."),
    "types": _Entry("types:types", "List the types of event, or the fields of one."),
    "handlers": _Entry("handlers:handlers", "List handlers, pause, move or forget one."),
    "events": _Entry("events:events", "List events on record."),
    "show": _Entry("show:show", "Show an event and what each handler did about it."),
    "device": _Entry("events:device", "Tell what happened at a device."),
    "tail": _Entry("tail:tail", "Show events as they arrive, and what becomes of them."),
    "replay": _Entry("replay:replay", "Give events on record to handlers again."),
    "doctor": _Entry("doctor:doctor", "Check settings, Redis, workers and handlers."),
    "repair": _Entry("repair:repair", "Mend the files of the Redis that `up` brings."),
    "dead": _Entry("dead:dead", "List, retry or drop what handlers gave up."),
    "drift": _Entry("drift:drift", "Report where events differ from Seam's schema."),
    "upgrade": _Entry("upgrade:upgrade", "Bring the ledger of an older version up to date."),
    "encrypt": _Entry("encrypt:encrypt", "Store all with the first encryption key."),
    "quarantine": _Entry("quarantine:quarantine", "Look after bodies that are no Seam event."),
}


class _Commands(click.Group):
    """Commands whose errors are one clear message each, with no traceback."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        # The first process of a container ignores signals without a handler; much is still to be
        # imported.
        signal.signal(signal.SIGTERM, _terminate)
        switch_off_core_dumps()
        open_streams()
        with tell_unwritable():
            return super().main(*arguments, **options)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].place.partition(":")
        found = importlib.import_module(f"bellhop.cli.{module}")
        command: click.Command = getattr(found, name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            from bellhop.nearest import did_you_mean, nearest

            hint = did_you_mean(nearest(args[0], _COMMANDS), "`bellhop --help` lists them")
            ctx.fail(f"there is no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        try:
            with tell_unwritable():
                return super().invoke(ctx)
        except BellhopError as error:
            from bellhop.loading import HandlersNotLoaded

            ends_all = isinstance(error, HandlersNotLoaded | WrongVersion)
            _fail(error, os.EX_CONFIG if ends_all else 1)
        except Exception as error:
            if type(error).__module__ != "redis.exceptions":  # slow to import, and often not needed
                raise
            _fail(f"Redis: {error}", 1)


def _fail(message: object, code: int) -> NoReturn:
    text = f"bellhop: {message}"
    if sys.stderr.isatty():
        click.secho(for_reading(text), err=True, fg="red")
    else:
        click.echo(text, err=True)
    sys.exit(code)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="seam-bellhop")
def main() -> None:
    """Receive Seam's webhooks, lose and double none, and run your handlers.

    Settings are BELLHOP_… variables, from the environment or .env.
    """
