"""How a pool has workers replaced that have done or use too much, one at a time."""

import os
from collections.abc import Sequence

from bellhop.logs import get_logger
from bellhop_workers.process import WorkerProcess
from bellhop_workers.wear import Turn, Wear, resident_bytes

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
        self._turn = Turn()
        self._has_turn = True
        self._workers = workers
        self._max_events = max_events
        self._max_memory = max_memory
        self._told_too_low = False
        if max_memory is not None and resident_bytes(os.getpid()) is None:
            self._max_memory = None
            _log.info("this system has no /proc to see memory in: BELLHOP_MAX_MEMORY has no effect")

    def wear_of(self, name: str) -> Wear:
        """Return what a worker that is about to be started shares with this pool."""
        brings_turn, self._has_turn = self._has_turn, False
        return Wear(name, most_runs=self._max_events, turn=self._turn, brings_turn=brings_turn)

    def look(self, workers: Sequence[WorkerProcess]) -> None:
        """Look at the workers that live. To be called every second."""
        self._renew_turn(workers)
        for worker in workers:
            if self._max_memory is None or not worker.wear.idle_bytes or worker.wear.leaves:
                continue
            used = resident_bytes(worker.pid) or 0
            if used > self._limit(worker, self._max_memory) and self._turn.take():
                _log.info(
                    f"a worker uses {used // _MIB} MiB and is replaced",
                    worker=worker.name,
                    idle=f"{worker.wear.idle_bytes // _MIB} MiB",
                )
                worker.replace()

    def _limit(self, worker: WorkerProcess, max_memory: int) -> int:
        """Return how much a worker may use: never less than it needs to be of any use."""
        idle = worker.wear.idle_bytes
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

    def _renew_turn(self, workers: Sequence[WorkerProcess]) -> None:
        """Have the turn from who left or died with it, and until the pool is whole."""
        if not self._has_turn:
            taken = self._turn.take()
            if not taken and any(worker.wear.may_have_turn for worker in workers):
                return
            self._has_turn = True
        ready = [one for one in workers if one.wear.idle_bytes and not one.wear.leaves]
        if len(ready) == self._workers:
            self._has_turn = False
            self._turn.give()
