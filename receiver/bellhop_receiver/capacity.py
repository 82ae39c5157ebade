"""What is closed when this process has nearly as many files open as it may.

At the limit, libuv closes whatever connects, without a word: webhooks among it. So some files are
kept free for new connections and for those to Redis, by closing what is worth least, in this order:
what idles, what is only half sent, what waits for an answer to anything but a webhook. Of equals,
the oldest goes first: a sender that means it needs milliseconds.
"""

import os
import resource
from collections.abc import Iterable
from enum import IntEnum
from typing import Protocol

from bellhop_receiver.refusals import Refusals

MOST_BACKLOG = 2048
_OTHERS = 64
"""Files for what is no connection of a client, such as those to Redis."""


class Worth(IntEnum):
    """What a connection is at, the least worth first."""

    IDLE = 0
    HALF_SENT = 1
    ANSWERED_SOON = 2
    WEBHOOK = 3


class Connection(Protocol):
    """What has to be known of one."""

    @property
    def worth(self) -> Worth:
        """What it is at."""

    @property
    def since(self) -> float:
        """Since when, in seconds of the event loop."""

    @property
    def file(self) -> int:
        """The number of its file."""

    def abort(self) -> None:
        """Close it now."""


_CLOSED = {
    Worth.IDLE: "it idled",
    Worth.HALF_SENT: "its request did not come to an end",
    Worth.ANSWERED_SOON: "webhooks go first",
    Worth.WEBHOOK: "all others bring webhooks",
}


def backlog() -> int:
    """Return how many connections may wait to be taken: as many as there are files kept free."""
    return min(MOST_BACKLOG, _limit() // 8)


class Capacity:
    """Makes room for new connections, if that is needed. What it closes is told by `refusals`."""

    def __init__(self, refusals: Refusals) -> None:
        self.refusals = refusals
        self._leaving: set[Connection] = set()

    def admit(self, new: Connection, others: Iterable[Connection]) -> None:
        """Make room if a new connection took one of the files that are kept free.

        It is closed itself if all others are worth more.
        """
        if (excess := self._excess(new.file)) > 0:
            closed = self._make_room(excess, [one for one in others if one is not new])
            if not closed:
                self._close(new, Worth.WEBHOOK)

    def check(self, connections: Iterable[Connection]) -> None:
        """Make room if files ran out in another way: then no new connection is ever told of."""
        try:
            file = os.open(os.devnull, os.O_RDONLY)
        except OSError:
            file = _limit()
        else:
            os.close(file)
        if (excess := self._excess(file)) > 0:
            self._make_room(excess, connections)

    def left(self, connection: Connection) -> None:
        """Take note that a connection is closed. Until then it has its file."""
        self._leaving.discard(connection)

    def _excess(self, file: int) -> int:
        """Return how many connections are too many, by the number of a file that is new.

        The system gives the lowest that is free, so all below it are in use.
        """
        limit = _limit()
        kept_free = backlog() + min(_OTHERS, limit // 16)
        return file + 1 - (limit - kept_free) - len(self._leaving)

    def _make_room(self, excess: int, connections: Iterable[Connection]) -> int:
        """Close so many of those worth least, and return how many were found.

        A sixteenth of what is worth least is closed at least: a look at all is rarely needed then.
        """
        ranked = sorted(
            (
                (worth, one.since, id(one), one)
                for one in connections
                if (worth := one.worth) is not Worth.WEBHOOK and one not in self._leaving
            ),
        )
        if not ranked:
            return 0
        least = sum(worth is ranked[0][0] for worth, *_ in ranked)
        closed = ranked[: max(excess, least // 16 + 1)]
        for worth, *_, one in closed:
            self._close(one, worth)
        return len(closed)

    def _close(self, connection: Connection, worth: Worth) -> None:
        self.refusals.add(
            f"{_CLOSED[worth]}, and nearly all of the {_limit()} files that this process may open "
            "are in use; raise the limit (ulimit -n, LimitNOFILE=, --ulimit nofile=) or put a "
            "proxy before it"
        )
        self._leaving.add(connection)
        connection.abort()


def _limit() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**31 if soft == resource.RLIM_INFINITY else soft
