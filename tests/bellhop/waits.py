"""Both ways to wait for an action attempt."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bellhop import ActionAttempt, wait_for_action_attempt, wait_for_action_attempt_sync


def wait_in_loop(action_attempt_id: str = "a1", **options: Any) -> ActionAttempt:
    return asyncio.run(wait_for_action_attempt(action_attempt_id, **options))


both_ways = pytest.mark.parametrize("wait", [wait_in_loop, wait_for_action_attempt_sync])
Way = Callable[..., ActionAttempt]
