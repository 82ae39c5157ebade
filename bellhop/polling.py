"""Asking Seam about action attempts of which no event tells: the last resort of those who wait."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from bellhop.attempts import ActionAttempt
from bellhop.sdk import ApiAway, ApiRefuses, AsyncSeamApi
from bellhop.settings import Settings

_FIRST, _LONGEST = 3.0, 60.0
"""Seconds until Seam is asked for the first time, which double each time, and the most of them."""

_REASON_WITHIN = 5.0
"""Seconds that whoever waits for a failed attempt waits longer to hear why."""

_AT_ONCE = 8


class Polls:
    """Asks for as many attempts as there are, a few at a time. For one event loop.

    `heard(attempt)` is called with what Seam says, and `failed(action_attempt_id, why)` if it says
    nothing. Without an API key in the settings, nothing is asked.
    """

    def __init__(
        self,
        settings: Settings,
        heard: Callable[[ActionAttempt], None],
        failed: Callable[[str, str], None],
    ) -> None:
        self._settings = settings
        self._heard = heard
        self._failed = failed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._few = asyncio.Semaphore(_AT_ONCE)
        self._api: asyncio.Task[AsyncSeamApi] | None = None

    def begin(self, action_attempt_id: str) -> None:
        """Ask for one at a growing interval, until it is told to stop."""
        if self._settings.seam_api_key and action_attempt_id not in self._tasks:
            self._tasks[action_attempt_id] = asyncio.create_task(self._poll(action_attempt_id))

    def stop(self, action_attempt_id: str) -> None:
        """Ask for it no more."""
        if task := self._tasks.pop(action_attempt_id, None):
            task.cancel()

    async def reason_of(self, failed: ActionAttempt) -> ActionAttempt:
        """Return a failed attempt with its error, if Seam says it soon."""
        if self._settings.seam_api_key and failed.error is None:
            with suppress(ApiAway, ApiRefuses, TimeoutError):
                async with asyncio.timeout(_REASON_WITHIN):
                    said = await self._ask(failed.action_attempt_id)
                return said if said.failed else failed
        return failed

    async def close(self) -> None:
        """Stop all, and close the connections."""
        for action_attempt_id in list(self._tasks):
            self.stop(action_attempt_id)
        if self._api:
            with suppress(Exception):  # there may be none to close
                await (await self._api).close()

    async def _poll(self, action_attempt_id: str) -> None:
        interval = _FIRST
        while True:
            await asyncio.sleep(interval)
            interval = min(2 * interval, _LONGEST)
            try:
                said = await self._ask(action_attempt_id)
            except ApiAway as error:
                self._failed(action_attempt_id, str(error))
            except ApiRefuses as error:  # and so it would the next time
                self._failed(action_attempt_id, str(error))
                return
            else:
                self._heard(said)

    async def _ask(self, action_attempt_id: str) -> ActionAttempt:
        api = await self._made_api()
        async with self._few:
            return await api.action_attempt(action_attempt_id)

    async def _made_api(self) -> AsyncSeamApi:
        """Return what asks Seam, made once. One that could not be made is made again next time."""
        if self._api is None:  # in a thread, since the SDK takes half a second to import
            self._api = asyncio.create_task(asyncio.to_thread(AsyncSeamApi, self._settings))
        making = self._api
        try:
            return await asyncio.shield(making)
        except Exception as error:
            if self._api is making:
                self._api = None
            raise ApiAway(
                f"Seam's API cannot be asked now: {type(error).__name__}: {error}"
            ) from error
