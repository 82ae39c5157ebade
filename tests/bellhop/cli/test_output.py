"""How messages are laid out on a terminal."""

import pytest

from bellhop.cli.output import for_reading


def test_a_message_breaks_between_words_and_not_within_what_is_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    told = for_reading(
        "bellhop: nothing was found: call `bellhop types` for all\n"
        "  an indented line that is long stays as it is"
    )
    assert told.split("\n") == [
        "bellhop: nothing was found: call",
        "`bellhop types` for all",
        "  an indented line that is long stays as it is",
    ]
