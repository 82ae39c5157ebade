"""Asking Seam, whose SDK may be slow or impossible to load."""

import asyncio
from typing import Any

import pytest

from bellhop import polling
from bellhop.attempts import ActionAttempt
from bellhop.polling import Polls
from bellhop.settings import Settings, load_settings
from tests.stand_in import API_KEY

FAILED = ActionAttempt(action_attempt_id="a1", status="error")
SAID = ActionAttempt.model_validate(
    {"action_attempt_id": "a1", "status": "error", "error": {"type": "offline", "message": "m"}}
)


class Api:
    async def action_attempt(self, action_attempt_id: str) -> ActionAttempt:
        return SAID

    async def close(self) -> None: ...


def test_an_sdk_that_could_not_be_loaded_once_is_loaded_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Settings] = []

    def make(settings: Settings) -> Api:
        made.append(settings)
        if len(made) <= 2:
            raise ImportError("no file descriptor left")
        return Api()

    monkeypatch.setattr(polling, "AsyncSeamApi", make)
    monkeypatch.setattr(polling, "_FIRST", 0.001)
    monkeypatch.setenv("SEAM_API_KEY", API_KEY)
    heard: asyncio.Queue[ActionAttempt] = asyncio.Queue()
    problems: list[Any] = []

    async def ask() -> None:
        polls = Polls(load_settings(), heard.put_nowait, lambda *said: problems.append(said))
        assert await polls.reason_of(FAILED) == FAILED
        polls.begin("a1")
        assert await asyncio.wait_for(heard.get(), 30) == SAID
        assert await polls.reason_of(FAILED) == SAID
        await polls.close()

    asyncio.run(ask())
    assert len(made) == 3
    why = "Seam's API cannot be asked now: ImportError: no file descriptor left"
    assert problems == [("a1", why)]
