"""What there is to say about subscriptions: who waits for a worker, and which workers differ.

Everything here decides; nothing asks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import combinations

from bellhop.finding import Finding, Level
from bellhop.ledger import LiveSet, Subscribed
from bellhop.ledger_checks import MAIL_IS_STUCK
from bellhop.patterns import fits_any
from bellhop.times import span

_DEPLOY_TAKES = timedelta(minutes=10)
_RESTART_TAKES = timedelta(minutes=2)
_NAMED = 3


def judge_subscriptions(
    subscribed: Sequence[Subscribed],
    oldest: Mapping[str, datetime | None],
    now: datetime,
    registered: Iterable[str] = (),
) -> Iterator[Finding]:
    """Say which handlers no worker has, and which are paused while mail waits for them.

    `oldest`: of those, when the event came that waits longest. `now` is aware. `registered`: the
    handlers that are registered here. Once workers have handlers, it is told which of these none
    ever had: perhaps all workers take some only (`bellhop worker --only`).
    """
    known, here = {one.name for one in subscribed}, list(registered)
    never_had = [name for name in here if name not in known] if known else []
    without = [one for one in subscribed if not one.workers]
    gone = any(one.name not in here and now - one.seen_at > _RESTART_TAKES for one in without)
    yield _without_workers(without, never_had, oldest, now, gone=gone)
    yield _paused([one for one in subscribed if one.paused], oldest, now)


def _without_workers(
    found: Sequence[Subscribed],
    never_had: Sequence[str],
    oldest: Mapping[str, datetime | None],
    now: datetime,
    *,
    gone: bool,
) -> Finding:
    """Judge handlers without a worker: a deploy may be under way, for ten minutes.

    `never_had`: those that no worker had yet, so that nothing waits for them. `gone`: whether some
    may have been renamed or taken away, and do not only wait for workers that start again.
    """
    count = len(found) + len(never_had)
    level, stuck = Level.WARNING if count else Level.OK, []
    for one in found:
        came = oldest.get(one.name)
        # What was tried before came earlier, and waits since its last worker was gone.
        if came and now - max(came, one.seen_at) > MAIL_IS_STUCK:
            level = Level.PROBLEM
            stuck.append(one.name)
    named = _some(
        [
            f"{one.name} for {span(now - one.seen_at)}"
            + (f", {_mailboxes(one.mailboxes)}" if one.mailboxes else "")
            for one in sorted(found, key=lambda one: one.name not in stuck)
        ]
        + [f"{name}, which is given nothing before one has it" for name in never_had]
    )
    return Finding(
        level,
        f"handlers without a worker: {count}" + (f" ({named})" if count else ""),
        "start workers that have them; if one was renamed or taken away: bellhop handlers move OLD "
        "NEW, or bellhop handlers forget OLD"
        if gone
        else "start workers that have them"
        if count
        else "",
        check="subscriptions",
        count=count,
        measured={
            "handlers": [
                {
                    "handler": one.name,
                    "last_seen": one.seen_at,
                    "mailboxes": one.mailboxes,
                    "oldest": oldest.get(one.name),
                }
                for one in found
            ]
            + [
                {"handler": name, "last_seen": None, "mailboxes": 0, "oldest": None}
                for name in never_had
            ]
        },
    )


def _paused(
    found: Sequence[Subscribed], oldest: Mapping[str, datetime | None], now: datetime
) -> Finding:
    waiting = [one for one in found if one.mailboxes]
    named = _some(
        [
            f"{one.name}, {_mailboxes(one.mailboxes)}"
            + (f" since {span(now - came)}" if (came := oldest.get(one.name)) else "")
            for one in waiting
        ]
        + [one.name for one in found if not one.mailboxes]
    )
    return Finding(
        Level.WARNING if waiting else Level.OK,
        f"paused handlers: {len(found)}" + (f" ({named})" if found else ""),
        "have them go on: bellhop handlers resume NAME" if waiting else "",
        check="paused",
        count=len(found),
        measured={
            "handlers": [
                {
                    "handler": one.name,
                    "mailboxes": one.mailboxes,
                    "oldest": oldest.get(one.name),
                }
                for one in found
            ]
        },
    )


def judge_deploy(sets: Sequence[LiveSet], now: datetime) -> Finding:
    """Say whether workers differ that have handlers in common: a deploy did not finish.

    Workers that have none in common are different programs. One that lacks a handler which it was
    asked not to take (`bellhop worker --only`) does not differ. `now` is aware.
    """
    differs: set[str] = set()
    since: datetime | None = None
    for one, other in combinations(sets, 2):
        both = max(one.since, other.since)
        if not one.handlers.keys() & other.handlers.keys() or now - both <= _DEPLOY_TAKES:
            continue
        different = {
            name
            for name, _ in one.handlers.items() ^ other.handlers.items()
            if _takes(one, name) and _takes(other, name)
        }
        if different:
            since = min(since or both, both)
            differs |= different
    named = _some([_who_has(name, sets) for name in sorted(differs)])
    return Finding(
        Level.WARNING if since else Level.OK,
        f"workers differ since {span(now - since)}: {named}" if since else "workers are alike",
        "finish the deploy: restart the workers that have the old handlers" if since else "",
        check="deploy",
        count=len(differs),
        measured={
            "since": since,
            "differs": sorted(differs),
            "sets": [
                {"since": one.since, "workers": one.workers, "handlers": sorted(one.handlers)}
                for one in sets
            ]
            if since
            else [],
        },
    )


def _takes(one: LiveSet, name: str) -> bool:
    """Say whether workers take a handler of that name, if their program has it."""
    return not one.only or fits_any(one.only, name)


def _who_has(name: str, sets: Sequence[LiveSet]) -> str:
    having = [one for one in sets if name in one.handlers]
    workers = sum(len(one.workers) for one in having)
    total = sum(len(one.workers) for one in sets if _takes(one, name))
    if len({one.handlers[name] for one in having}) > 1:
        return f"{name} has other patterns or another limit in {', '.join(having[0].workers[:1])}"
    return f"{name} is in {workers} of {total}, such as {having[0].workers[0]}"


def _some(texts: Sequence[str]) -> str:
    return "; ".join(texts[:_NAMED]) + (" …" if len(texts) > _NAMED else "")


def _mailboxes(count: int) -> str:
    return f"{count:,} mailbox waits" if count == 1 else f"{count:,} mailboxes wait"
