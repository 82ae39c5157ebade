"""Reading from Redis in steps, written once and run by a client that blocks or by one that awaits.

A reading is a generator: it yields the commands of a step, gets their answers, and returns what it
read.
"""

from collections.abc import Generator, Sequence
from typing import Any, TypeAlias, TypeVar

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

T = TypeVar("T")
Command: TypeAlias = tuple[str | bytes | int, ...]
Steps: TypeAlias = Generator[Sequence[Command], list[Any], T]


def run(redis: Redis, steps: Steps[T]) -> T:
    """Take the steps, each in one round trip. Raises `RedisError`."""
    answers: list[Any] | None = None
    while True:
        try:
            commands = steps.send(answers)  # type: ignore[arg-type]  # None starts it
        except StopIteration as end:
            read: T = end.value
            return read
        with redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            answers = pipeline.execute()


async def run_async(redis: AsyncRedis, steps: Steps[T]) -> T:
    """Do the same on an event loop."""
    answers: list[Any] | None = None
    while True:
        try:
            commands = steps.send(answers)  # type: ignore[arg-type]  # None starts it
        except StopIteration as end:
            read: T = end.value
            return read
        async with redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            answers = await pipeline.execute()
