"""Whether a run failed because its process is out of something: then no handler is to blame.

Another run in this process would fail in the same way, and one in a new process may not. So it
counts as no attempt, and the worker is replaced.
"""

import errno
from typing import Any

_MOST_CAUSES = 10
_NUMBERS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_NO_THREAD = "can't start new thread"


def process_fault(error: BaseException) -> str:
    """Return what the process lacks, or "" if it lacks nothing: by the error, or what caused it."""
    cause: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if cause is None:
            break
        if fault := _fault(cause):
            return fault
        before = _own(cause, "__cause__")
        cause = _own(cause, "__context__") if before is None else before
    return ""


def _fault(error: BaseException) -> str:
    # By the class itself: an error may lie about its own.
    kind = type(error)
    said = next(iter(_own(error, "args")), None)
    if issubclass(kind, MemoryError):
        return "it is out of memory"
    if issubclass(kind, OSError) and type(said) is int and said in _NUMBERS:
        return "it is out of memory or file descriptors"
    if kind is RuntimeError and type(said) is str and said == _NO_THREAD:
        return "it can start no more threads"
    return ""


def _own(error: BaseException, name: str) -> Any:
    """Return what Python keeps of an error, whatever the error's class makes of the name."""
    return vars(BaseException)[name].__get__(error)
