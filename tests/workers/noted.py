"""What tests of handlers that are noted in their steps share."""

from collections.abc import Awaitable
from typing import Any

ENTRY = b"e1 alarm"


def told(error: BaseException) -> Any:
    return type(error), str(error), told(error.__cause__) if error.__cause__ else None


async def awaiting(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
