"""Where commands write: streams that may be closed, full, or unable to show every character."""

import codecs
import errno
import io
import os
import re
import select
import shutil
import signal
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import click

_SIGNS = {"…": "...", "→": "->", "•": "*", "—": "-", "–": "-", "’": "'", "“": '"', "”": '"'}
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_STDOUT, _STDERR = 1, 2
_OURS = "bellhop.stdout"


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for characters that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(
        _SIGNS.get(char, "?") for char in error.object[error.start : error.end]
    ), error.end


codecs.register_error("bellhop", _replace)


def open_streams() -> None:
    """Let stdout and stderr take every character, and writing go nowhere if they are closed.

    A terminal that is not UTF-8 gets `...` for an ellipsis, and `?` for what it cannot show.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="bellhop")


def for_reading(text: str) -> str:
    """Return a message in lines that break between words, where the terminal ends.

    What stands in `backticks`, to be copied, stays on one line. Indented lines stay as they are.
    """
    width = max(40, shutil.get_terminal_size().columns)

    def fill(line: str) -> str:
        if len(line) <= width or line[0].isspace():
            return line
        whole = re.sub(r"`[^`]+`", lambda quoted: quoted[0].replace(" ", "\0"), line)
        filled = textwrap.fill(whole, width, break_long_words=False, break_on_hyphens=False)
        return filled.replace("\0", " ")

    return "\n".join(map(fill, text.split("\n")))


@contextmanager
def tell_unwritable() -> Iterator[None]:
    """End the command in a sentence if its output cannot be written, as on a full disk.

    If nobody reads on, as with `| head`, it ends without a word, as if SIGPIPE had ended it.
    """
    try:
        yield
    except BrokenPipeError:
        if not any(map(_has_no_reader, (stdout(), sys.stdout, sys.stderr))):
            raise
        _discard()
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        if error.errno not in _UNWRITABLE or error.filename is not None:
            raise
        with suppress(OSError):
            click.echo(f"bellhop: cannot write the output: {error.strerror}", err=True)
        _discard()
        sys.exit(os.EX_IOERR)


def _has_no_reader(stream: TextIO) -> bool:
    with suppress(OSError, ValueError):
        poll = select.poll()
        poll.register(stream, 0)
        return any(what & select.POLLERR for _, what in poll.poll(0))
    return False


def _discard() -> None:
    """Lead stdout nowhere: what is still to be flushed would fail again when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            try:
                stream.flush()
            except OSError:
                os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def keep_stdout() -> None:
    """Keep stdout for the command's own JSON; whatever else is written there goes to stderr.

    For commands that import the user's modules: what those print, then or later from a thread,
    must not stand among lines of JSON.
    """
    context = click.get_current_context()
    if _OURS in context.meta:
        return
    ours: Any = sys.stdout
    if _is_fd(ours, _STDOUT):
        ours.flush()
        ours = os.fdopen(os.dup(_STDOUT), "w", encoding=ours.encoding, errors=ours.errors)
        context.find_root().call_on_close(lambda: _close(ours))
        with suppress(OSError):
            os.dup2(_STDERR, _STDOUT)
    context.meta[_OURS] = ours
    sys.stdout = sys.stderr


def _close(stream: TextIO) -> None:
    with suppress(OSError):  # whoever wrote last was told
        stream.close()


def stdout() -> Any:
    """Return where the command that is running prints its JSON."""
    context = click.get_current_context(silent=True)
    return context.meta.get(_OURS, sys.stdout) if context else sys.stdout


def _is_fd(stream: TextIO, number: int) -> bool:
    with suppress(OSError, ValueError):
        return stream.fileno() == number
    return False
