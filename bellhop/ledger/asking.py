"""Calls whose answers are read later: Redis works on one while its caller does something else."""

from typing import Any, Generic, TypeVar

from redis import Redis
from redis.exceptions import ResponseError

from bellhop.ledger import keys
from bellhop.ledger.calls import Call
from bellhop.ledger.version import version_error

T = TypeVar("T")


class Asked(Generic[T]):
    """A call that was sent, on a connection of its own. Raises `RedisError` if it cannot be."""

    def __init__(self, redis: Redis, call: Call[T]) -> None:
        self._read = call.read
        self._pool = redis.connection_pool
        connection: Any = self._pool.get_connection()
        self._connection = connection
        self._reply: list[Any] = []
        command = ("EVALSHA", call.script.sha, 1, keys.PREFIX, *call.arguments)
        try:
            connection.send_command(*command)
        except BaseException:
            self._let_go(whole=False)
            raise

    def read_reply(self) -> None:
        """Wait for the answer, and keep it as it came.

        Raises `RedisError`; then it is not known whether the call was done, and it is not asked for
        again. Raises `WrongVersion`.
        """
        if self._reply:
            return
        whole = False
        try:
            self._reply.append(self._connection.read_response())
            whole = True
        except ResponseError as error:
            raise version_error(error) from None
        finally:
            self._let_go(whole=whole)

    def answer(self) -> T:
        """Return what the answer says. Raises as `read_reply` does."""
        self.read_reply()
        return self._read(self._reply[0])

    def drop(self) -> None:
        """Read no answer: nobody wants it any more."""
        if not self._reply:
            self._let_go(whole=False)

    def _let_go(self, *, whole: bool) -> None:
        if not whole:
            self._connection.disconnect()
        self._pool.release(self._connection)
