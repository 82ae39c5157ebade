"""`bellhop doctor`: whether all is well, on one screen."""

import shutil
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime

import click
from redis import Redis
from redis.exceptions import RedisError

from bellhop.cli.listing import listing, print_json
from bellhop.cli.output import keep_stdout
from bellhop.cli.state import opened_redis, signing_secret
from bellhop.connections import reason
from bellhop.environment import enter_handlers_environment
from bellhop.errors import BellhopError, WrongVersion
from bellhop.finding import Finding, Level
from bellhop.handler_checks import judge_handlers
from bellhop.ledger import (
    Ledger,
    read_alarms,
    read_condition,
    read_live_sets,
    read_oldest_mail,
    read_subscriptions,
    require_version,
    workers_alive,
)
from bellhop.ledger.repairs import read_repairs
from bellhop.ledger_checks import judge_alarms, judge_ledger, judge_repairs, judge_workers
from bellhop.loading import HandlersNotLoaded, load_handlers
from bellhop.machine_checks import judge_clock, judge_memory
from bellhop.redis_checks import judge, read_facts
from bellhop.routing import registry
from bellhop.settings import InvalidSettings, Settings, load_settings
from bellhop.settings_checks import judge_settings, tell_settings
from bellhop.subscription_checks import judge_deploy, judge_subscriptions

_NO_REDIS = (
    "start Redis, or set BELLHOP_REDIS_URL to one that runs, and ask again: workers and mail were "
    "not looked at"
)
_REDIS_REFUSES = (
    "see that Redis is up and lets its user do that, and ask again: the rest was not looked at"
)
_COLORS = {
    Level.OK: "green",
    Level.UNKNOWN: "cyan",
    Level.WARNING: "yellow",
    Level.PROBLEM: "red",
}


@click.command()
@listing
def doctor(as_json: bool) -> None:
    """Look at settings, Redis, workers, mail and handlers, and say what to mend.

    Exits with code 1 if there is a problem, such as dead letters older than an hour, bodies in
    quarantine, or mail that has waited for ten minutes for a handler that no worker has. Warnings
    do not change the exit code.
    """
    if as_json:
        keep_stdout()
    findings = []
    for finding in _findings():
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        print_json(map(_row, findings))
    if any(finding.level is Level.PROBLEM for finding in findings):
        sys.exit(1)


def _row(finding: Finding) -> dict[str, object]:
    """Return a finding for a program: what was measured, and no sentence but the advice."""
    return {
        "check": finding.check,
        "state": finding.level.value,
        "count": finding.count,
        "advice": finding.remedy or None,
        **finding.measured,
    }


def _print(finding: Finding) -> None:
    first, *others = finding.text.splitlines()
    level = click.style(f"{finding.level.value:<8}", fg=_COLORS[finding.level])
    click.echo(f"{level} {_filled(first, '')}")
    for line in others:
        click.echo(f"{'':11}{_filled(line, '  ')}")
    if finding.remedy:
        click.echo(f"{'':9}{_filled(f'→ {finding.remedy}', '  ')}")


def _filled(text: str, indent: str) -> str:
    """Return a line, broken where the terminal ends; a pipe gets it whole."""
    if not sys.stdout.isatty():
        return text
    width = max(40, shutil.get_terminal_size().columns - len(indent) - 9)
    return textwrap.fill(
        text, width, subsequent_indent=f"{'':9}{indent}", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def _findings() -> Iterator[Finding]:
    try:
        settings = load_settings()
    except InvalidSettings as error:
        yield from judge_settings(error)
        return
    yield tell_settings(settings)
    yield _secrets(settings)
    enter_handlers_environment()
    yield from _handlers(settings)
    try:
        redis = opened_redis(settings, any_version=True)
    except BellhopError as error:
        yield Finding(
            Level.PROBLEM, str(error), _NO_REDIS, check="redis", measured={"error": str(error)}
        )
        return
    try:
        if wrong := _wrong_version(redis):
            yield wrong
            return
        facts = read_facts(redis)
        condition = read_condition(redis)
        yield from judge(facts, settings.durability)
        yield judge_memory(facts.info)
        yield judge_clock(datetime.now(UTC), condition.now)
        yield _keys(Ledger(redis, settings.retention, settings.vault))
        yield judge_workers(workers_alive(redis), condition)
        yield from judge_ledger(condition)
        yield from _subscriptions(redis, condition.now)
        yield judge_repairs(read_repairs(redis), condition.now)
        yield judge_alarms(read_alarms(redis), condition.now)
    except RedisError as error:
        yield Finding(
            Level.PROBLEM,
            f"Redis: {reason(error)}",
            _REDIS_REFUSES,
            check="redis",
            measured={"error": reason(error)},
        )


def _subscriptions(redis: Redis, now: datetime) -> Iterator[Finding]:
    subscribed = read_subscriptions(redis)
    oldest = {
        one.name: read_oldest_mail(redis, one.name)
        for one in subscribed
        if one.mailboxes and (one.paused or not one.workers)
    }
    registered = [one.name for one in registry]
    yield from judge_subscriptions(subscribed, oldest, now, registered)
    yield judge_deploy(read_live_sets(redis), now)


def _wrong_version(redis: Redis) -> Finding | None:
    try:
        require_version(redis)
    except WrongVersion as error:
        return Finding(
            Level.PROBLEM,
            str(error),
            "do so, and ask again: the rest was not looked at",
            check="ledger_version",
            measured={"version": error.found},
        )
    return None


def _secrets(settings: Settings) -> Finding:
    level, remedy, count = Level.OK, "", len(settings.secrets)
    text = f"signing secrets: {count}"
    if not count and signing_secret(settings):
        text = "signing secret: made by bellhop up, for trying things out"
    elif not count:
        level, text = Level.WARNING, "no signing secret here; a receiver needs one"
        remedy = (
            "set BELLHOP_WEBHOOK_SECRETS to the endpoint's secret from Seam's console (whsec_…)"
        )
    return Finding(level, text, remedy, check="signing_secrets", count=count)


def _keys(ledger: Ledger) -> Finding:
    on = ledger.vault.encrypts
    try:
        ledger.check_vault()
    except BellhopError as error:
        return Finding(
            Level.PROBLEM,
            f"encryption: {error}",
            "give this process the keys that receivers and workers have",
            check="encryption",
            measured={"on": on, "error": str(error)},
        )
    if on and ledger.vault.takes_plaintext:
        return Finding(
            Level.WARNING,
            "encryption at rest: on, but what is not encrypted is read, too",
            "when all receivers and workers have these keys, call `bellhop encrypt` and take "
            "plaintext out of BELLHOP_ENCRYPTION_KEYS",
            check="encryption",
            measured={"on": on, "takes_plaintext": True},
        )
    return Finding(
        Level.OK,
        f"encryption at rest: {'on' if on else 'off'}",
        check="encryption",
        measured={"on": on},
    )


def _handlers(settings: Settings) -> Iterator[Finding]:
    try:
        load_handlers(settings.handlers)
    except HandlersNotLoaded as error:
        yield Finding(
            Level.PROBLEM,
            f"handlers cannot be loaded: {error}",
            "mend the module, or set BELLHOP_HANDLERS; `bellhop handlers` tries it again",
            check="handlers",
            measured={"error": str(error)},
        )
    else:
        yield from judge_handlers(registry)
