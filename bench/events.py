"""Events of 1 kB, as Seam sends them, each with its own id, quickly."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from bellhop.ledger import Arrival
from bellhop.samples import sample

SIZE = 1024
"""Bytes of a body."""

TYPE = "lock.unlocked"
_ID = "00000000-0000-4000-8000-0000000000e1"
_DEVICE = "00000000-0000-4000-8000-0000000000d1"


class Maker:
    """Makes bodies. `run`, eight hex digits, keeps the ids of one filling apart from another's."""

    def __init__(self, run: str, devices: int, busy_percent: int = 0) -> None:
        """`busy_percent` of the events are of device 0, the others spread over the rest."""
        content = sample(TYPE, {"device_id": _DEVICE}, now=datetime.now(UTC), new_id=lambda: _ID)
        missing = SIZE - len(json.dumps({**content, "device_custom_metadata": {"note": ""}}))
        content["device_custom_metadata"] = {"note": "x" * missing}
        before, rest = json.dumps(content).split(_ID)
        between, after = rest.split(_DEVICE)
        self._parts = before, between, after
        self._run = run
        self._devices = devices
        self._busy_percent = busy_percent

    def event_id(self, number: int) -> str:
        """Return the id of an event."""
        return f"{self._run}-0000-4000-8000-{number:012d}"

    def is_busy(self, number: int) -> bool:
        """Say whether an event is of the busy device."""
        return number * 37 % 100 < self._busy_percent

    def device_id(self, number: int) -> str:
        """Return the device of an event."""
        device = 0 if self.is_busy(number) else 1 + number % self._devices
        return f"00000000-0000-4000-8000-{device:012d}"

    def body(self, number: int) -> bytes:
        """Return the body of an event."""
        before, between, after = self._parts
        middle = f"{self.event_id(number)}{between}{self.device_id(number)}"
        return f"{before}{middle}{after}".encode()

    def arrivals(self, first: int, count: int) -> Iterator[Arrival]:
        """Yield events as the receiver hands them to the ledger."""
        for number in range(first, first + count):
            event_id = self.event_id(number)
            mailbox = f"device:{self.device_id(number)}"
            yield Arrival(f"msg_{event_id}", event_id, TYPE, mailbox, self.body(number))
