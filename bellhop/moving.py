"""Moving what waits for a handler to another, and forgetting handlers, bit by bit.

Each step is one call of a script, which moves some hundred events at most: nobody else has to wait
for it. A caller that stops half-way leaves the rest as it was, and may begin again.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from bellhop.errors import BellhopError
from bellhop.ledger import Ledger
from bellhop.ledger.handler_record import HandlerRecord
from bellhop.ledger.moves import NOTHING_SEALED, START, SealedRecords, Step, StepState
from bellhop.ledger.stored_record import UnreadableRecord
from bellhop.vault import Vault

_HELD_PAUSE = 0.5
"""Seconds after which it is looked whether mail that a worker held has come back."""


class StillInUse(BellhopError):
    """A worker has the handler: it would go on with its mail, and be given more."""


class NotSubscribed(BellhopError):
    """The ledger knows no handler of that name."""


class Progress(NamedTuple):
    """How far it is, in all. `had`: events that the new handler was given itself.

    `holders`: workers whose mail is waited for.
    """

    events: int = 0
    had: int = 0
    holders: tuple[str, ...] = ()


def forget(
    ledger: Ledger,
    handler: str,
    *,
    free_mail: Callable[[timedelta], object],
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Progress]:
    """Abandon all that waits for a handler, and forget it.

    `free_mail` is called while dead workers hold mail of it, to have that freed, with how long this
    has waited for it. Raises `StillInUse`, `NotSubscribed` and `RedisError`.
    """
    cursor = START

    def step() -> Step:
        nonlocal cursor
        done = ledger.forget_some(handler, cursor)
        cursor = done.cursor
        return done

    yield from _steps(handler, step, free_mail, pause)


def move(
    ledger: Ledger,
    old: str,
    new: str,
    *,
    enqueue_shifts: Callable[[Sequence[str]], None],
    free_mail: Callable[[timedelta], object],
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Progress]:
    """Give all that waits for a handler to another, and forget the old one. Raises as `forget`."""
    cursor = START
    sealed: SealedRecords = NOTHING_SEALED

    def step() -> Step:
        nonlocal cursor, sealed
        done = ledger.move_some(old, new, cursor, sealed)
        cursor = done.cursor
        sealed = {
            event_id: (record, _renamed(record, event_id, old, new, ledger.vault))
            for event_id, record in done.to_seal.items()
        }
        if done.wake:
            enqueue_shifts(done.wake)
        return done

    yield from _steps(old, step, free_mail, pause)


def _steps(
    handler: str,
    step: Callable[[], Step],
    free_mail: Callable[[timedelta], object],
    pause: Callable[[float], None],
) -> Iterator[Progress]:
    events, had, waited = 0, 0, 0.0
    while True:
        done = step()
        events, had = events + done.events, had + done.had
        if done.state is StepState.HAD:
            raise StillInUse(in_use(handler, done.workers))
        if done.state is StepState.UNKNOWN:
            # Or the answer to the last step was lost, and somebody else did the rest.
            raise NotSubscribed(f"there is no handler {handler} any more")
        yield Progress(events, had, done.workers)
        if done.state is StepState.OVER:
            return
        if done.state is StepState.HELD:
            free_mail(timedelta(seconds=waited))
            pause(_HELD_PAUSE)
            waited += _HELD_PAUSE


def in_use(handler: str, workers: Sequence[str]) -> str:
    """Return why nothing is done about a handler that workers have."""
    others = f" and {len(workers) - 2} more" if len(workers) > 2 else ""
    return (
        f"{handler} is at work: {', '.join(workers[:2])}{others} "
        f"{'has' if len(workers) == 1 else 'have'} it; take it out of the handlers, or stop these "
        "workers, and ask again"
    )


def _renamed(record: bytes, event_id: str, old: str, new: str, vault: Vault) -> bytes | str:
    """Return a record as the new handler's: one that cannot be read as it is, for a dead letter."""
    try:
        return HandlerRecord.read(record, event_id, old, vault).renamed(new)
    except UnreadableRecord:
        return record
