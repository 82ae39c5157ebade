"""Action attempts on record: what their events told, with what was fetched from Seam's API.

Each is read again from the events about it, so it is as late or as early as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from bellhop.attempt_state import state_of
from bellhop.attempts import ActionAttempt
from bellhop.events import NotASeamEvent, SeamEvent, parse
from bellhop.ledger import keys
from bellhop.ledger.indexing import index_all
from bellhop.ledger.steps import Command, Steps, take, take_async
from bellhop.vault import NO_KEYS, Damaged, Kind, Vault

_MOST_EVENTS = 100
"""Events that are read of one attempt, the oldest and the newest: Seam sends two or three."""

_PAGE = 500


@dataclass(frozen=True, slots=True)
class RecordedAttempt:
    """An attempt that an event told about.

    `order`: the place among all events of the first one about it. `given_up`: why what Seam's API
    says of it is not on record and will not be, if that was tried in vain.
    """

    attempt: ActionAttempt
    device_id: str | None
    order: int
    fetched: bool = False
    given_up: str | None = None


class Attempts:
    """The attempts on record. Raises `RedisError`, and `Sealed`."""

    def __init__(self, redis: Redis, vault: Vault = NO_KEYS) -> None:
        self._redis = redis
        self._vault = vault

    def get(self, action_attempt_id: str) -> RecordedAttempt | None:
        """Return one, or `None` if no event on record is about it."""
        found = take(self._redis, _read([action_attempt_id], self._vault))
        return found[0] if found else None

    def list(
        self,
        *,
        action_attempt_ids: Sequence[str] | None = None,
        device_id: str | None = None,
        limit: int = 500,
        before: int | None = None,
    ) -> list[RecordedAttempt]:
        """Return attempts, the newest first: of all, of those ids, or of that device.

        `before`: only those whose `order` is smaller, to go on behind the last one of a page. That
        does not change while more is told about them.
        """
        return take(
            self._redis, _list(self._vault, action_attempt_ids, device_id, limit, before or 0)
        )


class AsyncAttempts:
    """The same for an event loop."""

    def __init__(self, redis: AsyncRedis, vault: Vault = NO_KEYS) -> None:
        self._redis = redis
        self._vault = vault

    async def get(self, action_attempt_id: str) -> RecordedAttempt | None:
        """Return one, or `None` if no event on record is about it."""
        found = await take_async(self._redis, _read([action_attempt_id], self._vault))
        return found[0] if found else None

    async def get_all(self, action_attempt_ids: Sequence[str]) -> "Sequence[RecordedAttempt]":
        """Return those of these attempts that are on record."""
        return await take_async(self._redis, _read(action_attempt_ids, self._vault))

    async def list(
        self,
        *,
        action_attempt_ids: Sequence[str] | None = None,
        device_id: str | None = None,
        limit: int = 500,
        before: int | None = None,
    ) -> list[RecordedAttempt]:
        """Return attempts as `Attempts.list` does."""
        return await take_async(
            self._redis, _list(self._vault, action_attempt_ids, device_id, limit, before or 0)
        )


def _list(
    vault: Vault, ids: Sequence[str] | None, device_id: str | None, limit: int, before: int
) -> Steps[list[RecordedAttempt]]:
    if ids is not None:
        found = yield from _read(ids, vault)
        chosen = [one for one in found if device_id is None or one.device_id == device_id]
        chosen.sort(key=lambda one: one.order, reverse=True)
        return [one for one in chosen if not before or one.order < before][:limit]
    of_device = None
    if device_id is not None:
        yield from index_all()
        [members] = yield [("ZRANGE", keys.index("attempts_of_device_id", device_id), 0, -1)]
        of_device = sorted(
            (order for order in map(int, members) if not before or order < before), reverse=True
        )
    listed: list[RecordedAttempt] = []
    while len(listed) < limit:
        told = yield from _told_before(before, of_device)
        if not told:
            break
        # An attempt has its place where it was heard of first.
        found = yield from _read(list(dict.fromkeys(told.values())), vault)
        at = {one.order: one for one in found}
        listed += [at[order] for order in told if order in at]
        before = min(told)
        of_device = of_device and of_device[_PAGE:]
    return listed[:limit]


def _told_before(before: int, orders: Sequence[int] | None) -> Steps[dict[int, str]]:
    """Return attempts by the orders of the events that told of them, the newest first.

    `orders`: of which events, instead of all.
    """
    if orders is None:
        newest = before - 1 if before else "+"
        commands: list[Command] = [("XREVRANGE", keys.ATTEMPTS, newest, "-", "COUNT", _PAGE)]
    else:
        commands = [("XRANGE", keys.ATTEMPTS, order, order) for order in orders[:_PAGE]]
    pages = (yield commands) if commands else []
    told: dict[int, str] = {}
    for page in pages:
        for entry, fields in page:
            if attempt := fields.get(b"attempt"):
                told.setdefault(int(entry.partition(b"-")[0]), attempt.decode(errors="replace"))
    return told


def _read(ids: Sequence[str], vault: Vault) -> Steps[list[RecordedAttempt]]:
    """Read attempts, in that order; those on record."""
    if not ids:
        return []
    yield from index_all()
    answers = yield [
        command
        for one in ids
        for command in (
            ("ZRANGE", keys.index("action_attempt_id", one), 0, -1),
            ("HMGET", keys.attempt(one), "body", "given_up"),
        )
    ]
    orders = [_some(sorted(map(int, members))) for members in answers[::2]]
    bodies = yield from _bodies([order for some in orders for order in some])
    read = []
    for one, some, (fetched, given_up) in zip(ids, orders, answers[1::2], strict=True):
        if events := _events([bodies[order] for order in some if order in bodies], vault):
            said = fetched and _opened(fetched, vault, Kind.FETCHED, one)
            why = given_up and _opened(given_up, vault, Kind.GIVEN_UP, one)
            read.append(_recorded(one, some[0], events, said, why))
    return read


def _opened(stored: bytes, vault: Vault, kind: Kind, action_attempt_id: str) -> bytes | None:
    """Return what Seam's API said of an attempt; what was changed in Redis, it did not say."""
    try:
        return vault.open(stored, kind, action_attempt_id)
    except Damaged:
        return None


