"""The line of an async handler: mailboxes that wait for a place, and runs that are under way."""

import asyncio
import math
import time
from collections import deque

from bellhop_workers.async_run import AsyncRun
from bellhop_workers.mailbox import ClaimedMailbox


class Line:
    """One handler's line.

    All its runs have the same timeout, so the first that began is the first whose time is up: one
    timer is enough for all of them.
    """

    def __init__(self) -> None:
        self.waiting: deque[ClaimedMailbox] = deque()
        self.at_work = 0
        """How many mailboxes have a place."""
        self.runs: dict[AsyncRun, ClaimedMailbox] = {}
        """With the mailbox of each, in the order in which they begin."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def first_deadline(self) -> float:
        """When the worker is ended if the first run is still under way (`time.monotonic`)."""
        for run in self.runs:
            return run.deadline
        return math.inf

    def watch(self, run: AsyncRun) -> None:
        """Have a run that begins now interrupted when its time is up."""
        if self._timer is None:
            self._set_timer(run.run.handler.timeout)

    def _set_timer(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._interrupt_late)

    def _interrupt_late(self) -> None:
        self._timer = None
        for run in list(self.runs):
            left = run.began + run.run.handler.timeout - time.monotonic()
            if left > 0:
                if left < math.inf:
                    self._set_timer(left)
                return
            run.expire()
