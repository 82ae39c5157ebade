"""Unfinished bodies are held, but not more of them than fits."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bellhop_receiver.body import BodyReader, Disconnected, TooLarge, TooSlow


class Sender:
    """Sends a body piece by piece."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.receive = self._messages.get

    def send(self, piece: bytes, *, last: bool = False) -> None:
        self._messages.put_nowait({"type": "http.request", "body": piece, "more_body": not last})

    def leave(self) -> None:
        self._messages.put_nowait({"type": "http.disconnect"})


Reading = tuple[Sender, "asyncio.Task[bytes]"]


def scenario(
    tell: Callable[[Callable[[], Reading]], Awaitable[None]], *, most: int, most_held: int
) -> None:
    """Run what `tell` does with readings that it begins."""

    async def run() -> None:
        bodies = BodyReader(most, most_held)

        def begin() -> Reading:
            sender = Sender()
            return sender, asyncio.create_task(bodies.read("", sender.receive))

        await tell(begin)

    asyncio.run(run())


async def until_read(*senders: Sender) -> None:
    """Return when all pieces were taken and what follows from them was done."""
    for _ in range(10):  # a timeout takes several turns of the loop to reach its task
        await asyncio.sleep(0)
    assert all(sender._messages.empty() for sender in senders)


def test_pieces_become_a_body() -> None:
    async def tell(begin: Callable[[], Reading]) -> None:
        sender, body = begin()
        sender.send(b"one ")
        sender.send(b"two")
        sender.send(b"", last=True)
        assert await body == b"one two"

    scenario(tell, most=100, most_held=100)


def test_when_there_is_no_room_the_oldest_has_to_leave() -> None:
    async def tell(begin: Callable[[], Reading]) -> None:
        (old, old_body), (new, new_body) = begin(), begin()
        old.send(b"x" * 60)
        await until_read(old)
        new.send(b"y" * 60)
        await until_read(new)
        with pytest.raises(TooSlow):
            await old_body
        new.send(b"", last=True)
        assert await new_body == b"y" * 60

    scenario(tell, most=100, most_held=100)


def test_what_is_read_or_left_makes_room() -> None:
    async def tell(begin: Callable[[], Reading]) -> None:
        patient, patient_body = begin()
        patient.send(b"x" * 30)
        await until_read(patient)
        for _ in range(10):
            good, good_body = begin()
            good.send(b"y" * 60)
            good.send(b"", last=True)
            assert await good_body == b"y" * 60
            gone, gone_body = begin()
            gone.send(b"z" * 60)
            gone.leave()
            with pytest.raises(Disconnected):
                await gone_body
        patient.send(b"", last=True)
        assert await patient_body == b"x" * 30

    scenario(tell, most=100, most_held=100)


def test_a_body_as_large_as_is_allowed_fits_alone() -> None:
    async def tell(begin: Callable[[], Reading]) -> None:
        sender, body = begin()
        for _ in range(100):
            sender.send(b"x")
        sender.send(b"", last=True)
        assert await body == b"x" * 100

    scenario(tell, most=100, most_held=10)


def test_a_byte_more_is_too_large() -> None:
    async def tell(begin: Callable[[], Reading]) -> None:
        sender, body = begin()
        sender.send(b"x" * 100)
        sender.send(b"x")
        with pytest.raises(TooLarge):
            await body

    scenario(tell, most=100, most_held=10)
