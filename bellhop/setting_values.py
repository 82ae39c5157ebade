"""How the values of settings are written: lists, durations, sizes, names of log levels.

Each function takes what was set, raises `ValueError` if that is wrong, and returns what is no text
as it is.
"""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, ByteSize, TypeAdapter

_OTHER_LEVELS = {"warn": "warning", "fatal": "critical", "trace": "debug", "notset": "debug"}
"""What `logging`, and other programs, call the levels."""

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_IMPORT_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def read_words(value: Any) -> Any:
    """Split a text at commas and white space."""
    return tuple(re.findall(r"[^,\s]+", value)) if isinstance(value, str) else value


def read_secrets(value: Any) -> Any:
    """Do the same, and refuse a text that holds nothing else."""
    words = read_words(value)
    if value and not words:
        raise ValueError("there is nothing between its commas")
    return words


def read_lower(value: Any) -> Any:
    """Return a text in lower case."""
    return value.lower() if isinstance(value, str) else value


def read_log_level(value: Any) -> Any:
    """Return the name of a log level, whichever of its names was given."""
    name = read_lower(value)
    return _OTHER_LEVELS.get(name, name) if isinstance(name, str) else name


def read_import_paths(value: Any) -> Any:
    """Split a text into import paths, and refuse anything else."""
    words = read_words(value)
    if not all(isinstance(word, str) and _IMPORT_PATH.fullmatch(word) for word in words):
        raise ValueError("no import paths")
    return words


def read_duration(value: Any) -> Any:
    """Turn `90s`, `15m`, `36h` or `14d`, or a plain number of seconds, into a `timedelta`."""
    if isinstance(value, str):
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd]?)", value.strip())
        if not match:
            raise ValueError("not a duration")
        try:
            return timedelta(**{_UNITS[match[2] or "s"]: float(match[1])})
        except OverflowError as error:
            raise ValueError("too long") from error
    return value


def written_duration(value: timedelta) -> str:
    """Return a duration in the largest unit of which it is a whole number: `14d`, `90m`, `1.5s`."""
    for unit in ("d", "h", "m"):
        if value and not value % (one := timedelta(**{_UNITS[unit]: 1})):
            return f"{value // one}{unit}"
    return f"{value.total_seconds():g}s"


def read_byte_count(value: Any) -> Any:
    """Turn `512KiB`, or a plain number of bytes, into an `int` from 1 KiB to 64 MiB."""
    count = TypeAdapter(ByteSize).validate_python(value)
    if not 1024 <= count <= 64 * 1024**2:
        raise ValueError("out of range")
    return int(count)


def read_count(value: Any) -> Any:
    """Turn a number into an `int`, and `off` or 0 into `None`."""
    return None if _is_off(value) else value


def read_memory(value: Any) -> Any:
    """Turn `1GiB`, or a plain number of bytes, into an `int`, and `off` or 0 into `None`."""
    if _is_off(value):
        return None
    count = TypeAdapter(ByteSize).validate_python(value)
    if not 1024**2 <= count <= 1024**4:
        raise ValueError("out of range")
    return int(count)


def _is_off(value: Any) -> bool:
    return value in (None, 0) or (isinstance(value, str) and value.strip().lower() in ("0", "off"))


Duration = Annotated[timedelta, BeforeValidator(read_duration)]
ImportPaths = Annotated[tuple[str, ...], BeforeValidator(read_import_paths)]
