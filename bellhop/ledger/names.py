"""Names that are stored in Redis, where others may write under our keys."""

from collections.abc import Iterable, Iterator
from contextlib import suppress


def readable(names: Iterable[bytes | None]) -> Iterator[str]:
    """Yield names as text. What is missing is left out, and what is no UTF-8: that is not ours."""
    for name in names:
        with suppress(UnicodeDecodeError):
            if name is not None:
                yield name.decode()
