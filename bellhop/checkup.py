"""What there is to say about a ledger, its workers and its handlers, and what mends it.

Everything here decides; nothing asks. What Redis says of itself is judged in `redis_checks`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bellhop.events import TYPES
from bellhop.handler import Handler
from bellhop.ledger.condition import Condition
from bellhop.redis_checks import Finding, Level
from bellhop.routing import Pattern, Registry
from bellhop.settings import InvalidSettings
from bellhop.signature import TOLERANCE

_CLOCKS_DIFFER = timedelta(seconds=5)
_FOREMAN_IS_LATE = timedelta(seconds=15)
_MAIL_IS_OLD = timedelta(minutes=1)
_MAIL_IS_STUCK = timedelta(minutes=10)
_RETRY_IS_LATE = timedelta(seconds=15)
_FULL, _NEARLY_FULL = 0.95, 0.8
_NAMED = 3


def judge_settings(error: InvalidSettings) -> Iterator[Finding]:
    """Tell each setting that is wrong. With wrong ones, nothing else can be looked at."""
    for problem in str(error).splitlines():
        yield Finding(
            Level.PROBLEM,
            problem,
            "correct it in the environment or in .env, and ask again: the rest was not looked at",
        )


def judge_clock(here: datetime, there: datetime) -> Finding:
    """Compare our clock with that of Redis. Both are aware."""
    apart = abs(here - there)
    if apart < _CLOCKS_DIFFER:
        return Finding(Level.OK, "clock agrees with that of Redis")
    return Finding(
        Level.PROBLEM if apart.total_seconds() > TOLERANCE else Level.WARNING,
        f"clock is {_span(apart)} {'behind' if here < there else 'ahead of'} that of Redis; "
        f"webhooks are refused if ours is {TOLERANCE} s wrong",
        "synchronise both machines' clocks (NTP: chronyd or systemd-timesyncd)",
    )


def judge_memory(info: Mapping[str, Any]) -> Finding:
    """Say how much memory is left, from the section `memory` of INFO."""
    used = int(info.get("used_memory", 0))
    limit = int(info.get("maxmemory", 0))
    whose = "maxmemory"
    if not limit:
        limit, whose = int(info.get("total_system_memory", 0)), "the machine's memory"
    if not limit:
        return Finding(Level.OK, f"memory: {_size(used)} used")
    share = used / limit
    text = f"memory: {_size(used)} of {_size(limit)} used ({whose})"
    if share < _NEARLY_FULL:
        return Finding(Level.OK, text)
    return Finding(
        Level.PROBLEM if share >= _FULL else Level.WARNING,
        f"{text}: when it is full, deliveries are answered 503",
        "give Redis more memory, or shorten BELLHOP_RETENTION",
    )


def judge_workers(alive: Sequence[str]) -> Finding:
    """Say whether anybody runs handlers."""
    if alive:
        return Finding(Level.OK, f"workers alive: {len(alive)}")
    return Finding(
        Level.PROBLEM,
        "no worker is alive: events are kept, and no handler runs",
        "start one: bellhop worker",
    )


def judge_ledger(condition: Condition) -> Iterator[Finding]:
    """Say how the ledger is doing."""
    now = condition.now
    yield _foreman(condition)
    yield _mail(condition)
    late = condition.oldest_due is not None and now - condition.oldest_due > _RETRY_IS_LATE
    yield Finding(
        Level.WARNING if late else Level.OK,
        f"retries waiting: {condition.retries:,}"
        + (f", one was due {_span(now - condition.oldest_due)} ago" if late else ""),  # type: ignore[operator]
        "see that a foreman is alive: it is part of bellhop worker" if late else "",
    )
    for count, what, command in (
        (condition.dead, "dead letters", "bellhop dead"),
        (condition.quarantined, "bodies in quarantine", "bellhop quarantine"),
        (condition.drift, "kinds of drift", "bellhop drift"),
    ):
        yield Finding(
            Level.WARNING if count else Level.OK,
            f"{what}: {count:,}",
            f"look at them: {command}" if count else "",
        )


def _foreman(condition: Condition) -> Finding:
    remedy = "start a worker: its pool has a foreman"
    if condition.swept_at is None:
        return Finding(Level.PROBLEM, "no foreman was ever alive: retries do not come back", remedy)
    since = condition.now - condition.swept_at
    if since < _FOREMAN_IS_LATE:
        return Finding(Level.OK, "foreman alive")
    return Finding(Level.PROBLEM, f"no foreman was alive for {_span(since)}", remedy)


def _mail(condition: Condition) -> Finding:
    waiting = f"mailboxes waiting: {condition.mailboxes_ready:,}"
    if condition.oldest_mail is None:
        return Finding(Level.OK, waiting)
    age = condition.now - condition.oldest_mail
    text = f"{waiting}, the oldest event came {_span(age)} ago"
    if age < _MAIL_IS_OLD:
        return Finding(Level.OK, text)
    return Finding(
        Level.PROBLEM if age > _MAIL_IS_STUCK else Level.WARNING,
        text,
        "start more workers, or make the handlers that run long async: bellhop handlers",
    )


def judge_handlers(registry: Registry) -> Iterator[Finding]:
    """Say what the registered handlers match."""
    if not len(registry):
        yield Finding(
            Level.WARNING,
            "no handlers: every event is done with unhandled",
            "put a module with @on(…) functions into handlers/, or set BELLHOP_HANDLERS",
        )
        return
    nobody = [name for name in TYPES if not registry.match(name)]
    text = f"handlers: {len(registry)}"
    if nobody:
        named = ", ".join(nobody[:_NAMED]) + (" …" if len(nobody) > _NAMED else "")
        text += f"; {len(nobody)} of {len(TYPES)} known types have none ({named})"
    yield Finding(Level.OK, text)
    for handler in registry:
        if unknown := [pattern for pattern in handler.patterns if not _fits_any(pattern)]:
            yield _matches_nothing(handler, unknown)


def _fits_any(pattern: str) -> bool:
    return bool(Pattern(pattern).known_types())


def _matches_nothing(handler: Handler, patterns: Sequence[str]) -> Finding:
    return Finding(
        Level.WARNING,
        f"{handler.name} waits for {', '.join(patterns)}, which fits no known event type",
        "check the name: bellhop types",
    )


def _span(duration: timedelta) -> str:
    seconds = round(duration.total_seconds())
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB" if count >= 1024**3 else f"{count / 1024**2:.0f} MiB"
