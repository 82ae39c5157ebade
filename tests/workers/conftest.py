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
from bellhop.ledger import Arrival, Ledger, keys
from bellhop_workers.runtime import Runtime
from bellhop_workers.shift import Shift


class Workplace:
    """A registry of handlers, a ledger with mail, and a worker that can be told to do a shift."""

    def __init__(self, ledger: Ledger, worker: str = "w", slice: float = 30.0) -> None:
        self.ledger = ledger
        self.registry = Registry()
        self.on = self.registry.on
        self.runtime = Runtime(ledger, self.registry, worker=worker, concurrency=50, slice=slice)
        self._numbers = itertools.count(1)

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
        """Do one shift."""
        Shift(self.runtime).run()

    def later(self, wait: timedelta = timedelta(days=1)) -> None:
        """Let the foreman sweep as if so much time had passed."""
        seconds, _ = self.ledger.redis.time()
        now = (seconds + wait.total_seconds()) * 1000
        self.ledger.sweep(queued=0, now_ms=round(now))

    def record(self, event_id: str, handler: Callable[..., Any]) -> dict[str, Any]:
        """Return what is on record of a handler and an event."""
        name = next(known.name for known in self.registry if known.function is handler)
        read: dict[str, Any] = json.loads(self.ledger.event(event_id)[f"h:{name}"])
        return read

    def due(self) -> float:
        """Return when the only retry is due, in seconds since the epoch."""
        waiting: Any = self.ledger.redis.zrange(keys.DUE, 0, -1, withscores=True)
        [(_, due)] = waiting
        return float(due) / 1000

    def state(self, event_id: str) -> str:
        """Return the state of an event."""
        return self.ledger.event(event_id)["state"].decode()


@pytest.fixture
def workplace(ledger: Ledger) -> Workplace:
    """A worker with no handlers and no mail."""
    return Workplace(ledger)
