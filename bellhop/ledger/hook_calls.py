"""Calls of hooks: what they are about, and what the hooks did about it. `hooks.lua` makes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json
from redis import Redis

from bellhop.ledger import keys
from bellhop.ledger.deadletters import DeadLetter
from bellhop.ledger.handled import Handled, handled_by, read_records
from bellhop.ledger.quarantine import Kept
from bellhop.vault import Vault


def about(call: bytes) -> Mapping[str, str]:
    """Return what a call is about: `kind`, and `event_id` and `handler`, or `delivery_id`."""
    told: dict[str, str] = from_json(call)
    del told["at"]
    return told


def subject(claimed: Sequence[Any], vault: Vault) -> DeadLetter | Kept | None:
    """Return what hooks are called about, from what is claimed of the call.

    `None` if somebody dealt with it meanwhile. Raises `Sealed`.
    """
    call, is_so, *fields = claimed
    if not is_so:
        return None
    told = from_json(call)
    if told["kind"] == "quarantined":
        names = (b"body", b"problems", b"received")
        return Kept.read(told["delivery_id"], dict(zip(names, fields, strict=True)), vault)
    return DeadLetter.read(told["event_id"], told["handler"], int(told["at"]), fields, vault)


@dataclass(frozen=True, slots=True)
class Told:
    """What hooks did about a dead letter of `handler`, or about a body in quarantine."""

    handler: str
    called_at: datetime
    hooks: Sequence[Handled]


def told_by_hooks(redis: Redis, calls: Mapping[str, str], vault: Vault) -> list[Told]:
    """Return what came of these calls of hooks, by the handlers that gave up; of those on record.

    Raises `RedisError`.
    """
    asked: Any = redis.pipeline(transaction=False)
    for call_id in calls.values():
        asked.hgetall(keys.event(call_id))
    told = []
    for (handler, call_id), fields in zip(calls.items(), asked.execute(), strict=True):
        if call := fields.get(b"call"):
            at = datetime.fromtimestamp(int(from_json(call)["at"]) / 1000, UTC)
            told.append(Told(handler, at, handled_by(read_records(fields, call_id, vault))))
    return told
