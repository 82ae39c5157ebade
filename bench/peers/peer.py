"""What a measurement may ask of each."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from redis import Redis

from bench.processes import Command
from bench.stage import Stage

Job = Literal[
    "count",
    "asynchronous",
    "mixed",
    "three",
    "compute",
    "wait",
    "stamp",
    "slow",
    "apart_sync",
    "apart_async",
]
"""What handlers do.

They count, or note when they began. `asynchronous`: on an event loop; `mixed`: beside an async
handler of events that do not come; `three`: three of them for each event; `compute`: after 1 ms of
the processor; `wait`: after 300 ms without a thread; `slow`: after they kept a thread for 5 ms;
`apart_sync`, `apart_async`: beside another handler of the same events, which sleeps for 5 s.
"""

MATCHING: Mapping[Job, int] = {"three": 3}
"""How many handlers of an event count, if it is not one. A peer has a job for each."""


class Peer:
    """One of those that are measured.

    `key`: how `PEERS=` names it. `front`: what takes requests in for it, if that has another name.
    `settings`, `front_settings`: how both are configured, for the tables. `database`: the one that
    it has to itself.
    """

    key: ClassVar[str]
    name: ClassVar[str]
    front: ClassVar[str] = ""
    settings: ClassVar[str]
    front_settings: ClassVar[str] = ""
    database: ClassVar[int]
    path: ClassVar[str] = "/webhooks/seam"
    share: ClassVar[float] = 1.0
    """What part of the events it is given, where it is slow."""
    teams: ClassVar[tuple[int, ...]] = (2,)
    """With how many worker processes it is measured."""
    orders: ClassVar[bool] = False
    """Whether it matters to it how many devices the events are of."""
    warm_up: ClassVar[int] = 300
    """Events that its workers handle before the clock starts."""
    warm_up_seconds: ClassVar[float] = 0.3
    """How long its receiver takes events in before the clock starts."""
    most_a_second: ClassVar[int] = 8_000
    """Requests that its receiver cannot exceed: so many are made beforehand."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.url = stage.redis.url(self.database)
        self.redis: Redis = stage.redis.client(self.database)
        stage.at_the_end(self.redis.close)

    def receiver(self, port: int) -> Command:
        """Return how to start what takes requests in, in one process."""
        raise NotImplementedError

    def worker(self, job: Job, processes: int, concurrency: int) -> Command:
        """Return how to start what handles events. `concurrency` of them at a time, if it can."""
        raise NotImplementedError

    def fill(self, run: str, first: int, count: int, devices: int, jobs: int = 1) -> None:
        """Have so many events wait. `jobs`: for each, unless it is given to handlers by itself."""
        raise NotImplementedError

    def is_up(self, processes: int) -> bool:
        """Say whether so many workers wait for events, where that can be known."""
        return True

    def is_idle(self) -> bool:
        """Say whether nothing is left to be written down of what was handled."""
        return True

    def expect_workers(self, handlers: int = 1) -> None:
        """Know of the workers for the job `count` that come later, if it matters to what comes.

        `handlers`: how many match each event.
        """

    def clear(self) -> None:
        """Forget all events; nothing is under way."""
        execute: Any = self.redis.execute_command
        execute("FLUSHDB", "SYNC")  # Valkey would do it later by default
