"""A worker without its process: handlers of a test, and shifts done on demand."""

import itertools
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bellhop import Registry
from bellhop.events import parse
from bellhop.ledger import Arrival, ClaimLimit, HandlerRecord, Ledger, Mail, keys
from bellhop.queue import queue_keys
from bellhop_workers.runtime import Runtime
from bellhop_workers.shift import Shift
from bellhop_workers.usage import Usage
from tests.workers.told import Told


class Workplace:
    """A registry of handlers, a ledger with mail, and a worker that can be told to do a shift."""

    def __init__(
        self,
        ledger: Ledger,
        worker: str = "w",
        *,
        slice: float = 30.0,
        idle: float = 0.0,
        concurrency: int = 50,
        registry: Registry | None = None,
        usage: Usage | None = None,
    ) -> None:
        self.ledger = ledger
        self.registry = Registry() if registry is None else registry
        self.on = self.registry.on
        self.runtime = Runtime(
            ledger,
            self.registry,
            worker=worker,
            concurrency=concurrency,
            slice=slice,
            idle=idle,
            usage=usage,
        )
        self._numbers = itertools.count(1)

    def next_worker(self, worker: str = "next") -> "Workplace":
        """Return another worker of this ledger, with the same handlers."""
        return Workplace(self.ledger, worker, registry=self.registry)

    def deliver(
        self,
        event_type: str = "lock.unlocked",
        device: str = "front",
        *,
        ago: timedelta = timedelta(),
        **more: Any,
    ) -> str:
        """Accept an event, so long ago, and return its id."""
        arrival = self._arrival(event_type, device, **more)
        accepted = time.time() - ago.total_seconds()
        self.ledger.accept([arrival], now_ms=round(accepted * 1000) if ago else None)
        return arrival.event_id

    def deliver_many(self, count: int, *, devices: int) -> None:
        """Accept so many events in one call, of so many devices in turn."""
        self.ledger.accept(
            [self._arrival("lock.unlocked", f"d{number % devices}") for number in range(count)]
        )

    def _arrival(self, event_type: str, device: str, **more: Any) -> Arrival:
        number = next(self._numbers)
        event_id = f"e{number}"
        content = {"event_id": event_id, "event_type": event_type, "device_id": device, **more}
        body = json.dumps(content).encode()
        event = parse(body).event
        return Arrival(f"msg_{number}", event_id, event_type, event.mailbox, body)

    def work(self) -> None:
        """Do one shift, after the ledger was told of all handlers."""
        self.runtime.subscribe()
        Shift(self.runtime).run()

    def work_through(self) -> None:
        """Do shifts until no mailbox is ready: after a suspect, a shift ends."""
        self.work()
        while any(self.ready(one.name) + self.suspects(one.name) for one in self.registry):
            self.work()

    def later(self, wait: timedelta = timedelta(days=1)) -> None:
        """Let the foreman sweep as if so much time had passed."""
        seconds, _ = self.ledger.redis.time()
        now = (seconds + wait.total_seconds()) * 1000
        workers: Any = self.ledger.redis.hkeys(keys.WORKERS)
        alive = [worker.decode() for worker in workers]
        self.ledger.sweep(queues=queue_keys(), alive=alive, now_ms=round(now))

    def die(self, under: str = "") -> None:
        """Let this worker die, and its pool see it: under that entry, if it is known."""
        swept = self.ledger.sweep(queues=queue_keys(), dead={self.runtime.worker: under})
        assert swept.freed == (self.runtime.worker,)

    def claim(self, mailboxes: int = 99, entries: int = 99, share: int = 99) -> tuple[Mail, ...]:
        """Take mail as this worker does, of each of its handlers, and run nothing of it."""
        self.runtime.subscribe()
        limits = [
            ClaimLimit(one.name, mailboxes, entries, share, is_async=True) for one in self.registry
        ]
        claimed = self.ledger.claim(self.runtime.worker, self.runtime.ledger.handlers, limits)
        return claimed.mail

    def ready(self, handler: str) -> list[str]:
        """Return the mailboxes of a handler that nobody holds, those first that are next."""
        return self._names(keys.ready(handler))

    def suspects(self, handler: str) -> list[str]:
        """Return the mailboxes of a handler whose first entry is to be run alone."""
        return self._names(keys.suspects(handler))

    def _names(self, key: str) -> list[str]:
        found: Any = self.ledger.redis.lrange(key, 0, -1)
        return [name.decode() for name in found]

    def record(self, event_id: str, handler: Callable[..., Any]) -> dict[str, Any]:
        """Return what is on record of a handler and an event."""
        name = next(known.name for known in self.registry if known.function is handler)
        stored = self.ledger.event(event_id)[f"h:{name}"]
        return HandlerRecord.shown(stored, event_id, name).for_people()

    def due(self) -> float:
        """Return when the only retry is due, in seconds since the epoch."""
        waiting: Any = self.ledger.redis.zrange(keys.DUE, 0, -1, withscores=True)
        [(_, due)] = waiting
        return float(due) / 1000

    def state(self, event_id: str) -> str:
        """Return the state of an event: `accepted` until the first of its handlers was tried."""
        return self.ledger.event(event_id).get("state", b"accepted").decode()


@pytest.fixture
def workplace(ledger: Ledger) -> Workplace:
    """A worker with no handlers and no mail."""
    return Workplace(ledger)


@pytest.fixture
def told() -> Told:
    return Told()
