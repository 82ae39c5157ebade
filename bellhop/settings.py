"""The settings: what each may be, and what is said of a wrong one.

Where their values come from is in `environment`.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
)

from bellhop.durations import FORGET_AFTER
from bellhop.environment import PREFIX, SEAMS_OWN, Value, find, read_variables
from bellhop.errors import BellhopError
from bellhop.errors import InvalidSettings as InvalidSettings
from bellhop.nearest import did_you_mean
from bellhop.redis_url import parse_redis_url
from bellhop.secret import secret_problem
from bellhop.setting_values import (
    Duration,
    ImportPaths,
    read_byte_count,
    read_count,
    read_log_level,
    read_lower,
    read_memory,
    read_secrets,
)
from bellhop.vault import PLAINTEXT, Vault

NEW_API_KEY = """python -c 'import secrets; print("seam_bellhop_" + secrets.token_urlsafe(24))'"""
"""Seam's SDKs take no key that does not begin with `seam_`."""

STATE = Path(".bellhop/private")
"""Where `bellhop up` keeps its Redis and its signing secret: a folder that it makes itself, since
`.bellhop` may be a volume that others can read."""

_ALL_ADDRESSES = "0.0.0.0"  # noqa: S104 - only where a platform chooses the port
_INSTEAD = "; set BELLHOP_REDIS_URL, which goes before it"

_API_KEY = re.compile(r"seam_(?!at|cst|pk)\S+")
"""Seam's other tokens begin alike: those of people, of browsers, and publishable ones."""

WEBHOOK_PATH = "/webhooks/seam"
_PATH = re.compile(r"(/(?!\.\.?(/|$))[A-Za-z0-9._~!$&'()*+,;=:@-]+)+")
_TAKEN = (
    *("/health/live", "/health/ready", "/openapi.json", "/events/list", "/events/get"),
    *("/action_attempts/list", "/action_attempts/get"),
)
"""Paths where the receiver answers something else."""

_OWN_API_KEY = re.compile(r"[!-~]{16,1000}")


_EXPECTED = {
    "webhook_secrets": "one or several of whsec_ followed by base64, separated by commas or spaces",
    "redis_url": (
        "redis://host:6379/0, rediss://…, unix:///path/to/socket or "
        "redis+sentinel://host:26379,host2:26379/mymaster/0"
    ),
    "key_prefix": "1 to 64 letters, digits, dots, hyphens and underscores of ASCII",
    "encryption_keys": "one or several keys, separated by commas or spaces",
    "durability": "redis, fsync or replica",
    "handlers": "import paths such as handlers or hotel.doors, separated by commas or spaces",
    "host": "an address to listen on, such as 127.0.0.1 or 0.0.0.0",
    "port": "a port number from 0 to 65535",
    "webhook_path": (
        "a path such as /webhooks/seam or /hotel/webhooks, without a query, white space or %, "
        f"and not one of {', '.join(_TAKEN)}"
    ),
    "processes": "how many processes take webhooks in, 1 to 64",
    "concurrency": "how many devices' async handlers run at a time in one worker, 1 to 10000",
    "slice": "seconds that a shift lasts, such as 10 or 10s, at least 1",
    "grace": "seconds to stop in, such as 30 or 30s, at least 4",
    "retention": "a duration such as 14d, 36h or 90m, from 1h to 36500d",
    "forget_after": "a duration such as 1d, 12h or 90m, from 1s to 36500d",
    "max_body": "a size from 1KiB to 64MiB, such as 512KiB",
    "max_events": "how many runs of handlers, 1 to 1000000000, or off",
    "max_memory": "a size from 1MiB to 1TiB, such as 512MiB, or off",
    "on_invalid": "quarantine or reject",
    "api_key": "16 to 1000 letters, digits and signs of ASCII, without white space",
    "log_format": "json or console",
    "log_level": "debug, info, warning, error or critical",
    "seam_api_key": "an API key from Seam's console (seam_…)",
    "seam_endpoint": "the URL of an API such as https://connect.getseam.com",
}


