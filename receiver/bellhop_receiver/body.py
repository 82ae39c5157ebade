"""Reading a request's body: never more of one than is allowed, nor of all together."""

import asyncio
from typing import Any

MOST_HELD = 32 * 1024**2
"""Bytes of unfinished bodies that are held at a time, unless one alone may be larger."""


class Disconnected(Exception):
    """The sender went away before its body was complete."""


class TooLarge(Exception):
    """The body is larger than allowed."""


class TooSlow(Exception):
    """The body was given up, to make room for those that began later."""


class BodyReader:
    """Reads bodies of `most` bytes at most.

    A body is held until its signature can be checked, and whoever sends half of one need not have
    signed it. When unfinished bodies together exceed `most_held` bytes, the oldest is given up: a
    sender that means it needs milliseconds, so that it is the hostile ones that have to leave.
    """

    def __init__(self, most: int, most_held: int = MOST_HELD) -> None:
        self._most = most
        self._room = max(most, most_held)
        self._open: dict[asyncio.Timeout, int] = {}  # oldest first, with what each holds

    async def read(self, announced: str, receive: Any) -> bytes:
        """Return the body; `announced` is its Content-Length, or "".

        Raises `TooLarge`, as soon as that is known, `TooSlow` and `Disconnected`.
        """
        if announced.isdecimal() and int(announced) > self._most:
            raise TooLarge
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            body: bytes = message.get("body", b"")
            if len(body) > self._most:
                raise TooLarge
            return body
        try:
            async with asyncio.timeout(None) as limit:
                try:
                    return await self._read_on(message, receive, limit)
                finally:
                    self._room += self._open.pop(limit, 0)
        except TimeoutError:
            raise TooSlow from None

    async def _read_on(self, message: Any, receive: Any, limit: asyncio.Timeout) -> bytes:
        pieces = bytearray()
        while True:
            if message["type"] == "http.disconnect":
                raise Disconnected
            piece = message.get("body", b"")
            pieces += piece
            if len(pieces) > self._most:
                raise TooLarge
            if not message.get("more_body"):
                return bytes(pieces)
            self._hold(limit, len(piece))
            message = await receive()

    def _hold(self, limit: asyncio.Timeout, size: int) -> None:
        self._open[limit] = self._open.get(limit, 0) + size
        self._room -= size
        while self._room < 0:
            oldest = next(iter(self._open))
            self._room += self._open.pop(oldest)
            oldest.reschedule(asyncio.get_running_loop().time())
