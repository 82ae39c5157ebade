"""The ledger for whoever may wait: it only calls the scripts."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from redis import Redis
from redis.exceptions import NoScriptError

from bellhop.events.subjects import known_subjects
from bellhop.ledger import calls, keys
from bellhop.ledger.asking import Asked
from bellhop.ledger.calls import Call
from bellhop.ledger.entries import (
    Arrival,
    Claimed,
    Errand,
    Quarantined,
    Receipt,
    Replay,
    Replayed,
    Resolution,
    Resolved,
    Settled,
    SettledMail,
    Swept,
)
from bellhop.ledger.indexing import AT_A_TIME
from bellhop.vault import NO_KEYS, Kind, Vault

T = TypeVar("T")


class Ledger:
    """The ledger for workers, the foreman and the command line.

    `retention`: how long an event is remembered once nothing of it is open. `now_ms` arguments are
    for tests: without one, the server's clock counts, the only one that all machines share. Every
    method raises `redis.exceptions.RedisError` when Redis cannot do it; then nothing was written,
    unless the connection broke before the answer came. `vault`: bodies are stored as it seals them;
    who reads one opens it.
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

    def claim(
        self,
        shift: str,
        *,
        lease: timedelta,
        mailboxes: int,
        entries: int,
        share: int = 1,
        with_newest: bool = False,
        rested: bool = False,
        settles: int = 0,
        now_ms: int | None = None,
    ) -> Claimed:
        """Give a shift with empty hands its first mail: at most `mailboxes`, `entries` in all.

        `share`: how many of each mailbox; more if few are ready. `with_newest`: with `Mail.newest`.
        `rested`: it comes from a `rest`, not from RQ's queue. `settles`: the number of its last
        settle.
        """
        return self._run(
            calls.claim(
                shift,
                lease=lease,
                mailboxes=mailboxes,
                entries=entries,
                share=share,
                with_newest=with_newest,
                rested=rested,
                settles=settles,
                now_ms=now_ms,
            )
        )

    def settle(
        self,
        shift: str,
        number: int,
        results: Sequence[SettledMail],
        *,
        lease: timedelta,
        mailboxes: int = 0,
        entries: int = 0,
        share: int = 1,
        with_newest: bool = False,
        now_ms: int | None = None,
    ) -> Settled:
        """Write down what a shift did, give mailboxes back, and claim its next mail.

        `number` counts the settles of a shift, from 1. One that is repeated with the same number,
        because its answer was lost, writes nothing and returns all the mail that the shift holds.
        One that is not the next writes nothing either: it is not `ours`.
        """
        return self._run(
            calls.settle(
                shift,
                number,
                results,
                lease=lease,
                retention=self.retention,
                mailboxes=mailboxes,
                entries=entries,
                share=share,
                with_newest=with_newest,
                now_ms=now_ms,
            )
        )

    def ask_to_settle(
        self,
        shift: str,
        number: int,
        results: Sequence[SettledMail],
        *,
        lease: timedelta,
        mailboxes: int = 0,
        entries: int = 0,
        share: int = 1,
        with_newest: bool = False,
    ) -> Asked[Settled]:
        """Send what `settle` would send, and do not wait for the answer."""
        return Asked(
            self.redis,
            calls.settle(
                shift,
                number,
                results,
                lease=lease,
                retention=self.retention,
                mailboxes=mailboxes,
                entries=entries,
                share=share,
                with_newest=with_newest,
                now_ms=None,
            ),
        )

    def rest(self, shift: str, duration: timedelta, *, now_ms: int | None = None) -> bool:
        """Let a shift with empty hands be rung for, unless there is mail; return whether there is.

        It rests until it claims.
        """
        return self._run(calls.rest(shift, duration, now_ms))

    def await_bell(self, shift: str, timeout: float) -> bool:
        """Wait up to `timeout` seconds, and return whether a shift that rests was rung for."""
        return self.redis.blpop([keys.bell(shift)], timeout) is not None

    def resolve(self, resolutions: Sequence[Resolution], *, now_ms: int | None = None) -> Resolved:
        """Try dead letters again, or be done with them."""
        return self._run(calls.resolve(resolutions, self.retention, now_ms))

    def replay(self, replays: Sequence[Replay], *, now_ms: int | None = None) -> Replayed:
        """Give events that are over to handlers again, in this order.

        Without any, say how many of those before still wait in their mailboxes.
        """
        return self._run(calls.replay(replays, now_ms))

    def sweep(
        self, *, queued: int, dead_workers: Sequence[str] = (), now_ms: int | None = None
    ) -> Swept:
        """Bring due retries back, and free what dead workers held.

        `queued` is the number of shifts in RQ's queue.
        """
        return self._run(calls.sweep(self.retention, queued, dead_workers, now_ms))

    def index(self, most: int = AT_A_TIME, *, now_ms: int | None = None) -> int:
        """Make events that came lately findable by what they are about, `most` at a time.

        Returns how many still wait for it.
        """
        return self._run(calls.index(most, now_ms))

    def fetch(self, lease: timedelta, *, now_ms: int | None = None) -> Errand | float | None:
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
        return {name.decode(): value for name, value in record.items()}

    def _run(self, call: Call[T]) -> T:
        execute: Any = self.redis.execute_command
        arguments = [1, keys.PREFIX, *call.arguments]
        try:
            answer = execute("EVALSHA", call.script.sha, *arguments)
        except NoScriptError:
            answer = execute("EVAL", call.script.source, *arguments)
        return call.read(answer)


def sealed(batch: Sequence[Arrival | Quarantined], vault: Vault) -> Sequence[Arrival | Quarantined]:
    """Return the batch as it is stored.

    Where bodies are encrypted, nothing else says what is in them but ids and names of fields.
    """
    return [
        _sealed(item, vault) if vault.encrypts or isinstance(item, Quarantined) else item
        for item in batch
    ]


def _sealed(item: Arrival | Quarantined, vault: Vault) -> Arrival | Quarantined:
    if isinstance(item, Quarantined):
        return item._replace(body=vault.seal(item.body, Kind.QUARANTINED, item.delivery_id))
    return item._replace(
        body=vault.seal(item.body, Kind.EVENT, item.event_id),
        drift=tuple(one.without_value() for one in item.drift),
        subjects=known_subjects(item.subjects),
    )
