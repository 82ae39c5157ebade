"""Reads of several round trips, written once for clients that block and for those that await.

A read is a generator: it yields the commands of a round trip, is sent their answers, and returns
what it found. `take` and `take_async` send the commands, those of a round trip as one pipeline.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

T = TypeVar("T")

Command = Callable[[Any], Any] | tuple[str | bytes | int, ...]
"""Puts one command into a pipeline, such as `operator.methodcaller("hgetall", key)`, or is the
words of one."""

Steps = Generator[Sequence[Command], Sequence[Any], T]
"""The commands of each round trip, one after the other, and what they lead to."""


def take(redis: Redis, steps: Steps[T]) -> T:
    """Take the steps, and return what they lead to. Raises `RedisError`."""
    try:
        commands = next(steps)
        while True:
            pipeline: Any = redis.pipeline(transaction=False)
            for command in commands:
                _put(command, pipeline)
            commands = steps.send(pipeline.execute())
    except StopIteration as end:
        found: T = end.value
        return found


async def take_async(redis: AsyncRedis, steps: Steps[T]) -> T:
    """Take the steps, and return what they lead to. Raises `RedisError`."""
    try:
        commands = next(steps)
        while True:
            pipeline: Any = redis.pipeline(transaction=False)
            for command in commands:
                _put(command, pipeline)
            commands = steps.send(await pipeline.execute())
    except StopIteration as end:
        found: T = end.value
        return found


def _put(command: Command, pipeline: Any) -> None:
    if isinstance(command, tuple):
        pipeline.execute_command(*command)
    else:
        command(pipeline)
