"""Where settings come from, other than the environment itself, and how tests name their values."""

from pathlib import Path
from typing import Any


def dotenv(text: str | bytes) -> None:
    """Write `.env` in the current directory, which is the test's own."""
    Path(".env").write_bytes(text if isinstance(text, bytes) else text.encode())


def short(value: Any) -> str:
    return ascii(value)[:50].replace("::", ": :")
