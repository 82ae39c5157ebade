"""How a pool has workers replaced that have done or use too much, one at a time."""

import os
from collections.abc import Sequence

from bellhop.logs import get_logger
from bellhop_workers.process import WorkerProcess
from bellhop_workers.usage import ReplacementToken, Usage, resident_bytes

_MIB = 1024**2

_LEAST_ROOM = 64 * _MIB
"""Bytes beyond what a worker has when idle that it may use whatever the limit is: some are for
what it imports or keeps with its first events, and another worker would need them just as well."""

_log = get_logger("workers")


class Replacing:
    """Has the workers of a pool leave when they reach a limit.

    workers: how many the pool keeps. max_events: runs of handlers, which each worker counts itself.
    max_memory: bytes, which are looked at from outside. `None`: no limit.
    """

    def __init__(self, workers: int, max_events: int | None, max_memory: int | None) -> None:
        self._token = ReplacementToken()
        self._has_token = True
        self._workers = workers
        self._max_events = max_events
        self._max_memory = max_memory
        self._told_too_low = False
        if max_memory is not None and resident_bytes(os.getpid()) is None:
            self._max_memory = None
            _log.info("this system has no /proc to see memory in: BELLHOP_MAX_MEMORY has no effect")

    def usage_of(self, name: str) -> Usage:
        """Return what a worker that is about to be started shares with this pool."""
        brings_token, self._has_token = self._has_token, False
        return Usage(name, most_runs=self._max_events, token=self._token, brings_token=brings_token)

    def look(self, workers: Sequence[WorkerProcess]) -> None:
        """Look at the workers that live. To be called every second."""
        self._renew_token(workers)
        for worker in workers:
            if self._max_memory is None or not worker.usage.idle_bytes or worker.usage.leaves:
                continue
            used = resident_bytes(worker.pid) or 0
            if used > self._limit(worker, self._max_memory) and self._token.take():
                _log.info(
                    f"a worker uses {used // _MIB} MiB and is replaced",
                    worker=worker.name,
                    idle=f"{worker.usage.idle_bytes // _MIB} MiB",
                )
                worker.replace()

    def _limit(self, worker: WorkerProcess, max_memory: int) -> int:
        """Return how much a worker may use: never less than it needs to be of any use."""
        idle = worker.usage.idle_bytes
        least = idle + max(_LEAST_ROOM, idle // 4)
        if max_memory < least and not self._told_too_low:
            self._told_too_low = True
            _log.warning(
                "BELLHOP_MAX_MEMORY is below what a worker needs: it is replaced when it uses "
                f"{least // _MIB} MiB",
                max_memory=f"{max_memory // _MIB} MiB",
                idle=f"{idle // _MIB} MiB",
            )
        return max(max_memory, least)

    def _renew_token(self, workers: Sequence[WorkerProcess]) -> None:
        """Take the token from a worker that left or died with it, until the pool is whole."""
        if not self._has_token:
            taken = self._token.take()
            if not taken and any(worker.usage.may_have_token for worker in workers):
                return
            self._has_token = True
        ready = [one for one in workers if one.usage.idle_bytes and not one.usage.leaves]
        if len(ready) == self._workers:
            self._has_token = False
            self._token.give()
