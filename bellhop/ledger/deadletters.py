"""Dead letters: what handlers gave up, looked at and chosen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from redis import Redis

from bellhop.ledger import keys
from bellhop.ledger.entries import About, Resolution
from bellhop.ledger.handled import Handled
from bellhop.ledger.handler_record import HandlerRecord
from bellhop.tracebacks import first_line
from bellhop.vault import NO_KEYS, Vault

_PAGE = 200


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a handler gave up. `record`: what is on record of the handler.

    If the event's record is gone, nothing is known `about` it, and `body` is `None`. If a hook gave
    up, there is no body either, and `call` is what it was called about, JSON.
    """

    event_id: str
    handler: str
    died_at: datetime
    about: About
    body: bytes | None = field(repr=False)
    record: HandlerRecord = field(repr=False)
    vault: Vault = field(repr=False, default=NO_KEYS)
    call: bytes | None = None

    @classmethod
    def read(
        cls,
        event_id: str,
        handler: str,
        died_ms: float,
        fields: Sequence[Any],
        vault: Vault,
    ) -> "DeadLetter":
        """Return one, from `about`, `body`, the handler's record and `call` of the event."""
        about, body, record, *call = fields
        return cls(
            event_id,
            handler,
            datetime.fromtimestamp(died_ms / 1000, UTC),
            About.read(about),
            body,
            HandlerRecord.shown(record, event_id, handler, vault)
            if record
            else HandlerRecord(event_id, handler, vault, {}),
            vault,
            *call,
        )

    @property
    def event_type(self) -> str:
        """The type of the event."""
        return self.about.event_type

    @property
    def mailbox(self) -> str:
        """The mailbox of the event: of its device, if it has one."""
        return self.about.mailbox

    @property
    def order(self) -> int:
        """The place of the event among all."""
        return self.about.order

    @property
    def attempts(self) -> int:
        """How often the handler was tried, without the tries that did not count."""
        return self.record.attempts_made

    @property
    def uncounted(self) -> int:
        """How many tries did not count."""
        return self.record.uncounted

    @property
    def handled(self) -> Handled:
        """What the handler did about it, try by try."""
        return Handled.of(self.record)

    @property
    def error(self) -> str:
        """The last error, with its traceback where there is one, without door codes."""
        return self.record.error

    @property
    def summary(self) -> str:
        """The error in a line: its class, and the first line of its message."""
        return self.record.last_said or first_line(self.error)

    def tried_again(self) -> Resolution:
        """Have the handler tried again: the attempts so far are kept, but no longer count."""
        return Resolution("retry", self.event_id, self.handler, self.record.tried_again())

    def dropped(self, reason: str) -> Resolution:
        """Be done with it for that reason."""
        return Resolution("drop", self.event_id, self.handler, self.record.dropped(reason))


class DeadLetters:
    """All dead letters, newest first when iterated. Raises `RedisError`."""

    def __init__(self, redis: Redis, vault: Vault = NO_KEYS) -> None:
        self.redis = redis
        self._vault = vault

    def __len__(self) -> int:
        count: Any = self.redis.zcard(keys.DEAD)
        return int(count)

    def __iter__(self) -> Iterator[DeadLetter]:
        # The names first: what is dealt with meanwhile must not make it skip others.
        names: Any = self.redis.zrange(keys.DEAD, 0, -1, desc=True, withscores=True)
        for start in range(0, len(names), _PAGE):
            page = [
                (event_id, handler, died)
                for name, died in names[start:][:_PAGE]
                for event_id, _, handler in [name.decode(errors="surrogateescape").partition(" ")]
            ]
            yield from self._read(page)

    def _read(self, page: list[Any]) -> Iterator[DeadLetter]:
        with self.redis.pipeline(transaction=False) as pipeline:
            for event_id, handler, _ in page:
                pipeline.hmget(keys.event(event_id), "about", "body", f"h:{handler}", "call")
            found = pipeline.execute()
        for (event_id, handler, died), fields in zip(page, found, strict=True):
            yield DeadLetter.read(event_id, handler, died, fields, self._vault)
