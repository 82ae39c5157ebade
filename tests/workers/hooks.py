"""Hooks that note what they are told, for tests."""

from typing import Any

from bellhop import SeamEvent
from bellhop.ledger import (
    Ledger,
    Quarantined,
    keys,
)
from bellhop.ledger.handler_record import HandlerRecord
from tests.workers.conftest import Workplace
from tests.workers.told import Told

CLOSED = "ConnectionError: the front desk is closed"


BROKEN = Quarantined("msg_broken", b'{"code": 4711}', ("event_id: is missing", "no type"))


def closed(event: SeamEvent) -> None:
    raise ConnectionError("the front desk is closed")


def with_a_hook(place: Workplace, told: Told, *, pattern: str = "*") -> Workplace:
    """Have it called when `tell`, which never works, gives up."""
    place.on("*", attempts=1, name="tell")(closed)
    place.registry.on_dead(pattern, name="alarm")(told.letter)
    return place


def worker(
    ledger: Ledger, name: str, *, handler: bool = False, told: Told | None = None
) -> Workplace:
    """Return another worker, with `tell`, or with hooks of both kinds."""
    place = Workplace(ledger, worker=name)
    if handler:
        place.on("*", attempts=1, name="tell")(closed)
    if told:
        place.registry.on_dead(name="alarm")(told.letter)
        place.registry.on_quarantined(name="bodies")(told.body)
    place.runtime.subscribe()
    return place


def call_ids(place: Workplace) -> list[str]:
    """Return the ids of all calls on record."""
    found = place.ledger.redis.keys(f"{keys.event('')}hook:*")
    return sorted(name.decode().removeprefix(keys.event("")) for name in found)  # type: ignore[union-attr]


def on_record(place: Workplace, handler: str, call: int = 0) -> dict[str, Any]:
    """Return what is on record of a hook and a call."""
    call_id = call_ids(place)[call]
    stored = place.ledger.event(call_id)[f"h:{handler}"]
    return HandlerRecord.read(stored, call_id, handler).for_people()
