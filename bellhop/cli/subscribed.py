"""What the ledger knows of handlers, for `bellhop handlers`: who has them, and what waits."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from bellhop.cli.state import NotConfigured, RedisUnreachable, opened_redis
from bellhop.settings import Settings
from bellhop.times import span

if TYPE_CHECKING:
    from bellhop.ledger import Subscribed, WaitingMail


class KnownHandler:
    """A subscription, and what waits for it."""

    def __init__(self, subscribed: "Subscribed", waiting: "WaitingMail") -> None:
        self.subscribed = subscribed
        self.waiting = waiting

    def row(self) -> dict[str, object]:
        """Return it for a program."""
        one = self.subscribed
        return {
            "patterns": one.patterns,
            "since": one.since,
            "workers": len(one.workers),
            "last_seen": one.seen_at,
            "mailboxes": self.waiting.mailboxes,
            "events": self.waiting.events,
            "retries": self.waiting.retries,
            "paused": one.paused,
            "limit": one.limit,
        }

    def text(self) -> str:
        """Return it for a person, in a line."""
        return "; ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        one = self.subscribed
        if one.workers:
            yield count(len(one.workers), "worker")
        else:
            yield f"no worker for {span(datetime.now(UTC) - one.seen_at)}"
        if one.limit:
            yield f"at most {one.limit} at a time"
        if one.paused:
            yield "paused"
        yield waits(self.waiting)


def read_known(settings: Settings) -> dict[str, KnownHandler] | None:
    """Return the handlers that the ledger knows, by name, or `None` if no Redis can be reached."""
    try:
        redis = opened_redis(settings)
    except NotConfigured:
        return None
    except RedisUnreachable as error:
        click.echo(f"bellhop: what waits is not shown: {error}", err=True)
        return None
    from bellhop.ledger import read_subscriptions, read_waiting

    found = read_subscriptions(redis)
    waiting = read_waiting(redis, [one.name for one in found])
    return {one.name: KnownHandler(one, waiting[one.name]) for one in found}


def waits(waiting: "WaitingMail") -> str:
    """Say what waits."""
    if not waiting:
        return "nothing waits"
    found = []
    if waiting.events:
        mailboxes = (
            f" in {count(waiting.mailboxes, 'mailbox', 'mailboxes')}" if waiting.mailboxes else ""
        )
        found.append(f"{count(waiting.events, 'event')}{mailboxes}")
    if waiting.retries:
        found.append(count(waiting.retries, "retry", "retries"))
    return f"{' and '.join(found)} wait{'s' if waiting.events + waiting.retries == 1 else ''}"


def count(number: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"
