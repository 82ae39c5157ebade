"""The ledger for callers that may wait: it only calls the scripts."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from redis import Redis
from redis.exceptions import NoScriptError, ResponseError

from bellhop.durations import FORGET_AFTER
from bellhop.ledger import calls, claims, keys, moves
from bellhop.ledger.asking import Asked
from bellhop.ledger.calls import Call
from bellhop.ledger.entries import (
    Arrival,
    FetchTask,
    Freed,
    Quarantined,
    Receipt,
    Replay,
    Replayed,
    Resolution,
    Resolved,
    Swept,
)
from bellhop.ledger.indexing import AT_A_TIME
from bellhop.ledger.mail import Claimed, ClaimLimit, HandlerSet, Settled, SettledMail
from bellhop.ledger.moves import NOTHING_SEALED, START, Cursor, Paused, SealedRecords, Step
from bellhop.ledger.repairs import Repaired
from bellhop.ledger.sealing import sealed
from bellhop.ledger.version import version_error
from bellhop.vault import NO_KEYS, Kind, Vault

T = TypeVar("T")

NOBODY: Mapping[str, str | None] = MappingProxyType({})


class Ledger:
    """The ledger for workers, the foreman and the command line.

    `retention`: how long an event is remembered once nothing of it is open. `now_ms` arguments are
    for tests: without one, the server's clock counts, the only one that all machines share. Every
    method raises `redis.exceptions.RedisError` when Redis cannot do it, and `WrongVersion` if the
    ledger is of another version; then nothing was written, unless the connection broke before the
    answer came. `vault`: bodies are stored as it seals them; who reads one opens it.
    """

    def __init__(self, redis: Redis, retention: timedelta, vault: Vault = NO_KEYS) -> None:
        self.redis = redis
        self.retention = retention
        self.vault = vault

    def accept(
        self, batch: Sequence[Arrival | Quarantined], *, now_ms: int | None = None
    ) -> Receipt:
        """Take in a batch of deliveries, each once."""
        return self._run(calls.accept(sealed(batch, self.vault), self.retention, now_ms))

    def subscribe(
        self, worker: str, handlers: HandlerSet, *, now_ms: int | None = None
    ) -> tuple[str, ...]:
        """Say which handlers a worker has, before it claims anything.

        Returns the sets of handlers for which to put a shift into RQ's queue. Raises `NameTaken`.
        """
        try:
            return self._run(claims.subscribe(worker, handlers, self.retention, now_ms))
        except ResponseError as error:
            raise claims.subscribe_error(error) from None

    def is_subscribed(self, worker: str, handlers: HandlerSet) -> bool:
        """Say whether it is known that a worker has these handlers."""
        asked: Any = self.redis.pipeline(transaction=False)
        asked.hget(keys.WORKERS, worker)
        asked.hexists(keys.SETS, handlers.fingerprint)
        known, exists = asked.execute()
        return bool(exists) and known == handlers.fingerprint.encode()

    def claim(
        self,
        worker: str,
        handlers: HandlerSet,
        limits: Sequence[ClaimLimit],
        *,
        was_idle: bool = False,
        settles: int = 0,
        now_ms: int | None = None,
    ) -> Claimed:
        """Give a worker with empty hands its first mail.

        `was_idle`: it comes from an `idle`, not from RQ's queue. `settles`: the number of its last
        settle.
        """
        return self._run(
            claims.claim(
                worker, handlers, limits, was_idle=was_idle, settles=settles, now_ms=now_ms
            )
        )

    def settle(
        self,
        worker: str,
        handlers: HandlerSet,
        number: int,
        results: Sequence[SettledMail],
        limits: Sequence[ClaimLimit] = (),
        *,
        now_ms: int | None = None,
    ) -> Settled:
        """Write down what a worker did, give mailboxes back, and claim its next mail.

        `number` counts the settles of a worker, from 1. One that is repeated with the same number,
        because its answer was lost, writes nothing and returns all the mail that the worker holds.
        One that is not the next writes nothing either: it is not `ours`.
        """
        call = claims.settle(worker, handlers, number, results, limits, self.retention, now_ms)
        return self._run(call)

    def ask_to_settle(
        self,
        worker: str,
        handlers: HandlerSet,
        number: int,
        results: Sequence[SettledMail],
        limits: Sequence[ClaimLimit] = (),
    ) -> Asked[Settled]:
        """Send what `settle` would send, and do not wait for the answer."""
        call = claims.settle(worker, handlers, number, results, limits, self.retention, None)
        return Asked(self.redis, call)

    def idle(
        self,
        worker: str,
        handlers: HandlerSet,
        duration: timedelta,
        *,
        now_ms: int | None = None,
    ) -> bool:
        """Let a worker with empty hands be woken, unless there is mail; return whether there is.

        It is idle until it claims.
        """
        return self._run(claims.idle(worker, handlers, duration, now_ms))

    def has_ready(self, handlers: Sequence[str]) -> bool:
        """Whether a mailbox of any of these handlers is ready; of one that is paused, too."""
        lists = [name for one in handlers for name in (keys.ready(one), keys.suspects(one))]
        return bool(lists) and bool(self.redis.exists(*lists))

    def await_wake(self, worker: str, timeout: float) -> bool:
        """Wait up to `timeout` seconds, and return whether an idle worker was woken."""
        return self.redis.blpop([keys.wake(worker)], timeout) is not None

    def resolve(self, resolutions: Sequence[Resolution], *, now_ms: int | None = None) -> Resolved:
        """Try dead letters again, or be done with them."""
        return self._run(calls.resolve(resolutions, self.retention, now_ms))

    def replay(self, replays: Sequence[Replay], *, now_ms: int | None = None) -> Replayed:
        """Give events that are over to handlers again, in this order."""
        return self._run(calls.replay(replays, now_ms))

    def sweep(
        self,
        *,
        queues: str,
        alive: Sequence[str] = (),
        dead: Mapping[str, str | None] = NOBODY,
        forget_after: timedelta = FORGET_AFTER,
        alone: bool = False,
        jumped_ms: int = 0,
        jumps: int = 0,
        now_ms: int | None = None,
    ) -> Swept:
        """Bring due retries back, renew leases of workers that live, and free what dead ones held.

        `queues`: what the keys of RQ's queues of shifts begin with. `dead`: by the names of dead
        workers, the entry under which each died, `event_id handler`, "" if nobody knows, or `None`
        if no entry is to blame.
        `forget_after`: how long a handler stays subscribed that no worker has. `alone`: nobody else
        has workers, so one for which nothing waits is forgotten at once. `jumped_ms`: by how much
        the server's clock jumped, forward or back, since the caller last swept; `jumps`: how often
        it had jumped then, or `FIRST_SWEEP`.
        """
        return self._run(
            calls.sweep(
                self.retention,
                queues=queues,
                alive=alive,
                dead=dead,
                forget_after=forget_after,
                alone=alone,
                jumped_ms=jumped_ms,
                jumps=jumps,
                now_ms=now_ms,
            )
        )

    def free(self, waited: timedelta, *, now_ms: int | None = None) -> Freed:
        """Free the mail of workers whose lease has ended, if no foreman is there to do it.

        `waited`: how long the caller has waited for that: a foreman that comes back has as much
        time to renew the leases of its workers as a lease lasts.
        """
        return self._run(calls.free(waited, now_ms))

    def pause(
        self, handler: str, *, resume: bool = False, now_ms: int | None = None
    ) -> tuple[Paused, tuple[str, ...]]:
        """Have nothing more of a handler claimed, or have it claimed again.

        Returns also the sets of handlers for which to put a shift into RQ's queue.
        """
        return self._run(moves.pause(handler, resume=resume, now_ms=now_ms))

    def forget_some(
        self, handler: str, cursor: Cursor = START, *, now_ms: int | None = None
    ) -> Step:
        """Abandon some of what waits for a handler, and forget it if that was all.

        `cursor`: that of the step before this one. Nothing is done while a worker has it.
        """
        return self._run(moves.forget(handler, cursor, self.retention, now_ms))

    def move_some(
        self,
        old: str,
        new: str,
        cursor: Cursor = START,
        sealed: SealedRecords = NOTHING_SEALED,
        *,
        now_ms: int | None = None,
    ) -> Step:
        """Give some of what waits for a handler to another, and forget it if that was all.

        `cursor`: that of the step before this one; `sealed`: the records that it asked for, as
        they were read and as the new handler's. Nothing is done while a worker has the old one.
        """
        return self._run(
            moves.move(
                old,
                new,
                cursor,
                self.retention,
                is_sealed=self.vault.has_keys,
                sealed=sealed,
                now_ms=now_ms,
            )
        )

    def repair(self, *, now_ms: int | None = None) -> Repaired:
        """Look at a part of the ledger, and mend what is not as it must be: see `repair.lua`.

        Returns what was mended since the last call, by whatever script.
        """
        return self._run(calls.repair(self.retention, now_ms))

    def index(self, most: int = AT_A_TIME, *, now_ms: int | None = None) -> int:
        """Make events that came lately findable by what they are about, `most` at a time.

        Returns how many still wait for it.
        """
        return self._run(calls.index(most, now_ms))

    def fetch(self, lease: timedelta, *, now_ms: int | None = None) -> FetchTask | float | None:
        """Give a fetcher an action attempt, which is its own until the lease ends.

        If none is due, return the seconds until the next one is, if there is one.
        """
        return self._run(calls.fetch(lease, self.retention, now_ms))

    def check_vault(self) -> None:
        """Raise `Sealed` if the vault has not the keys that are needed here.

        That is a key with which something is encrypted already, or, where a ledger that holds
        events is not encrypted yet, `plaintext`.
        """
        mark: Any = self.redis.get(keys.SEALED)
        if mark:
            self.vault.open(mark, Kind.LEDGER)
        elif not self.vault.takes_plaintext and self.redis.exists(keys.ORDER, keys.QUARANTINE):
            self.vault.open(b"", Kind.LEDGER)

    def remember_vault(self) -> None:
        """Have `check_vault` know the first key from now on."""
        if self.vault.encrypts:
            self.redis.set(keys.SEALED, self.vault.seal(b"opened", Kind.LEDGER))

    def event(self, event_id: str) -> Mapping[str, bytes]:
        """Return the record of an event by field, empty if there is none."""
        record: dict[Any, Any] = self.redis.hgetall(keys.event(event_id))
        return {name.decode(errors="replace"): value for name, value in record.items()}

    def _run(self, call: Call[T]) -> T:
        execute: Any = self.redis.execute_command
        arguments = [1, keys.PREFIX, *call.arguments]
        try:
            try:
                answer = execute("EVALSHA", call.script.sha, *arguments)
            except NoScriptError:
                answer = execute("EVAL", call.script.source, *arguments)
        except ResponseError as error:
            raise version_error(error) from None
        return call.read(answer)
