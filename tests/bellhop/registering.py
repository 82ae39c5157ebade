"""How the tests of `@on` register a handler, and read what became of it."""

from collections.abc import Callable
from typing import Any

import pytest

from bellhop import BellhopError, InvalidHandler, Registry


def plain(event: Any) -> None:
    """Handle nothing."""


def names(handlers: Registry, event_type: str) -> list[str]:
    return [handler.name for handler in handlers.match(event_type)]


def refusal(register: Callable[[], object]) -> str:
    """Return the message with which a registration is refused: one line, as a BellhopError."""
    with pytest.raises(BellhopError) as caught:
        register()
    assert type(caught.value) is InvalidHandler
    message = str(caught.value)
    assert "\n" not in message
    return message
