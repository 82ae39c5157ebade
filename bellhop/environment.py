"""Where a setting comes from: the environment, `.env`, or a file that one of these names.

For each setting, in this order; an empty value is none:

1. `BELLHOP_NAME` in the environment, then in `.env`.
2. `BELLHOP_NAME_FILE`, the path of a file with the value (Docker's and Kubernetes' secrets). To set
   both is an error.
3. Where platforms have a name of their own for it, that name: `PORT`, `REDIS_URL`, `VALKEY_URL`.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bellhop.envfile import read_env_file, read_text
from bellhop.errors import InvalidSettings

PREFIX = "BELLHOP_"
ENV_FILE = Path(".env")
SEAMS_OWN = ("SEAM_API_KEY", "SEAM_ENDPOINT")
"""Settings that have the name which Seam's own SDK gives them."""

PLATFORMS: Mapping[str, tuple[str, ...]] = {
    f"{PREFIX}PORT": ("PORT",),
    f"{PREFIX}REDIS_URL": ("REDIS_URL", "VALKEY_URL"),
}
"""What platforms call some of our settings."""

RECEIVER_ONLY = (f"{PREFIX}WEBHOOK_SECRETS", f"{PREFIX}API_KEY")
"""Secrets that a worker needs nothing of, and that no handler, and no process of one, may see."""

_FILE = "_FILE"

# A Service named bellhop, or bellhop-anything, sets these in every pod of its namespace.
_KUBERNETES = re.compile(
    r"BELLHOP_(.+_)?"
    r"(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_KUBERNETES_PORT = re.compile(r"BELLHOP_(.+_)?PORT=(tcp|udp|sctp)://.*")


@dataclass(frozen=True, slots=True)
class Value:
    """A value, and where it was found.

    `variable`: the name under which it was set. `origin`: `environment`, `.env line 3`, or the path
    of a file.
    """

    text: str = field(repr=False)
    variable: str
    origin: str

    @property
    def from_file(self) -> bool:
        """Whether it is the content of a file of its own, and so may be a secret."""
        return self.variable.upper().endswith(_FILE)


def is_kubernetes(variable: str, value: str) -> bool:
    """Say whether Kubernetes set this variable for a Service whose name begins with `bellhop`."""
    return bool(
        _KUBERNETES.fullmatch(variable) or _KUBERNETES_PORT.fullmatch(f"{variable}={value}")
    )


def read_variables() -> dict[str, Value]:
    """Return every variable of `.env` and of the environment, which goes first.

    Names of settings are in capitals, however they were written. Raises `InvalidSettings` if `.env`
    cannot be read.
    """
    in_file = {
        name: Value(line.value, name, f"{ENV_FILE} line {line.number}")
        for name, line in read_env_file(ENV_FILE).items()
    }
    around = {
        name: Value(value, name, "environment")
        for name, value in os.environ.items()
        if value.strip("\r\n") and not is_kubernetes(name, value)
    }
    return {**_in_capitals(in_file), **_in_capitals(around)}


def _in_capitals(values: Mapping[str, Value]) -> dict[str, Value]:
    settings = {
        name.upper(): value
        for name, value in values.items()
        if name.upper().startswith((PREFIX, "SEAM_"))
    }
    return {**settings, **values}


def find(variable: str, among: Mapping[str, Value]) -> Value | None:
    """Return the value of one setting, if it has one. Raises `InvalidSettings`."""
    direct, named = among.get(variable), among.get(f"{variable}{_FILE}")
    if named and not named.text.strip():
        named = None
    if direct and not _trimmed(direct.text):
        direct = None
    if direct and named:
        raise InvalidSettings(
            f"{variable} ({direct.origin}) and {named.variable} ({named.origin}) are both set; "
            "remove one of them"
        )
    if named:
        return _read_file(named)
    for name in () if direct else PLATFORMS.get(variable, ()):
        if (other := among.get(name)) and _trimmed(other.text):
            direct = other
            break
    return direct and Value(_trimmed(direct.text), direct.variable, direct.origin)


def _trimmed(text: str) -> str:
    # What is nothing but spaces was not left out: it is wrong, and is told.
    return text.strip() or text.strip("\r\n")


def _read_file(named: Value) -> Value:
    path = Path(named.text.strip())
    try:
        text = read_text(path)
    except InvalidSettings as error:
        raise InvalidSettings(f"{named.variable}: {error}") from None
    except ValueError:  # a path cannot hold a zero byte
        text = None
    if text is None:
        raise InvalidSettings(f"{named.variable}: cannot read {path}: there is no such file")
    if not text.strip():
        raise InvalidSettings(f"{named.variable}: {path} is empty")
    return Value(text.strip(), named.variable, str(path))


def enter_handlers_environment() -> None:
    """Make the environment of this process the one that handlers are to find.

    To be called before they are loaded, and after the settings are. It holds what `.env` holds,
    unless it holds another value already, and none of the receiver's secrets.
    """
    for name in list(os.environ):
        if is_receivers(name):
            del os.environ[name]
    for name, line in read_env_file(ENV_FILE).items():
        if not is_receivers(name):
            os.environ.setdefault(name, line.value)


def is_receivers(variable: str) -> bool:
    """Say whether a variable holds, or names a file with, a secret that is for receivers alone."""
    return variable.upper().removesuffix(_FILE) in RECEIVER_ONLY


def without(environment: Mapping[str, str], variables: Iterable[str]) -> dict[str, str]:
    """Return an environment in which none of these settings is set, in no way there is."""
    gone = {other for name in variables for other in (name, f"{name}{_FILE}")}
    return {name: value for name, value in environment.items() if name.upper() not in gone}


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for a process that needs no secret, such as the embedded Redis."""
    return without(environment, (*RECEIVER_ONLY, f"{PREFIX}ENCRYPTION_KEYS", "SEAM_API_KEY"))
