"""What a handler raised, in words: for the record, and for the log.

It may be anything: an error whose `__str__` raises, whose class lies about its name, with a message
of megabytes. There is always something to tell of it, and telling it never fails.
"""

import traceback
from pathlib import Path
from typing import Any, NamedTuple

import bellhop
from bellhop.events import SeamEvent
from bellhop.tracebacks import first_line, without_libraries
from bellhop_workers.said import LONGEST_TEXT, masked

_OURS = (str(Path(__file__).parent), str(Path(bellhop.__file__).parent))
_LONGEST_REPORT = 200_000
_DEEPEST_GROUP = 5
_UNTOLD = "(its message cannot be told)"


class Failure(NamedTuple):
    """An error in words. summary: in a line. text: with its traceback, if it has one."""

    summary: str
    text: str


def failure_of(error: BaseException, event: SeamEvent) -> Failure:
    """Return what a handler raised in words, without the event's door codes."""
    words = words_of(error)
    return Failure(masked(words.summary, event), masked(words.text, event))


def words_of(error: BaseException) -> Failure:
    """Return an error with its traceback, without our own frames.

    The summary is its class and the first line of its message; of a group, also of the first error
    in it.
    """
    summary = _summary(error)
    try:
        report = traceback.TracebackException.from_exception(error)
        _leave_out_our_frames(report)
        text = _bounded(report)
    except BaseException:  # it is the handler's, and may raise anything
        text = summary
    if len(text) > LONGEST_TEXT:
        text = without_libraries(text)
    return Failure(summary, text)


def message_of(error: BaseException) -> str:
    """Return what an error says, whatever its `__str__` does."""
    try:
        return str(error)[:_LONGEST_REPORT]
    except BaseException:  # as above
        return _UNTOLD


def name_of(error: BaseException) -> str:
    """Return the name of an error's class, whatever that says of itself."""
    name: str = type.__dict__["__name__"].__get__(type(error))
    return name[:200]


def _summary(error: BaseException) -> str:
    parts = []
    for _ in range(_DEEPEST_GROUP):
        line = first_line(message_of(error))
        parts.append(f"{name_of(error)}: {line}" if line else name_of(error))
        if not issubclass(type(error), BaseExceptionGroup):
            break
        error = BaseExceptionGroup.exceptions.__get__(error)[0]
    return ": ".join(parts)


def _leave_out_our_frames(report: traceback.TracebackException) -> None:
    todo: list[Any] = [report]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        frames = [frame for frame in one.stack if not frame.filename.startswith(_OURS)]
        one.stack = traceback.StackSummary.from_list(frames)
        todo += [one.__cause__, one.__context__, *(one.exceptions or ())]


def _bounded(report: traceback.TracebackException) -> str:
    parts: list[str] = []
    length = 0
    for part in report.format():
        parts.append(part if len(part) <= _LONGEST_REPORT else part[:_LONGEST_REPORT])
        length += len(parts[-1])
        if length > _LONGEST_REPORT:
            break
    return "".join(parts)
