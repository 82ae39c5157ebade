"""What there is to say about settings, a ledger, its workers and handlers, and what mends it.

Everything here decides; nothing asks. What Redis says of itself is judged in `redis_checks`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bellhop.events import TYPES
from bellhop.handler import Handler
from bellhop.ledger.alarms import Alarm
from bellhop.ledger.condition import Condition
from bellhop.redis_checks import Finding, Level
from bellhop.routing import Pattern, Registry
from bellhop.settings import InvalidSettings, Settings, variable_of
from bellhop.signature import TOLERANCE

_CLOCKS_DIFFER = timedelta(seconds=5)
_FOREMAN_IS_LATE = timedelta(seconds=15)
_MAIL_IS_OLD = timedelta(minutes=1)
_MAIL_IS_STUCK = timedelta(minutes=10)
_LETTER_IS_OLD = timedelta(hours=1)
_RETRY_IS_LATE = timedelta(seconds=15)
_SECRET = {
    name for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)
}
_SECRET |= {"seam_endpoint"}  # a URL may hold a password
_FULL, _NEARLY_FULL = 0.95, 0.8
_NAMED = 3
_ALARM_IS_OVER = timedelta(days=7)


def judge_settings(error: InvalidSettings) -> Iterator[Finding]:
    """Tell each setting that is wrong. With wrong ones, nothing else can be looked at."""
    for problem in str(error).splitlines():
        yield Finding(
            Level.PROBLEM,
            problem,
            "correct it in the environment or in .env, and ask again: the rest was not looked at",
            check="settings",
            measured={"error": problem},
        )


def tell_settings(settings: Settings) -> Finding:
    """Say of each setting where its value comes from; and the value, unless it may be secret."""
    origins = {name: origin for name, origin in settings.origins.items() if origin != "default"}
    values = {variable_of(name): _shown(settings, name) for name in Settings.model_fields}
    lines = [
        f"{name}{'' if values[name] is None else f' = {values[name]}'}: from {origin}"
        for name, origin in origins.items()
    ]
    defaults = [name for name in settings.origins if name not in origins]
    return Finding(
        Level.OK,
        "\n".join(
            [f"settings: {len(origins)} given", *lines, f"by default: {', '.join(defaults)}"]
        ),
        check="settings",
        count=len(origins),
        measured={
            "settings": {
                name: {"value": values[name], "origin": origin}
                for name, origin in settings.origins.items()
            }
        },
    )


def _shown(settings: Settings, name: str) -> str | None:
    """Return a value as it may be shown, or `None` for one that is secret or not set."""
    value = getattr(settings, name)
    if value is None or name in _SECRET:
        return None
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, tuple):
        return " ".join(value)
    return str(value)


def judge_clock(here: datetime, there: datetime) -> Finding:
    """Compare our clock with that of Redis. Both are aware."""
    apart = abs(here - there)
    if apart < _CLOCKS_DIFFER:
        return Finding(
            Level.OK,
            "clock agrees with that of Redis",
            check="clock",
            measured={"seconds": apart.total_seconds()},
        )
    return Finding(
        Level.PROBLEM if apart.total_seconds() > TOLERANCE else Level.WARNING,
        f"clock is {_span(apart)} {'behind' if here < there else 'ahead of'} that of Redis; "
        f"webhooks are refused if ours is {TOLERANCE} s wrong",
        "synchronise both machines' clocks (NTP: chronyd or systemd-timesyncd)",
        check="clock",
        measured={"seconds": apart.total_seconds()},
    )


def judge_memory(info: Mapping[str, Any]) -> Finding:
    """Say how much memory is left, from the section `memory` of INFO."""
    if "used_memory" not in info:
        return Finding(
            Level.UNKNOWN, "memory: the server does not tell how much is used", check="memory"
        )
    used = int(info["used_memory"])
    limit = int(info.get("maxmemory", 0))
    whose = "maxmemory"
    if not limit:
        limit, whose = int(info.get("total_system_memory", 0)), "the machine's memory"
    measured = {"used_bytes": used, "limit_bytes": limit or None}
    if not limit:
        return Finding(Level.OK, f"memory: {_size(used)} used", check="memory", measured=measured)
    share = used / limit
    text = f"memory: {_size(used)} of {_size(limit)} used ({whose})"
    if share < _NEARLY_FULL:
        return Finding(Level.OK, text, check="memory", measured=measured)
    return Finding(
        Level.PROBLEM if share >= _FULL else Level.WARNING,
        f"{text}: when it is full, deliveries are answered 503",
        "give Redis more memory, or shorten BELLHOP_RETENTION",
        check="memory",
        measured=measured,
    )


def judge_workers(alive: Sequence[str]) -> Finding:
    """Say whether anybody runs handlers."""
    if alive:
        return Finding(Level.OK, f"workers alive: {len(alive)}", check="workers", count=len(alive))
    return Finding(
        Level.PROBLEM,
        "no worker is alive: events are kept, and no handler runs",
        "start one: bellhop worker",
        check="workers",
        count=0,
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
        check="retries",
        count=condition.retries,
        measured={"oldest_due": condition.oldest_due},
    )
    yield _dead(condition)
    yield _quarantine(condition)
    yield Finding(
        Level.WARNING if condition.drift else Level.OK,
        f"kinds of drift: {condition.drift:,}",
        "look at them: bellhop drift" if condition.drift else "",
        check="drift",
        count=condition.drift,
    )


def _dead(condition: Condition) -> Finding:
    """Judge the dead letters: somebody has an hour to look at one before it is a problem."""
    text, level = f"dead letters: {condition.dead:,}", Level.OK
    if condition.dead:
        level = Level.WARNING
        age = condition.now - (condition.oldest_dead or condition.now)
        if age > _LETTER_IS_OLD:
            level = Level.PROBLEM
            text += f", the oldest since {_span(age)}"
    return Finding(
        level,
        text,
        "look at them: bellhop dead" if condition.dead else "",
        check="dead_letters",
        count=condition.dead,
        measured={"oldest": condition.oldest_dead},
    )


def _quarantine(condition: Condition) -> Finding:
    """Judge the quarantine: no handler runs for what is in there, until somebody looks at it."""
    return Finding(
        Level.PROBLEM if condition.quarantined else Level.OK,
        f"bodies in quarantine: {condition.quarantined:,}",
        "look at them: bellhop quarantine" if condition.quarantined else "",
        check="quarantine",
        count=condition.quarantined,
        measured={"oldest": condition.oldest_quarantined},
    )


def _foreman(condition: Condition) -> Finding:
    remedy = "start a worker: its pool has a foreman"
    swept = condition.swept_at
    since = None if swept is None else condition.now - swept
    level, text = Level.PROBLEM, "no foreman was ever alive: retries do not come back"
    if since is not None:
        text = f"no foreman was alive for {_span(since)}"
        if since < _FOREMAN_IS_LATE:
            level, text, remedy = Level.OK, "foreman alive", ""
    return Finding(level, text, remedy, check="foreman", measured={"last_seen": swept})


def _mail(condition: Condition) -> Finding:
    text, level, remedy = f"mailboxes waiting: {condition.mailboxes_ready:,}", Level.OK, ""
    if condition.oldest_mail is not None:
        age = condition.now - condition.oldest_mail
        text += f", the oldest event came {_span(age)} ago"
        if age >= _MAIL_IS_OLD:
            level = Level.PROBLEM if age > _MAIL_IS_STUCK else Level.WARNING
            remedy = (
                "start more workers, or make the handlers that run long async: bellhop handlers"
            )
    return Finding(
        level,
        text,
        remedy,
        check="mail",
        count=condition.mailboxes_ready,
        measured={"oldest": condition.oldest_mail},
    )


def judge_alarms(alarms: Sequence[Alarm], now: datetime) -> Finding:
    """Say what Svix complained of in the last week. `alarms`: the latest first. `now` is aware."""
    lately = [alarm for alarm in alarms if now - alarm.at < _ALARM_IS_OVER]
    if not lately:
        return Finding(Level.OK, "complaints of Svix: 0", check="svix", count=0)
    named = "; ".join(
        f"{alarm.type} {alarm.endpoint}".rstrip() + f" {_span(now - alarm.at)} ago"
        for alarm in lately[:_NAMED]
    )
    return Finding(
        Level.PROBLEM,
        f"complaints of Svix: {len(lately)} ({named}{' …' if len(lately) > _NAMED else ''})",
        "look at the endpoint in Seam's console (Developer › Webhooks): enable it, and resend what "
        "failed",
        check="svix",
        count=len(lately),
        measured={"latest": lately[0].at},
    )


def judge_handlers(registry: Registry) -> Iterator[Finding]:
    """Say what the registered handlers match."""
    if not len(registry):
        yield Finding(
            Level.WARNING,
            "no handlers: every event is done with unhandled",
            "put a module with @on(…) functions into handlers/, or set BELLHOP_HANDLERS",
            check="handlers",
            count=0,
        )
        return
    nobody = [name for name in TYPES if not registry.match(name)]
    text = f"handlers: {len(registry)}"
    if nobody:
        named = ", ".join(nobody[:_NAMED]) + (" …" if len(nobody) > _NAMED else "")
        text += f"; {len(nobody)} of {len(TYPES)} known types have none ({named})"
    yield Finding(
        Level.OK,
        text,
        check="handlers",
        count=len(registry),
        measured={"types_without": nobody},
    )
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
        check="pattern",
        measured={"handler": handler.name, "patterns": list(patterns)},
    )


def _span(duration: timedelta) -> str:
    seconds = round(duration.total_seconds())
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB" if count >= 1024**3 else f"{count / 1024**2:.0f} MiB"
