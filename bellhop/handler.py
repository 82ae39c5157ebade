"""What a handler is, what it may be given, and what it may say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bellhop.errors import BellhopError
from bellhop.events import SeamEvent
from bellhop.hooks import Hook
from bellhop.retries import Backoff, as_wait

if TYPE_CHECKING:
    from bellhop.conditions import Conditions  # which imports this


@dataclass
class Context:
    """What a handler may know about the event besides the event.

    attempt: 1 the first time, counted for this handler alone.
    delivery_id: the `svix-id` of the request that brought the event.
    received_at: when it was accepted (aware, UTC).
    earlier_pending: whether an event of the same device that came before this one still waits for
        this handler to be tried again. (Never with `in_order=True`.)
    stale: whether this handler already saw an event of the same device that occurred later
        (`occurred_at`): what this one tells may be out of date.
    replay: whether somebody had the event replayed (`bellhop replay`); attempts are counted again.
    state: what the lifespan of this worker yielded (`@lifespan`); None if there is none.

    In a hook, it is about the event that was given up, None if that cannot be read, or there is
    none; `attempt` is the hook's own.
    """

    event: SeamEvent
    handler: str
    attempt: int
    delivery_id: str
    received_at: datetime
    earlier_pending: bool = False
    stale: bool = False
    replay: bool = False
    state: Any = field(default=None, repr=False, compare=False)
    _unchanged: Callable[[], SeamEvent] | None = field(default=None, repr=False, compare=False)
    """Reads the event as it came: a handler may change the one that it was given."""
    _names: Mapping[str, object] | None = field(default=None, repr=False, compare=False)
    """What lines of the log name in a hook, instead of the event."""

    @cached_property
    def log(self) -> Any:
        """A structlog logger that names the event, its device, the handler and the attempt.

        It writes as Bellhop does, however the author configures structlog. The event's door codes
        are dots in all that it writes.
        """
        from bellhop.known_secrets import known_secrets
        from bellhop.logs import get_logger  # a third of a second that most handlers do without

        names = self._names
        if names is None:
            event = self._unchanged() if self._unchanged else self.event
            known_secrets.remember(event.raw)
            names = {
                "event_id": event.event_id,
                "event_type": event.event_type,
                "device_id": getattr(event, "device_id", None),
            }
        return get_logger("handlers").bind(**names, handler=self.handler, attempt=self.attempt)


@dataclass(frozen=True, slots=True)
class Handler:
    """A user's function and how it wants to be called.

    timeout: seconds that one run may take. `attempts`: how often it is tried before the event goes
    to the dead letters. `backoff`: its own waits between them, to the letter. `no_retry`: errors
    after which it is not tried again. `in_order`: whether later events of a device wait while an
    earlier one does. `concurrency`: for how many devices it may be at work at a time, everywhere,
    if that is limited. `conditions`: which events it is called for, if not for all. `hook`: which
    one it is, if it is no handler of events; `patterns` are then of names of handlers.
    """

    name: str
    function: Callable[..., Any]
    patterns: tuple[str, ...]
    attempts: int
    timeout: float
    is_async: bool
    wants_context: bool
    backoff: Backoff | None = None
    no_retry: tuple[type[Exception], ...] = ()
    in_order: bool = False
    concurrency: int | None = None
    conditions: "Conditions | None" = None
    hook: Hook | None = None


class InvalidHandler(BellhopError):
    """A handler that could never run as its author means; the message says what to change."""


class Retry(BellhopError):
    """Raise it in a handler to be called again later; it is no error, and not logged as one.

    after: seconds or `timedelta`, up to a year; without it the usual wait.
    counts: whether this was one of the handler's attempts. Tries that do not count go on until the
        event is older than the handler's `max_age`, or without one for a day after the event came
        (or was given to the handler again by hand); then it is a dead letter.
    """

    def __init__(
        self, reason: str = "", *, after: float | timedelta | None = None, counts: bool = True
    ) -> None:
        super().__init__(reason or "asked to be tried again")
        self.after = None if after is None else as_wait(after)
        self.counts = counts


class Drop(BellhopError):
    """Raise it in a handler to be done with the event; the reason is kept in the record."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason or "no reason given")


class HandlerTimeout(BaseException):
    """Interrupts a handler that ran longer than its timeout.

    Not an `Exception`, so that a handler's own `except Exception` does not swallow it.
    """