class Settings(BaseModel):
    """What can be set. Every default is meant for production."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    webhook_secrets: Annotated[tuple[SecretStr, ...], BeforeValidator(read_secrets)] = ()
    redis_url: SecretStr | None = None
    key_prefix: str = Field("bellhop", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    encryption_keys: Annotated[tuple[SecretStr, ...], BeforeValidator(read_secrets)] = ()
    durability: Annotated[Literal["redis", "fsync", "replica"], BeforeValidator(read_lower)] = (
        "redis"
    )
    handlers: ImportPaths = Field(("handlers",), min_length=1)
    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8000, ge=0, le=65535)
    webhook_path: str = WEBHOOK_PATH
    processes: int = Field(1, ge=1, le=64)
    concurrency: int = Field(100, ge=1, le=10_000)
    slice: Duration = Field(timedelta(seconds=10), ge=timedelta(seconds=1))
    grace: Duration = Field(timedelta(seconds=30), ge=timedelta(seconds=4))
    retention: Duration = Field(
        timedelta(days=14), ge=timedelta(hours=1), le=timedelta(days=36_500)
    )
    forget_after: Duration = Field(FORGET_AFTER, ge=timedelta(seconds=1), le=timedelta(days=36_500))
    max_body: Annotated[int, BeforeValidator(read_byte_count)] = 512 * 1024
    max_events: Annotated[
        Annotated[int, Field(ge=1, le=10**9)] | None, BeforeValidator(read_count)
    ] = None
    max_memory: Annotated[int | None, BeforeValidator(read_memory)] = 1024**3
    on_invalid: Literal["quarantine", "reject"] = "quarantine"
    api_key: SecretStr | None = None
    log_format: Literal["json", "console"] | None = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(read_log_level)
    ] = "info"
    seam_api_key: SecretStr | None = None
    seam_endpoint: str | None = Field(None, pattern="^https?://.")

    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @field_validator("redis_url")
    @classmethod
    def _check_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            parse_redis_url(value.get_secret_value())
        return value

    @field_validator("webhook_path")
    @classmethod
    def _check_webhook_path(cls, value: str) -> str:
        path = value.rstrip("/")
        if not _PATH.fullmatch(path) or path in _TAKEN:
            raise ValueError("no path for webhooks")
        return path

    @field_validator("webhook_secrets")
    @classmethod
    def _check_secrets(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for place, secret in enumerate(value, 1):
            if problem := secret_problem(secret.get_secret_value()):
                raise ValueError(f"number {place} {problem}")
        return value

    @field_validator("seam_api_key")
    @classmethod
    def _check_api_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not _API_KEY.fullmatch(value.get_secret_value()):
            raise ValueError("no API key")
        return value

    @field_validator("encryption_keys")
    @classmethod
    def _check_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        try:
            Vault([key.get_secret_value() for key in value])
        except BellhopError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("api_key")
    @classmethod
    def _check_own_api_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not _OWN_API_KEY.fullmatch(key := value.get_secret_value()):
            what = "is too short" if len(key) < 16 else "cannot be sent in a header"
            raise ValueError(f"{what}; this makes one: {NEW_API_KEY}")
        return value

    @property
    def origins(self) -> Mapping[str, str]:
        """Where each setting comes from, by its variable: `default`, `environment`, `.env line 3`.

        In brackets, the name by which it was set, if that is another.
        """
        return {
            variable_of(name): self._origins.get(name, "default")
            for name in type(self).model_fields
        }

    def for_workers(self) -> "Settings":
        """Return the same without the secrets that only a receiver needs."""
        return self.model_copy(update={"webhook_secrets": (), "api_key": None})

    @property
    def vault(self) -> Vault:
        """What encrypts bodies, if there are keys for it."""
        return Vault(self._keys)

    @property
    def upgrading_vault(self) -> Vault:
        """What `bellhop upgrade` reads earlier versions' ledgers with: they left much unsealed."""
        return Vault([*self._keys, PLAINTEXT], opens_earlier=True)

    @property
    def _keys(self) -> list[str]:
        return [key.get_secret_value() for key in self.encryption_keys]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The signing secrets in the clear."""
        return tuple(secret.get_secret_value() for secret in self.webhook_secrets)


def variable_of(name: str) -> str:
    """Return the environment variable that sets a field of `Settings`."""
    return name.upper() if name.upper() in SEAMS_OWN else f"{PREFIX}{name.upper()}"


def load_settings(**given: Any) -> Settings:
    """Read the settings; `given` values go before the environment, unless they are `None`.

    Raises `InvalidSettings`, which names every wrong one.
    """
    variables = read_variables()
    _check_names(variables)
    found = {
        name: value
        for name in Settings.model_fields
        if given.get(name) is None and (value := find(variable_of(name), variables))
    }
    port = found.get("port")
    if port and port.variable == "PORT" and "host" not in found:
        # A platform that chooses the port sends its requests from another machine.
        found["host"] = Value(_ALL_ADDRESSES, port.variable, port.origin)
    values = {name: value.text for name, value in found.items()}
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        settings = Settings(**values)
    except ValidationError as error:
        problems = {str(problem["loc"][0]).lower(): problem for problem in error.errors()}
        raise InvalidSettings(
            "\n".join(
                _explain(name, problem, found.get(name)) for name, problem in problems.items()
            )
        ) from None
    origins = dict.fromkeys(values, "command line")
    settings._origins = origins | {name: _origin(name, value) for name, value in found.items()}
    return settings


def _origin(name: str, value: Value) -> str:
    same = value.variable == variable_of(name)
    return value.origin if same else f"{value.origin} ({value.variable})"


def _explain(name: str, problem: Mapping[str, Any], value: Value | None) -> str:
    variable = value.variable if value else variable_of(name)
    detail = problem["msg"].removeprefix("Value error, ")
    if name == "encryption_keys":
        return f"{variable}: {detail}"
    if name in ("webhook_secrets", "api_key"):
        return f"{variable}: {detail}; expected {_EXPECTED[name]}"
    if name == "seam_api_key":
        return f"{variable}: expected {_EXPECTED[name]}"
    if name == "redis_url":  # may hold a password
        instead = "" if value is None or value.variable.startswith(PREFIX) else _INSTEAD
        return f"{variable}: expected {_EXPECTED[name]}, but {detail}{instead}"
    if value and value.from_file:  # whatever is in there may be secret
        return f"{variable}: expected {_EXPECTED[name]} in {value.origin}"
    given = problem["input"]
    shown = f"{given.total_seconds():g}s" if isinstance(given, timedelta) else repr(given)
    return f"{variable}: expected {_EXPECTED.get(name, 'another value')}, got {shown}"


def _check_names(variables: Iterable[str]) -> None:
    """Refuse a variable that is nearly the name of a setting: it is a typo, not somebody else's."""
    known = [name.upper() for name in Settings.model_fields if name.upper() not in SEAMS_OWN]
    for variable in variables:
        name = variable.removeprefix(PREFIX)
        if name == variable:
            continue
        if name in SEAMS_OWN:
            raise InvalidSettings(f"{variable} is not a setting; {did_you_mean([name])}")
        name = name.removesuffix("_FILE")
        if name in known:
            continue
        near = [one for one in known if one.startswith(f"{name}_") or name.startswith(f"{one}_")]
        near = near or difflib.get_close_matches(name, known, n=1, cutoff=0.55)
        if near:
            end = "_FILE" if variable.endswith("_FILE") else ""
            hint = did_you_mean([f"{PREFIX}{near[0]}{end}"])
            raise InvalidSettings(f"{variable} is not a setting; {hint}")
