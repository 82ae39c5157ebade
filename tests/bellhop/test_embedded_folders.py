"""The embedded Redis works in a folder of any name."""

import os
import sys
from pathlib import Path

import pytest

from bellhop.connections import connect
from bellhop.embedded import EmbeddedRedis, embedded_url

NAMES = [
    "my hotel",
    "O'Brien's",
    'the "Ritz"',
    "two\nlines",
    " ends with spaces ",
    "Zürich 🏨",
    "100%41 #1?a=b&c",
    "a@b:c",
    "back\\slash\\n",
    "$HOME `id` ;*",
    "-v",
    "#",
    "{bellhop}",
]


@pytest.mark.parametrize("name", NAMES)
def test_it_starts_and_is_reached_in_a_folder_of_any_name(name: str, tmp_path: Path) -> None:
    keeps_an_event(tmp_path / name)


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no names that are not UTF-8")
def test_it_starts_in_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    keeps_an_event(tmp_path / os.fsdecode(b"caf\xe9"))


def test_it_starts_in_a_folder_with_a_very_long_path(tmp_path: Path) -> None:
    keeps_an_event(tmp_path.joinpath(*["a long name " * 16] * 10))


def keeps_an_event(folder: Path) -> None:
    """Start a server twice in a folder: what the first was told, the second knows."""
    folder.mkdir(parents=True)
    for before in (None, b"kept"):
        server = EmbeddedRedis(folder / ".bellhop")
        server.start()
        try:
            assert embedded_url(folder / ".bellhop") == server.url
            with connect(server.url) as client:
                assert client.client_info()["db"] == 0  # RQ asks, and redis-py must understand
                assert client.get("event") == before
                client.set("event", "kept")
        finally:
            server.stop()
