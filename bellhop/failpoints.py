"""Places where a process kills itself on purpose, so that tests show what a crash there costs.

`BELLHOP_FAILPOINTS=settle.after=/path/to/token` has the first process that passes there end as by
`kill -9`, if it can rename the token to `token.PID`: it happens once, the process that takes its
place goes on, and the name tells who it was. `settle.after:3=…` lets two passes go by (each process
counts its own). Several are separated by commas or spaces.

Without the variable a failpoint is a look into an empty dictionary.
"""

import difflib
import os
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bellhop.errors import BellhopError
from bellhop.logs import get_logger
from bellhop.nearest import did_you_mean

VARIABLE = "BELLHOP_FAILPOINTS"

NAMES = {
    "accept.before": "receiver: a batch of deliveries is about to be sent to Redis",
    "accept.after": "receiver: Redis has the batch, no delivery of it was answered",
    "enqueue.before": "receiver: answered, but no shift was enqueued",
    "enqueue.after": "receiver: a shift was enqueued",
    "claim.before": "worker: a shift has begun, and asks for its first mail",
    "claim.after": "worker: the first mail is in hand",
    "handler.before": "worker: a sync handler is about to be called",
    "handler.after": "worker: a sync handler is through, its outcome is not written",
    "async_handler.before": "worker: an async handler is about to be called",
    "async_handler.after": "worker: an async handler is through, its outcome is not written",
    "settle.before": "worker: outcomes were collected, and are not written",
    "settle.after": "worker: outcomes are written, and the next mail is in hand",
    "give_back.before": "worker: mail that was not begun is about to be given back",
    "give_back.after": "worker: it was given back",
    "hand_over.before": "worker: more is ready, and the next shift is about to be enqueued",
    "hand_over.after": "worker: the next shift was enqueued",
    "idle.before": "worker: nothing is in hand, and the shift is about to wait for more",
    "idle.after": "worker: it waits, and may be woken",
    "sweep.before": "foreman: about to sweep",
    "sweep.after": "foreman: swept",
    "call_shift.before": "foreman: there is mail, and a shift is about to be enqueued for it",
    "call_shift.after": "foreman: the shift was enqueued",
}
"""Every failpoint, and where it lies."""

_SETTING = re.compile(r"([\w.]+)(?::([1-9][0-9]*))?=(.+)")

_log = get_logger("failpoints")


class InvalidFailpoints(BellhopError):
    """The variable names no failpoint, or no token."""


@dataclass(slots=True)
class Armed:
    """A failpoint that kills at its `passes`th pass, if it can take the token."""

    token: Path
    passes: int

    def passed(self) -> None:
        """Count a pass; kill this process if it is the one."""
        self.passes -= 1
        if self.passes:
            return
        try:
            self.token.rename(f"{self.token}.{os.getpid()}")
        except OSError:  # another process took it
            return
        os.kill(os.getpid(), signal.SIGKILL)


_armed: dict[str, Armed] = {}


def failpoint(name: str) -> None:
    """Kill this process here, if it was asked for."""
    if name in _armed:
        _armed[name].passed()


def arm(environment: Mapping[str, str]) -> None:
    """Arm what the environment asks for in this process and its forks.

    Raises as `read` does.
    """
    _armed.clear()
    _armed.update(read(environment))
    if _armed:
        _log.warning("failpoints are armed: this process may be killed", names=sorted(_armed))


def read(environment: Mapping[str, str]) -> dict[str, Armed]:
    """Read the variable. Raises `InvalidFailpoints`, for a misspelt name with the nearest."""
    armed = {}
    for setting in re.findall(r"[^,\s]+", environment.get(VARIABLE, "")):
        match = _SETTING.fullmatch(setting)
        if not match:
            raise InvalidFailpoints(
                f"{VARIABLE}: expected name=/path/to/token or name:3=/path/to/token, got {setting}"
            )
        name, passes, token = match.groups()
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0)
            raise InvalidFailpoints(f"{VARIABLE}: there is no {name}; {did_you_mean(near)}")
        armed[name] = Armed(Path(token), int(passes or 1))
    return armed
