"""No core dumps: the memory of every process here holds door codes, secrets or keys."""

import ctypes
import resource
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_DUMPABLE = 4


def switch_off_core_dumps() -> None:
    """Have the kernel write no memory of this process, whatever ends it.

    The limit holds for all that it starts, as well. On Linux other processes of the same user can
    no longer read its memory or its environment, either; that holds for what it forks, and each
    program that it executes has to ask for it itself. (A pipe as `core_pattern` ignores the limit,
    but not this.) The embedded server cannot: a filter that it inherits keeps its memory out.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/coredump_filter").write_text("0")  # before this is root's to write
        with suppress(OSError, AttributeError):  # a libc without prctl
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