def _some(orders: list[int]) -> list[int]:
    half = _MOST_EVENTS // 2
    return orders if len(orders) <= _MOST_EVENTS else orders[:half] + orders[-half:]


def _bodies(orders: Sequence[int]) -> Steps[dict[int, tuple[str, bytes]]]:
    """Return ids and stored bodies of events by their order; of those on record."""
    if not orders:
        return {}
    logged = yield [("XRANGE", keys.LOG, order, order) for order in orders]
    named = {
        order: entries[0][1][b"event"].decode(errors="replace")
        for order, entries in zip(orders, logged, strict=True)
        if entries and b"event" in entries[0][1]
    }
    if not named:
        return {}
    bodies = yield [("HGET", keys.event(event_id), "body") for event_id in named.values()]
    return {
        order: (event_id, body)
        for (order, event_id), body in zip(named.items(), bodies, strict=True)
        if body is not None
    }


def _events(bodies: Sequence[tuple[str, bytes]], vault: Vault) -> list[SeamEvent]:
    events = []
    for event_id, body in bodies:
        try:
            events.append(parse(vault.open(body, Kind.EVENT, event_id)).event)
        except (NotASeamEvent, Damaged):  # it was one when it was accepted, by another version
            continue
    return events


def _recorded(
    action_attempt_id: str,
    order: int,
    events: Sequence[SeamEvent],
    fetched: bytes | None,
    given_up: bytes | None,
) -> RecordedAttempt:
    said = ActionAttempt.model_validate_json(fetched) if fetched else None
    devices: list[Any] = [getattr(event, "device_id", None) for event in events]
    return RecordedAttempt(
        state_of(action_attempt_id, events, said),
        next((one for one in devices if one and isinstance(one, str)), None),
        order,
        said is not None,
        given_up.decode() if given_up else None,
    )
