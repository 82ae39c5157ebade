"""The file `.env`: python-dotenv's format, and an error for every line that cannot be read.

python-dotenv skips what it cannot parse. Bellhop must not: without its line for the signing secret,
`bellhop up` would make a secret of its own, and refuse every webhook of Seam's.
"""

import io
import os
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv.main import DotEnv
from dotenv.parser import Binding, parse_stream

from bellhop.errors import InvalidSettings

_MOST = 1024 * 1024
"""Bytes of the largest file that is read: it may be a pipe that never ends."""

_NAME = re.compile(r"[!-~]+")
_OURS = re.compile(r"(BELLHOP_|SEAM_)\w+|PORT|REDIS_URL|VALKEY_URL", re.IGNORECASE)
_REFERENCE = re.compile(r"\$\{([^}:]+)\}")
_SWALLOWED = re.compile(r"\n\s*(?:export\s+)?(?:BELLHOP_|SEAM_)\w+\s*=")


@dataclass(frozen=True, slots=True)
class Line:
    """A variable of the file. `number`: of the line on which it begins, from 1."""

    value: str
    number: int


def read_env_file(path: Path) -> Mapping[str, Line]:
    """Read the variables of a file; none if there is no such file.

    `${NAME}` stands for the value of another variable, of the environment's first. Raises
    `InvalidSettings` with the number of the first line that is wrong.
    """
    text = read_text(path)
    if text is None:
        return {}
    if "\0" in text:
        raise InvalidSettings(f"{path}, line {_line_of(text, chr(0))}: a zero byte; save as UTF-8")
    numbers: dict[str, int] = {}
    values: dict[str, str | None] = {}
    for binding in parse_stream(io.StringIO(text, newline="")):
        number = _first_line(binding)
        _check(path, number, binding)
        if binding.key is None:
            continue
        if _OURS.fullmatch(binding.key) and values.get(binding.key, binding.value) != binding.value:
            raise InvalidSettings(
                f"{path}, line {number}: {binding.key} has another value on line "
                f"{numbers[binding.key]}; remove one of the two"
            )
        _check_references(path, number, binding, values)
        numbers[binding.key], values[binding.key] = number, binding.value
    found = DotEnv(None, stream=io.StringIO(text, newline=""), override=False).dict()
    return {name: Line(found[name] or "", number) for name, number in numbers.items()}


def read_text(path: Path) -> str | None:
    """Return the text of a file, or `None` if there is none. Raises `InvalidSettings`."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST + 1)
    except FileNotFoundError:
        if not path.is_symlink():
            return None
        raise InvalidSettings(
            f"cannot read {path}: it is a link to a file that does not exist"
        ) from None
    except IsADirectoryError:
        raise InvalidSettings(
            f"cannot read {path}: it is a directory; remove it, or put a file in its place"
        ) from None
    except OSError as error:
        raise InvalidSettings(f"cannot read {path}: {error.strerror}") from None
    if len(content) > _MOST:
        raise InvalidSettings(f"cannot read {path}: it is larger than 1 MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidSettings(f"cannot read {path}: it is not UTF-8") from None


def _first_line(binding: Binding) -> int:
    text = binding.original.string
    before = text[: len(text) - len(text.lstrip())]
    return binding.original.line + len(re.findall(r"\r\n|\n|\r", before))


def _check(path: Path, number: int, binding: Binding) -> None:
    """Raise `InvalidSettings` unless this is a comment, or a name with a value."""
    where = f"{path}, line {number}"
    if binding.error:
        quoted = re.match(r"[^=#]*=\s*[\"']", binding.original.string.strip())
        expected = "a quote is not closed, or text follows it" if quoted else "not NAME=value"
        raise InvalidSettings(f"{where}: {expected}")
    if binding.key is None:
        return
    if binding.value is None:
        raise InvalidSettings(f"{where}: no = after the name; expected NAME=value")
    if not _NAME.fullmatch(binding.key):
        raise InvalidSettings(f"{where}: the name holds a character that is not printable ASCII")
    if _SWALLOWED.search(binding.value):
        raise InvalidSettings(f"{where}: a quote is not closed before the next setting")


def _check_references(path: Path, number: int, binding: Binding, before: Container[str]) -> None:
    """Raise `InvalidSettings` if a setting refers to a variable that nobody set."""
    if not _OURS.fullmatch(binding.key or ""):
        return
    for name in _REFERENCE.findall(binding.value or ""):
        if name not in before and name not in os.environ:
            raise InvalidSettings(
                f"{path}, line {number}: {binding.key} refers to {name}, which is not set"
            )


def _line_of(text: str, char: str) -> int:
    return len(re.findall(r"\r\n|\n|\r", text[: text.index(char)])) + 1
