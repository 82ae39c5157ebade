"""Calls that are sent before the answers to those ahead of them are read.

Redis works on them while their caller does something else, and does them in the order sent.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from bellhop.ledger import keys
from bellhop.ledger.calls import Call

T = TypeVar("T")

_BROKE = "the connection broke under the calls before"


class Line:
    """A connection for calls in a row.

    If one of them fails, the connection is given up, and with it the answers to those behind: it is
    not known whether they were done. Another connection is taken when all have been asked for.
    """

    def __init__(self, redis: Redis) -> None:
        self._pool = redis.connection_pool
        self._connection: Any = None
        self._unanswered = 0

    def ask(self, call: Call[T]) -> "Asked[T]":
        """Send a call. Raises `RedisError` if it cannot be sent behind those before."""
        if self._connection is None and not self._unanswered:
            self._connection = self._pool.get_connection()
        connection = self._connection
        # It would connect again by itself, and take the answer to this call for that to the first.
        if connection is None or (self._unanswered and connection._sock is None):
            raise RedisConnectionError(_BROKE)
        command = ("EVALSHA", call.script.sha, 1, keys.PREFIX, *call.arguments)
        try:
            # A health check would read the answer to the first for its own.
            connection.send_command(*command, check_health=False)
        except BaseException:
            self._let_go(whole=False)
            raise
        self._unanswered += 1
        return Asked(self, connection, call.read)

    def _answer_on(self, connection: Any) -> Any:
        self._unanswered -= 1
        if connection is not self._connection:
            raise RedisConnectionError(_BROKE)
        whole = False
        try:
            answer = connection.read_response()
            whole = True
        finally:
            if not (whole and self._unanswered):
                self._let_go(whole=whole)
        return answer

    def _let_go(self, *, whole: bool) -> None:
        connection, self._connection = self._connection, None
        if not whole:
            connection.disconnect()
        self._pool.release(connection)


class Asked(Generic[T]):
    """A call that was sent."""

    def __init__(self, line: Line, connection: Any, read: Callable[[Any], T]) -> None:
        self._line = line
        self._connection = connection
        self._read = read
        self._heard: list[Any] = []

    def hear(self) -> None:
        """Wait for the answer, and keep it as it came. Those sent before have been heard.

        Raises `RedisError`, once; then it is not known whether the call was done.
        """
        if not self._heard:
            self._heard.append(self._line._answer_on(self._connection))

    def answer(self) -> T:
        """Return what the answer says. Raises as `hear` does."""
        self.hear()
        return self._read(self._heard[0])
