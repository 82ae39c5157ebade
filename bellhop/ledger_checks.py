"""What there is to say about a ledger: whether it is worked on, and what waits for somebody.

Everything here decides; nothing asks. Each finding that is not good comes with what mends it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from bellhop.finding import Finding, Level
from bellhop.ledger.alarms import Alarm
from bellhop.ledger.condition import Condition
from bellhop.ledger.repairs import RepairCounts
from bellhop.times import span

MAIL_IS_STUCK = timedelta(minutes=10)

_FOREMAN_IS_LATE = timedelta(seconds=15)
_MAIL_IS_OLD = timedelta(minutes=1)
_LETTER_IS_OLD = timedelta(hours=1)
_RETRY_IS_LATE = timedelta(seconds=15)
_ALARM_IS_OVER = timedelta(days=7)
_REPAIR_IS_OVER = timedelta(days=1)
_NAMED = 3


def judge_workers(alive: Sequence[str], condition: Condition) -> Finding:
    """Say whether anybody runs handlers.

    While a foreman is alive, so is the pool that it is part of: that starts workers, and they end.
    """
    if alive:
        return Finding(Level.OK, f"workers alive: {len(alive)}", check="workers", count=len(alive))
    text = "no worker is alive: events are kept, and no handler runs"
    remedy = "start one: bellhop worker"
    if condition.swept_at and condition.now - condition.swept_at < _FOREMAN_IS_LATE:
        text += (
            "; a foreman was alive just now, so workers start and end again, or all were stopped"
        )
        remedy = (
            "see the log of bellhop worker for why they end, such as a lifespan that fails; if "
            "they were stopped, start one: bellhop worker"
        )
    return Finding(Level.PROBLEM, text, remedy, check="workers", count=0)


def judge_ledger(condition: Condition) -> Iterator[Finding]:
    """Say how the ledger is doing."""
    now = condition.now
    yield _foreman(condition)
    yield _mail(condition)
    yield _unrouted(condition)
    late = condition.oldest_due is not None and now - condition.oldest_due > _RETRY_IS_LATE
    yield Finding(
        Level.WARNING if late else Level.OK,
        f"retries waiting: {condition.retries:,}"
        + (f", one was due {span(now - condition.oldest_due)} ago" if late else ""),  # type: ignore[operator]
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
            text += f", the oldest since {span(age)}"
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
        text = f"no foreman was alive for {span(since)}"
        if since < _FOREMAN_IS_LATE:
            level, text, remedy = Level.OK, "foreman alive", ""
    return Finding(level, text, remedy, check="foreman", measured={"last_seen": swept})


def _mail(condition: Condition) -> Finding:
    text, level, remedy = f"mailboxes waiting: {condition.mailboxes_ready:,}", Level.OK, ""
    if condition.oldest_mail is not None:
        age = condition.now - condition.oldest_mail
        text += f", the oldest event came {span(age)} ago"
        if age >= _MAIL_IS_OLD:
            level = Level.PROBLEM if age > MAIL_IS_STUCK else Level.WARNING
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


def _unrouted(condition: Condition) -> Finding:
    """Judge what came before any worker did: nobody knows yet which handlers are to get it."""
    text, level = f"events that wait for the first worker: {condition.unrouted:,}", Level.OK
    if condition.oldest_unrouted is not None:
        age = condition.now - condition.oldest_unrouted
        text += f", the oldest came {span(age)} ago"
        level = Level.PROBLEM if age > MAIL_IS_STUCK else Level.WARNING
    return Finding(
        level,
        text,
        "start one: bellhop worker" if condition.unrouted else "",
        check="unrouted",
        count=condition.unrouted,
        measured={"oldest": condition.oldest_unrouted},
    )


def judge_repairs(repairs: RepairCounts, now: datetime) -> Finding:
    """Say what the foreman had to repair, if it had to within a day. `now` is aware."""
    counts = dict(repairs.counts)
    text, level, remedy = f"repairs of the ledger: {sum(counts.values()):,}", Level.OK, ""
    if repairs.last_at is not None:
        named = ", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items()))
        text += f" ({named}), the last {span(now - repairs.last_at)} ago"
        if now - repairs.last_at < _REPAIR_IS_OVER:
            level = Level.WARNING
            remedy = (
                "see the foreman's log for what was wrong, and who else writes into this Redis; "
                "what was under our names is kept as broken:… for two weeks"
            )
    return Finding(
        level,
        text,
        remedy,
        check="repairs",
        count=sum(counts.values()),
        measured={"kinds": counts, "latest": repairs.last_at},
    )


def judge_alarms(alarms: Sequence[Alarm], now: datetime) -> Finding:
    """Say what Svix complained of in the last week. `alarms`: the latest first. `now` is aware."""
    lately = [alarm for alarm in alarms if now - alarm.at < _ALARM_IS_OVER]
    if not lately:
        return Finding(Level.OK, "complaints of Svix: 0", check="svix", count=0)
    named = "; ".join(
        f"{alarm.type} {alarm.endpoint}".rstrip() + f" {span(now - alarm.at)} ago"
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
