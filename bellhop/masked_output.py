"""Standard output and error of a process whose lines must show no secret, whoever writes them.

All that Python writes there passes: `print`, `logging`, structlog and warnings as the user's code
configures them, tracebacks of threads and tasks, and what Python itself reports. What goes past
`sys.stdout` and `sys.stderr` does not: file descriptors, C code, other programs.
"""

import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

from bellhop.events.masking import DOTS

_LONGEST_LINE: Final = 64 * 1024
"""Bytes of a line after which it is written though it has not ended."""

_AT_ONCE: Final = 500_000
"""Characters that are masked at once, which takes 0.2 s. Of a million, all would be dots."""
_AROUND: Final = 2_000
"""Characters before and after the end of a line in which a secret that lies across it is found."""
_TRIES: Final = 10

Mask = Callable[[str], str]


def mask_output(mask: Mask) -> None:
    """Have every line that this process writes to its standard output and error masked."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and not isinstance(stream.buffer, _Masked):
            masked = io.TextIOWrapper(
                _Masked(stream, mask),
                encoding=stream.encoding,
                errors="backslashreplace",
                line_buffering=True,
            )
            setattr(sys, name, masked)
            setattr(sys, f"__{name}__", masked)


class _Masked(io.BufferedIOBase):
    """The bytes below a text stream. Keeps a line until it has ended, or is flushed."""

    def __init__(self, stream: io.TextIOWrapper, mask: Mask) -> None:
        self._stream = stream  # it would close its file if nobody had it
        self._to = stream.buffer
        self._mask = mask
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        # In a process that is forked while another thread writes, nobody would release its lock.
        self._lock = threading.RLock()
        self._line = bytearray()

    def write(self, data: Any, /) -> int:
        with self._lock:
            self._line += data
            ended = max(self._line.rfind(b"\n"), self._line.rfind(b"\r")) + 1
            if ended or len(self._line) > _LONGEST_LINE:
                self._write_out(ended or len(self._line))
        return len(data)

    def flush(self) -> None:
        with self._lock:
            if self._line:
                self._write_out(len(self._line))
            self._to.flush()

    def _write_out(self, length: int) -> None:
        encoding = self._stream.encoding
        text = self._line[:length].decode(encoding, "surrogateescape")
        del self._line[:length]
        try:
            masked = "".join(_masked(piece, self._mask) for piece in _pieces(text, self._mask))
        except Exception:  # a mask that fails must neither show what it was given nor break a log
            masked = f"{DOTS}\n"
        try:
            written = masked.encode(encoding, "surrogateescape")
        except UnicodeEncodeError:  # it has no dots
            written = masked.encode(encoding, "backslashreplace")
        self._to.write(written)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._to.isatty()

    def fileno(self) -> int:
        return self._to.fileno()

    @property
    def name(self) -> str:
        return self._stream.name

    def close(self) -> None:
        """Write what is left, and leave the file open for those that come after."""
        self.flush()


def _pieces(text: str, mask: Mask) -> Iterator[str]:
    """Yield a text in pieces of whole lines that are short enough to be masked, if it has such."""
    start = 0
    while start < len(text):
        end = _end_of_piece(text, start, mask)
        yield text[start:end]
        start = end


def _end_of_piece(text: str, start: int, mask: Mask) -> int:
    """Return the end of a line after which no secret goes on, or that of the text."""
    most = start + _AT_ONCE
    if len(text) <= most:
        return len(text)
    ends: list[int] = []
    at = most
    while len(ends) < _TRIES and (at := text.rfind("\n", start, at)) >= 0:
        ends.append(at + 1)
    if not ends and (at := text.find("\n", most)) >= 0:  # one line is too long, and will be dots
        ends.append(at + 1)
    for end in ends:
        before, after = text[max(start, end - _AROUND) : end], text[end : end + _AROUND]
        if mask(before + after) == mask(before) + mask(after):
            return end
    return len(text)


def _masked(text: str, mask: Mask) -> str:
    """Return lines without secrets; a line that was JSON stays JSON."""
    masked = mask(text)
    if text.endswith("\n") and not masked.endswith("\n"):
        masked += "\n"  # what comes next is a line of its own
    if masked == text or not text.startswith("{"):
        return masked
    return "".join(_masked_line(line, mask) for line in text.splitlines(keepends=True))


def _masked_line(line: str, mask: Mask) -> str:
    masked = mask(line)
    if masked == line or _json(masked) is not None or (content := _json(line)) is None:
        return masked
    copy = json.dumps(masked_values(content, mask), ensure_ascii=False)
    # What is spelled over several values is not found in one of them.
    return f"{copy}\n" if mask(copy) == copy else masked


def _json(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


def masked_values(value: object, mask: Mask) -> object:
    """Return a copy of a value as in JSON, in which each text and number is masked."""
    if isinstance(value, dict):
        return {mask(name): masked_values(inner, mask) for name, inner in value.items()}
    if isinstance(value, list):
        return [masked_values(inner, mask) for inner in value]
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = str(value)
        return value if mask(text) == text else DOTS
    return value
