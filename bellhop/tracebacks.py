"""Tracebacks as text, on record and in the log: which lines of them a person wants to see."""

import re
from typing import Final

_FRAME: Final = re.compile(r'(?P<margin>[ |]*)File "(?P<file>[^"]*)", line \d+')
_LIBRARY: Final = re.compile(
    r"[/\\](site|dist)-packages[/\\]|[/\\]lib[/\\]python3\.\d+[/\\]|^<frozen "
)


def without_libraries(text: str) -> str:
    """Return a traceback without the frames of libraries, unless it has no others."""
    kept: list[str] = []
    margin: str | None = None
    """Of the frame that is skipped."""
    frames = 0
    for line in text.splitlines():
        if frame := _FRAME.match(line):
            margin = frame["margin"] if _LIBRARY.search(frame["file"]) else None
            frames += margin is None
        elif margin is not None and not line.startswith((f"{margin}  ", f"{margin}[Previous")):
            margin = None
        if margin is None:
            kept.append(line)
    return "\n".join(kept) if frames else text


def first_line(text: str) -> str:
    """Return the first line that says something, or nothing."""
    lines = (line.strip() for line in text[:10_000].splitlines())
    return next((line for line in lines if any(map(str.isalnum, line))), "")
