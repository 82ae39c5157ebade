"""Storing everything again with the first key: the last step of a rotation, see `bellhop.vault`.

It runs beside receivers and workers. Each key of Redis is changed only if nobody else changed it
meanwhile; what they write in the meantime is sealed with the first key anyway, since all of them
have it in front by now.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from bellhop.events.subjects import known_subjects
from bellhop.ledger import keys
from bellhop.ledger.drift import DriftReport
from bellhop.ledger.handler_record import HandlerRecord
from bellhop.ledger.indexing import index_all
from bellhop.ledger.steps import take
from bellhop.ledger.stored_record import UnreadableRecord
from bellhop.vault import CannotOpen, Kind, Sealed, Vault

_AT_A_TIME = 200
_SEALED = {
    ("event", "body"): Kind.EVENT,
    ("quarantined", "body"): Kind.QUARANTINED,
    ("attempt", "body"): Kind.FETCHED,
    ("attempt", "given_up"): Kind.GIVEN_UP,
}


@dataclass(slots=True)
class Resealed:
    """How much was stored again, what could not be read, and whether old files go away by now."""

    count: int = 0
    unread: list[str] = field(default_factory=list)
    rewrites_file: bool = False


def reseal(redis: Redis, vault: Vault) -> Resealed:
    """Store everything that is on record as the first key of the vault stores it.

    Raises `RedisError`; then it can be called again.
    """
    result = _reseal_all(redis, vault)
    if vault.encrypts:
        _forget_unknown_ids(redis)
    # It may hold values of fields that were not encrypted, and is only a report.
    DriftReport(redis).forget()
    if not vault.encrypts and not result.unread:
        redis.delete(keys.SEALED)
    try:  # it holds what was stored before
        redis.bgrewriteaof()
    except ResponseError:  # forbidden, or at work
        return result
    result.rewrites_file = True
    return result


def _reseal_all(redis: Redis, vault: Vault) -> Resealed:
    result = Resealed()
    for name in _sealed_names(redis):
        _reseal(redis, vault, name, result)
    return result


def require_readable(redis: Redis, vault: Vault) -> None:
    """Raise `Sealed` if the vault lacks a key for anything on record. It reads all; `RedisError`.

    What is not encrypted at all needs no look, nor a user that may `SCAN`.
    """
    mark: Any = redis.get(keys.SEALED)
    if not mark:
        return
    vault.open(mark, Kind.LEDGER)
    for name in _sealed_names(redis):
        kind, of = _kind_and_id(name)
        fields: Any = redis.hgetall(name)
        for field_name, stored in fields.items():
            try:
                _renewed(vault, kind, of, field_name.decode(errors="replace"), stored)
            except Sealed:
                raise
            except CannotOpen:
                continue  # no key will open that


def convert(redis: Redis, vault: Vault) -> None:
    """Store what versions before the ledger's second encrypted as the first key stores it now.

    Raises `RedisError`; then it can be called again.
    """
    if not redis.exists(keys.SEALED):
        return
    _reseal_all(redis, vault)
    if vault.encrypts:
        redis.set(keys.SEALED, vault.seal(b"opened", Kind.LEDGER))
    else:
        redis.delete(keys.SEALED)


def _sealed_names(redis: Redis) -> Iterator[str]:
    for kind in ("event", "quarantined", "attempt"):
        yield from _names(redis, f"{kind}:")


def _kind_and_id(name: str) -> tuple[str, str]:
    kind, _, of = name.removeprefix(keys.PREFIX).partition(":")
    return kind, of


def _names(redis: Redis, begin: str) -> Iterator[str]:
    """Yield the names of the ledger's keys that begin like that."""
    for name in redis.scan_iter(match=keys.glob(f"{keys.PREFIX}{begin}"), count=_AT_A_TIME):
        yield name.decode()


def _forget_unknown_ids(redis: Redis) -> None:
    """Have nothing be found any more by what an encrypted ledger does not tell."""
    take(redis, index_all())
    begin = keys.index("", "").rstrip()
    for name in _names(redis, begin.removeprefix(keys.PREFIX)):
        if not known_subjects([name.removeprefix(begin)]):
            redis.delete(name)


def _reseal(redis: Redis, vault: Vault, name: str, result: Resealed) -> None:
    kind, of = _kind_and_id(name)
    unread: list[str] = []
    changed: dict[bytes, bytes] = {}

    def change(pipeline: Any) -> None:
        unread.clear()
        changed.clear()
        for field_name, stored in pipeline.hgetall(name).items():
            try:
                renewed = _renewed(vault, kind, of, field_name.decode(), stored)
            except CannotOpen as error:
                unread.append(str(error))
                continue
            if renewed != stored:
                changed[field_name] = renewed
        pipeline.multi()
        if changed:
            pipeline.hset(name, mapping=changed)

    redis.transaction(change, name)
    result.count += len(changed)
    result.unread += unread


def _renewed(vault: Vault, kind: str, of: str, name: str, stored: bytes) -> bytes:
    """Return what is to be stored instead: the same, if it is as it should be, or never sealed."""
    if name.startswith("h:"):
        return _record_anew(vault, of, name.removeprefix("h:"), stored)
    sealed = _SEALED.get((kind, name))
    if sealed is None or vault.is_current(stored):
        return stored
    return vault.seal(vault.open(stored, sealed, of), sealed, of)


def _record_anew(vault: Vault, event_id: str, handler: str, stored: bytes) -> bytes:
    if not stored:  # the handler has not run yet
        return stored
    try:
        record = HandlerRecord.read(stored, event_id, handler, vault)
    except UnreadableRecord as error:
        raise CannotOpen(f"event {event_id}, {handler}: {error}") from error
    renewed = record.resealed()
    return stored if renewed is None else renewed.encode()
