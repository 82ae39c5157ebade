"""What the commands of one directory know of each other: its Redis, its secret, its URL."""

import base64
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from bellhop.errors import BellhopError
from bellhop.private_folder import UnusableFolder, is_private, make_private, usable
from bellhop.settings import STATE, Settings

if TYPE_CHECKING:
    from redis import Redis

    from bellhop.finding import Finding

_SECRET = "signing-secret"  # noqa: S105 - the name of its file
_URL = "webhook-url"


class NotConfigured(BellhopError):
    """Something must be set first; the message says what."""


class RedisUnreachable(BellhopError):
    """Nothing answers at the configured Redis."""


class UnfitRedis(BellhopError):
    """The Redis would lose events, or cannot work; the message says what mends it."""


def redis_url(settings: Settings) -> str:
    """Return the configured Redis, or that of a `bellhop up` in this directory."""
    if settings.redis_url:
        return settings.redis_url.get_secret_value()
    from bellhop.embedded import embedded_url

    url = embedded_url(STATE)
    if url is None:
        raise NotConfigured(
            "no Redis: set BELLHOP_REDIS_URL, such as redis://localhost:6379/0, "
            "or start everything with `bellhop up`"
        )
    return url


def reachable_redis(url: str) -> "Redis":
    """Return a client of a Redis that answers, or raise `RedisUnreachable`."""
    # Slow to import, and some commands need no Redis.
    from redis.exceptions import RedisError

    from bellhop.connections import connect

    client = connect(url)
    try:
        client.ping()
    except (RedisError, OSError) as error:
        raise RedisUnreachable(
            f"cannot reach Redis at {public_url(url)} ({error}): is it running, and is "
            "BELLHOP_REDIS_URL right?"
        ) from error
    return client


def require_fit_redis(settings: Settings, url: str, *, warn: bool = True) -> None:
    """Return if a Redis can be reached and is fit for the ledger; `warn` of what could be better.

    One that is still loading its data is waited for. Raises `RedisUnreachable` or `UnfitRedis`, and
    `Sealed` if its events are encrypted with a key that is not configured, and `WrongVersion`.
    """
    from redis.exceptions import BusyLoadingError, RedisError

    from bellhop.connections import reason
    from bellhop.finding import Level
    from bellhop.ledger import Ledger, keys, require_version
    from bellhop.logs import get_logger
    from bellhop.outages import Outages, wait_out
    from bellhop.redis_checks import judge, read_facts

    log = get_logger("redis")

    keys.use(settings.key_prefix)

    def loaded() -> "Redis":
        try:
            return reachable_redis(url)
        except RedisUnreachable as error:
            if isinstance(error.__cause__, BusyLoadingError):
                raise error.__cause__ from None
            raise

    with wait_out(loaded, Outages(log, "Redis loads its data; waiting for it")) as redis:
        try:
            findings = judge(read_facts(redis), settings.durability)
            _refuse(findings)
            require_version(redis)
            ledger = Ledger(redis, settings.retention, settings.vault)
            ledger.check_vault()
            ledger.remember_vault()
        except RedisError as error:
            raise RedisUnreachable(
                f"Redis at {public_url(url)} cannot be used at the moment ({reason(error)})"
            ) from error
    for finding in findings:
        if warn and finding.level is Level.WARNING:
            log.warning(finding.text, remedy=finding.remedy)
        elif warn and finding.level is Level.UNKNOWN:
            log.info(finding.text, remedy=finding.remedy)


def _refuse(findings: Sequence["Finding"]) -> None:
    """Raise `UnfitRedis` if there is a problem, and tell all of them."""
    problems = [finding for finding in findings if finding.level.value == "problem"]
    if problems:
        raise UnfitRedis(
            "\n".join(f"{problem.text}. What to do: {problem.remedy}" for problem in problems)
        )


def opened_redis(settings: Settings, *, any_version: bool = False) -> "Redis":
    """Return a client of the configured Redis, closed when the command that is running ends.

    Raises `WrongVersion` if the ledger there is of another version, unless any will do.
    """
    from bellhop.ledger import keys, require_version

    keys.use(settings.key_prefix)
    client: Redis = click.get_current_context().with_resource(reachable_redis(redis_url(settings)))
    if not any_version:
        require_version(client)
    return client


def public_url(url: str) -> str:
    """Return a URL without the user and password that it may hold."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def signing_secret(settings: Settings) -> str | None:
    """Return the first configured secret, or the one that `bellhop up` made."""
    if settings.secrets:
        return settings.secrets[0]
    return _kept(_SECRET)


def made_secret() -> str:
    """Return the secret of this directory, made if it has none yet."""
    if secret := _kept(_SECRET):
        return secret
    secret = f"whsec_{base64.b64encode(os.urandom(24)).decode()}"
    _keep(_SECRET, secret)
    return secret


def keep_webhook_url(url: str) -> None:
    """Note where `bellhop up` listens, for `bellhop send`."""
    _keep(_URL, url)


def webhook_url(settings: Settings) -> str:
    """Return where `bellhop up` listens, or where the receiver would."""
    return (
        _kept(_URL) or f"http://{local_host(settings.host)}:{settings.port}{settings.webhook_path}"
    )


def local_host(host: str) -> str:
    """Return how to reach an address that the receiver listens on from here."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]" if ":" in host else host


def make_state() -> None:
    """Make the folder that `bellhop up` keeps everything in. Raises `UnusableFolder`."""
    make_private(STATE)
    before = STATE.parent / "redis"
    with usable(before):
        if before.exists() and not (STATE / "redis").exists():
            raise UnusableFolder(
                f"{before} holds what an earlier version of Bellhop kept: move it and "
                f"{STATE.parent / _SECRET} into {STATE}, or delete it"
            )


def _kept(name: str) -> str | None:
    """Return what was kept in a file, if anything was."""
    path = STATE / name
    with usable(path):
        if is_private(STATE) and path.exists():
            return path.read_text(encoding="utf-8").strip()
    return None


def _keep(name: str, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    make_private(STATE)
    path = STATE / name
    temporary = path.with_suffix(".new")
    with usable(path):
        temporary.unlink(missing_ok=True)
        new = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(new, "w") as file:
            file.write(f"{text}\n")
        temporary.replace(path)
