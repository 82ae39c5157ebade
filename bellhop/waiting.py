"""Waiting for an action attempt to end, without polling: Bellhop hears of it from Seam.

    attempt = seam.locks.unlock_door(device_id=door, wait_for_action_attempt=False)
    attempt = await wait_for_action_attempt(attempt.action_attempt_id, timeout=30)

Whatever this needs that is slow to import is imported by the first who waits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from bellhop.attempts import ActionAttempt
from bellhop.errors import BellhopError

if TYPE_CHECKING:
    import asyncio

    from bellhop.listener import Wait

TIMEOUT = 30.0
"""Seconds to wait unless it is said otherwise: a lock that sleeps wakes up now and then."""

_LONGEST_ID = 200


class ActionAttemptFailedError(BellhopError):
    """It was not done. `action_attempt.error` says why, if that could be asked."""

    def __init__(self, action_attempt: ActionAttempt) -> None:
        error = action_attempt.error
        why = (error and (error.message or error.type)) or "why is not known here"
        super().__init__(f"{_named(action_attempt)} failed: {why}")
        self.action_attempt = action_attempt
        self.code: str = (error and error.type) or "unknown_error"


class ActionAttemptTimeoutError(BellhopError, TimeoutError):
    """It did not end in time. `action_attempt` is what is known of it; it may still be done."""

    def __init__(self, action_attempt: ActionAttempt, timeout: float, problem: str | None) -> None:
        because = f" ({problem})" if problem else ""
        super().__init__(f"{_named(action_attempt)} did not end within {timeout:g} s{because}")
        self.action_attempt = action_attempt


class ActionAttemptUnknownStatusError(BellhopError):
    """It ended in a way that this version does not know."""

    def __init__(self, action_attempt: ActionAttempt) -> None:
        self.status = str(action_attempt.status)
        super().__init__(f"{_named(action_attempt)} ended as {self.status!r}, whatever that means")
        self.action_attempt = action_attempt


async def wait_for_action_attempt(
    action_attempt_id: str,
    *,
    timeout: float | timedelta = TIMEOUT,  # noqa: ASYNC109 - as the SDK names it
    redis_url: str | None = None,
) -> ActionAttempt:
    """Return an action attempt when it has succeeded, at once if it has already.

    It is known by its event, so its `result` is there only if it was fetched before. `timeout`: in
    seconds, or a `timedelta`. `redis_url`: where Bellhop's ledger is, instead of
    `BELLHOP_REDIS_URL`. Redis may go away and come back meanwhile. With `SEAM_API_KEY`, Seam is
    asked when no event comes for long, and for the reason of a failure.

    Any number may wait at a time, in any threads and event loops: a process listens once for all.

    Raises `ActionAttemptFailedError`, `ActionAttemptTimeoutError` and
    `ActionAttemptUnknownStatusError`, which carry the attempt; `InvalidSettings` or `NoSdk`; and
    `Sealed` if the ledger is encrypted with keys that are not in `BELLHOP_ENCRYPTION_KEYS`.
    """
    import asyncio

    seconds = _seconds(timeout)
    # In a thread: imports and settings would hold up the loop.
    beginning = asyncio.get_running_loop().run_in_executor(
        None, _begin, action_attempt_id, redis_url
    )
    try:
        begun = await asyncio.shield(beginning)
    except asyncio.CancelledError:
        beginning.add_done_callback(_leave)
        raise
    with _waiting(begun, seconds) as wait:
        async with asyncio.timeout(seconds):
            return _success(await asyncio.wrap_future(wait.future))


def wait_for_action_attempt_sync(
    action_attempt_id: str,
    *,
    timeout: float | timedelta = TIMEOUT,
    redis_url: str | None = None,
) -> ActionAttempt:
    """Do the same as `wait_for_action_attempt`, and block meanwhile."""
    seconds = _seconds(timeout)
    with _waiting(_begin(action_attempt_id, redis_url), seconds) as wait:
        return _success(wait.future.result(seconds))


def _begin(action_attempt_id: str, redis_url: str | None) -> "Wait":
    if not 0 < len(action_attempt_id) <= _LONGEST_ID:
        raise ValueError(f"{action_attempt_id[:_LONGEST_ID]!r} is no id of an action attempt")
    from bellhop.listening import listen

    return listen(action_attempt_id, redis_url)


def _leave(begun: "asyncio.Future[Wait]") -> None:
    """End a wait that nobody waits for any more."""
    if not begun.cancelled() and begun.exception() is None:
        begun.result().leave()


@contextmanager
def _waiting(wait: "Wait", seconds: float) -> "Iterator[Wait]":
    try:
        yield wait
    except TimeoutError:
        if wait.known.failed:  # and the time was up before it was said why
            raise ActionAttemptFailedError(wait.known) from None
        raise ActionAttemptTimeoutError(wait.known, seconds, wait.problem) from None
    finally:
        wait.leave()


def _seconds(timeout: float | timedelta) -> float:
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if not 0 < seconds <= 366 * 86400:
        raise ValueError(f"a timeout is more than 0 s and at most a year, not {timeout!r}")
    return seconds


def _success(attempt: ActionAttempt) -> ActionAttempt:
    if attempt.succeeded:
        return attempt
    if attempt.failed:
        raise ActionAttemptFailedError(attempt)
    raise ActionAttemptUnknownStatusError(attempt)


def _named(attempt: ActionAttempt) -> str:
    what = f" ({attempt.action_type})" if attempt.action_type else ""
    return f"action attempt {attempt.action_attempt_id}{what}"
