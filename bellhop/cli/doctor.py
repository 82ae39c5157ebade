"""`bellhop doctor`: whether all is well, on one screen."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import click
from redis.exceptions import RedisError

from bellhop.checkup import (
    judge_clock,
    judge_handlers,
    judge_ledger,
    judge_memory,
    judge_settings,
    judge_workers,
)
from bellhop.cli.listing import listing, print_json
from bellhop.cli.output import keep_stdout
from bellhop.cli.state import opened_redis, signing_secret
from bellhop.environment import export_env_file
from bellhop.errors import BellhopError
from bellhop.ledger import Ledger, read_condition
from bellhop.loading import HandlersNotLoaded, load_handlers
from bellhop.queue import workers_alive
from bellhop.redis_checks import Finding, Level, judge, read_facts
from bellhop.routing import registry
from bellhop.settings import InvalidSettings, Settings, load_settings

_NO_REDIS = (
    "start Redis, or set BELLHOP_REDIS_URL to one that runs, and ask again: workers and mail were "
    "not looked at"
)
_REDIS_REFUSES = (
    "see that Redis is up and lets its user do that, and ask again: the rest was not looked at"
)
_COLORS = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "red"}


@click.command()
@listing
def doctor(as_json: bool) -> None:
    """Look at settings, Redis, workers, mail and handlers, and say what to mend.

    Exits with 1 if there is a problem; warnings are none.
    """
    if as_json:
        keep_stdout()
    findings = []
    for finding in _findings():
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        print_json(
            {"level": one.level.value, "text": one.text, "remedy": one.remedy} for one in findings
        )
    if any(finding.level is Level.PROBLEM for finding in findings):
        sys.exit(1)


def _print(finding: Finding) -> None:
    level = click.style(f"{finding.level.value:<8}", fg=_COLORS[finding.level])
    click.echo(f"{level} {finding.text}")
    if finding.remedy:
        click.echo(f"{'':8} → {finding.remedy}")


def _findings() -> Iterator[Finding]:
    try:
        settings = load_settings()
    except InvalidSettings as error:
        yield from judge_settings(error)
        return
    yield _secrets(settings)
    export_env_file()
    yield from _handlers(settings)
    try:
        redis = opened_redis(settings)
    except BellhopError as error:
        yield Finding(Level.PROBLEM, str(error), _NO_REDIS)
        return
    try:
        facts = read_facts(redis)
        condition = read_condition(redis)
        yield from judge(facts, settings.durability)
        yield judge_memory(facts.info)
        yield judge_clock(datetime.now(UTC), condition.now)
        yield _keys(Ledger(redis, settings.retention, settings.vault))
        yield judge_workers(workers_alive(redis, condition.now))
        yield from judge_ledger(condition)
    except RedisError as error:
        yield Finding(Level.PROBLEM, f"Redis: {error}", _REDIS_REFUSES)


def _secrets(settings: Settings) -> Finding:
    if settings.secrets:
        return Finding(Level.OK, f"signing secrets: {len(settings.secrets)}")
    if signing_secret(settings):
        return Finding(Level.OK, "signing secret: made by bellhop up, for trying things out")
    return Finding(
        Level.WARNING,
        "no signing secret here; a receiver needs one",
        "set BELLHOP_WEBHOOK_SECRETS to the endpoint's secret from Seam's console (whsec_…)",
    )


def _keys(ledger: Ledger) -> Finding:
    try:
        ledger.check_vault()
    except BellhopError as error:
        return Finding(
            Level.PROBLEM,
            f"encryption: {error}",
            "give this process the keys that receivers and workers have",
        )
    vault = ledger.vault
    if vault.encrypts and vault.takes_plaintext:
        return Finding(
            Level.WARNING,
            "encryption at rest: on, but what is not encrypted is read, too",
            "when all receivers and workers have these keys, call `bellhop encrypt` and take "
            "plaintext out of BELLHOP_ENCRYPTION_KEYS",
        )
    return Finding(Level.OK, f"encryption at rest: {'on' if vault.encrypts else 'off'}")


def _handlers(settings: Settings) -> Iterator[Finding]:
    try:
        load_handlers(settings.handlers)
    except HandlersNotLoaded as error:
        yield Finding(
            Level.PROBLEM,
            f"handlers cannot be loaded: {error}",
            "mend the module, or set BELLHOP_HANDLERS; `bellhop handlers` tries it again",
        )
    else:
        yield from judge_handlers(registry)
