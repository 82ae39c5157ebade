"""What a command imports is what it needs: that is most of the time that it takes."""

import subprocess
import sys

import click
import pytest

from bellhop.cli import main


def imported(*arguments: str) -> set[str]:
    """Run a command, and return the names of all modules that it imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bellhop.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


SLOW = {
    "bellhop.events": 0.2,
    "httpx": 0.15,
    "pydantic_settings": 0.1,
    "redis": 0.15,
    "rich.table": 0.05,
    "rq": 0.05,
    "structlog": 0.1,
    "svix": 0.4,
    "uvicorn": 0.1,
}
"""Seconds of CPU that some take."""


@pytest.mark.parametrize(
    ("arguments", "needs"),
    [
        (["--help"], set()),
        (["--version"], set()),
        (["types"], {"bellhop.events"}),
        (["events", "--help"], {"bellhop.events", "pydantic_settings"}),
        (["worker", "-h"], {"pydantic_settings"}),
        (["receiver", "-h"], {"pydantic_settings"}),
        (["send", "lock.unlocked"], {"bellhop.events", "pydantic_settings"}),
        (["handlers"], {"bellhop.events", "pydantic_settings", "redis"}),
        (["events"], {"bellhop.events", "pydantic_settings", "redis"}),
        (["dead"], {"bellhop.events", "pydantic_settings", "redis"}),
        (["doctor"], {"bellhop.events", "pydantic_settings", "redis", "rq"}),
    ],
    ids=lambda words: " ".join(sorted(words)),
)
def test_a_command_imports_what_it_needs(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str], needs: set[str]
) -> None:
    monkeypatch.setenv("BELLHOP_REDIS_URL", redis_url)
    assert SLOW.keys() & imported(*arguments) <= needs


def test_every_help_fits_80_columns_and_lists_commands_that_there_are() -> None:
    context = click.Context(main, info_name="bellhop", max_content_width=80, terminal_width=80)
    shown = main.get_help(context)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        assert f"\n  {name} " in shown
        helps = [command.get_help(click.Context(command, context, info_name=name))]
        if isinstance(command, click.Group):
            helps += [
                one.get_help(click.Context(one, context, info_name=f"{name} {one.name}"))
                for one in command.commands.values()
            ]
        for text in (shown, *helps):
            assert [line for line in text.splitlines() if len(line) > 80] == []
            assert "..." not in text.partition("Commands:")[2]  # no command's help is cut
