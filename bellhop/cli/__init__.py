"""The `bellhop` command. It starts the parts and is imported by nobody.

A command's module is imported when the command is called, so that each starts fast.
"""

import importlib
import os
import signal
import sys
from typing import NoReturn

import click

from bellhop.coredumps import switch_off_core_dumps
from bellhop.errors import BellhopError

# The first process of a container ignores signals without a handler; much is still to be imported.
signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
switch_off_core_dumps()

_COMMANDS = {
    "up": "bellhop.cli.up:up",
    "receiver": "bellhop.cli.parts:receiver",
    "worker": "bellhop.cli.parts:worker",
    "send": "bellhop.cli.send:send",
    "types": "bellhop.cli.types:types",
    "handlers": "bellhop.cli.handlers:handlers",
    "events": "bellhop.cli.events:events",
    "show": "bellhop.cli.show:show",
    "device": "bellhop.cli.events:device",
    "tail": "bellhop.cli.tail:tail",
    "replay": "bellhop.cli.replay:replay",
    "doctor": "bellhop.cli.doctor:doctor",
    "dead": "bellhop.cli.dead:dead",
    "drift": "bellhop.cli.drift:drift",
    "quarantine": "bellhop.cli.quarantine:quarantine",
}


class _Commands(click.Group):
    """Commands whose errors are one clear message each, with no traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        from bellhop.loading import HandlersNotLoaded

        try:
            return super().invoke(ctx)
        except HandlersNotLoaded as error:
            _fail(error, os.EX_CONFIG)
        except BellhopError as error:
            _fail(error, 1)
        except Exception as error:
            if type(error).__module__ != "redis.exceptions":  # slow to import, and often not needed
                raise
            _fail(f"Redis: {error}", 1)


def _fail(message: object, code: int) -> NoReturn:
    click.secho(f"bellhop: {message}", err=True, fg="red" if sys.stderr.isatty() else None)
    sys.exit(code)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="seam-bellhop")
def main() -> None:
    """Receive Seam's webhooks, lose and double none, and run your handlers.

    Settings are BELLHOP_… variables, from the environment or .env.
    """
