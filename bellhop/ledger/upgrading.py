"""Bringing the ledger of an older version up to date, one version after the other.

A step works in pieces, each of which is done or not done, and can be called again after it was
stopped in between. The version is written when a step is through. Nobody else may work on the
ledger meanwhile.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from redis import Redis

from bellhop.durations import FOREMAN_GONE_AFTER
from bellhop.errors import BellhopError, WrongVersion
from bellhop.ledger import keys
from bellhop.ledger.calls import load, milliseconds
from bellhop.ledger.resealing import convert, require_readable
from bellhop.ledger.subscriptions import workers_alive
from bellhop.ledger.version import VERSION, read_version
from bellhop.vault import NO_KEYS, Vault

_TO_2 = load("subscribing", "upgrade_to_2", any_version=True)


class StillAtWork(BellhopError):
    """Workers or a foreman work on the ledger, which must not be changed under them."""


class Step(NamedTuple):
    """How to get from one version to the next.

    `says`: what it changes, for people. `run` does it, and yields after each piece.
    """

    says: str
    run: Callable[[Redis, timedelta, Vault], Iterator[None]]


def _to_2(redis: Redis, retention: timedelta, vault: Vault) -> Iterator[None]:
    convert(redis, vault)
    yield
    for part in ("collect", "mailboxes", "events", "end"):
        more = 1
        while more:
            call: Any = redis.eval
            more = call(_TO_2.source, 1, keys.PREFIX, "", milliseconds(retention), part)
            yield


STEPS: Mapping[int, Step] = {
    1: Step(
        "mailboxes of devices become mailboxes of handlers: what waits is given to the handlers of "
        "the first worker that starts, in its order; retries, dead letters and records stay",
        _to_2,
    )
}


def planned(
    redis: Redis, steps: Mapping[int, Step] = STEPS, version: int = VERSION
) -> Mapping[int, Step]:
    """Return the steps to the version of this program, by where each begins; none if it is there.

    Raises `WrongVersion` if the ledger is newer, and `RedisError`.
    """
    found = read_version(redis)
    if found is None or found == version:
        return {}
    if found > version:
        raise WrongVersion(found, version)
    return {at: steps[at] for at in range(found, version)}


def require_idle(redis: Redis) -> None:
    """Raise `StillAtWork` if a worker or a foreman is alive, as far as the ledger knows."""
    alive = workers_alive(redis)
    seconds, _ = redis.time()
    swept: Any = redis.get(keys.SWEPT)
    # A clock that was set back must not make it wait for an hour.
    since = abs(seconds - int(swept) / 1000) if swept and swept.isdigit() else None
    if alive or (since is not None and since < FOREMAN_GONE_AFTER.total_seconds()):
        raise StillAtWork(
            f"workers are at work ({len(alive)} alive): stop all of them, and all receivers, and "
            "call this again"
            if alive
            else "a foreman was at work seconds ago: stop all workers and receivers, and call this "
            "again"
        )


def upgrade(
    redis: Redis, retention: timedelta, steps: Mapping[int, Step], vault: Vault = NO_KEYS
) -> Iterator[int]:
    """Take the steps, and yield the version that is reached after each.

    `vault`: opens what earlier versions encrypted, and seals it as this one does. Raises
    `RedisError`, and `Sealed` if it lacks a key for anything on record; then nothing was written.
    """
    require_readable(redis, vault)
    for begins_at, step in steps.items():
        # From now on what the ledger holds does not tell which version it has.
        redis.set(keys.VERSION, begins_at)
        for _ in step.run(redis, retention, vault):
            pass
        redis.set(keys.VERSION, begins_at + 1)
        yield begins_at + 1
