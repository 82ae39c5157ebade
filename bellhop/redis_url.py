"""The forms of `BELLHOP_REDIS_URL`, read without importing a Redis client.

    redis://[user:password@]host[:port][/database]
    rediss://…                       the same over TLS
    unix://[user:password@]/path/to/socket
    redis+sentinel://[user:password@]host[:port],host2[:port]/service[/database]
    rediss+sentinel://…              TLS to the sentinels, too

`valkey` and `valkeys` mean the same as `redis` and `rediss`.

Options follow as `?name=value&…`, see `OPTIONS`. Whatever is not understood is refused: an option
that is ignored, or a password cut at its `#`, would be found out in production.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

SCHEMES = (
    "redis",
    "rediss",
    "unix",
    "redis+sentinel",
    "rediss+sentinel",
    "valkey",
    "valkeys",
    "valkey+sentinel",
    "valkeys+sentinel",
)

_REDIS_PORT = 6379
_SENTINEL_PORT = 26379
_HOST = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^\s:@\[\]]*)(?::([0-9]+))?")


class InvalidRedisUrl(ValueError):
    """The URL is none that Bellhop can use. The message never repeats a part of it."""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is.

    `hosts`: the server, or the sentinels that know it under the name `service`; none for a Unix
    socket, whose `options` hold its `path`. `options` have the names of redis-py's connections,
    `sentinel_options` are those for connections to the sentinels.
    """

    hosts: tuple[tuple[str, int], ...]
    tls: bool = False
    service: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sentinel_options: Mapping[str, Any] = field(default_factory=dict, repr=False)


def _has_tls(scheme: str) -> bool:
    return scheme.startswith(("rediss", "valkeys"))


def _number(value: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", value):
        raise ValueError
    return int(value)


def _flag(value: str) -> bool:
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[
        value.lower()
    ]


def _verification(value: str) -> str:
    if value not in ("none", "optional", "required"):
        raise ValueError
    return value


OPTIONS: Mapping[str, Callable[[str], Any]] = {
    "db": _number,
    "username": str,
    "password": str,
    "health_check_interval": _number,
    "ssl_ca_certs": str,
    "ssl_ca_path": str,
    "ssl_certfile": str,
    "ssl_keyfile": str,
    "ssl_password": str,
    "ssl_cert_reqs": _verification,
    "ssl_check_hostname": _flag,
    "sentinel_username": str,
    "sentinel_password": str,
}
"""What may follow the `?`, and how it is read."""


def parse_redis_url(url: str) -> RedisAddress:
    """Read a URL. Raises `InvalidRedisUrl`."""
    scheme = url.partition("://")[0].lower()
    if "://" not in url or scheme not in SCHEMES:
        raise InvalidRedisUrl("it begins with none of " + ", ".join(f"{s}://" for s in SCHEMES))
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InvalidRedisUrl("its host cannot be read") from None
    if "#" in url:
        raise InvalidRedisUrl("a # in it must be written as %23")
    login, _, places = parts.netloc.rpartition("@")
    options = _options(parts, scheme)
    user, _, password = login.partition(":")
    options |= {"username": unquote(user)} if user else {}
    options |= {"password": unquote(password)} if password else {}
    tls = _has_tls(scheme)
    if scheme == "unix":
        if places or len(parts.path) < 2:
            raise InvalidRedisUrl("a Unix socket needs an absolute path, as in unix:///path")
        return RedisAddress(
            (), options={**options, "path": unquote(parts.path, errors="surrogateescape")}
        )
    if scheme.endswith("+sentinel"):
        return _sentinel(parts, places, options, tls=tls)
    if "," in places:
        raise InvalidRedisUrl("several hosts are those of sentinels: redis+sentinel://")
    _read_database(parts.path.removeprefix("/"), options)
    return RedisAddress((_host(places, _REDIS_PORT),), tls=tls, options=options)


def _sentinel(
    parts: SplitResult, places: str, options: dict[str, Any], *, tls: bool
) -> RedisAddress:
    service, _, database = parts.path.removeprefix("/").partition("/")
    if not service:
        raise InvalidRedisUrl("the name of the service is missing: redis+sentinel://host/service")
    _read_database(database, options)
    sentinel = {
        name.removeprefix("sentinel_"): options.pop(name)
        for name in ("sentinel_username", "sentinel_password")
        if name in options
    }
    sentinel |= {name: value for name, value in options.items() if name.startswith("ssl_")}
    hosts = tuple(_host(place, _SENTINEL_PORT) for place in places.split(","))
    return RedisAddress(hosts, tls, unquote(service), options, sentinel)


def _host(place: str, port: int) -> tuple[str, int]:
    match = _HOST.fullmatch(place)
    if not match:
        raise InvalidRedisUrl("its host cannot be read")
    if match[2] is not None and not 0 < int(match[2]) < 65536:
        raise InvalidRedisUrl("its port is not one from 1 to 65535")
    return unquote(match[1]).strip("[]") or "localhost", int(match[2] or port)


def _read_database(text: str, options: dict[str, Any]) -> None:
    if not text:
        return
    try:
        options.setdefault("db", _number(text))
    except ValueError:
        raise InvalidRedisUrl(
            "its database is no number (a / in a password must be written as %2F)"
        ) from None


def _options(parts: SplitResult, scheme: str) -> dict[str, Any]:
    if not parts.query:
        return {}
    try:
        given = parse_qs(parts.query, keep_blank_values=True, strict_parsing=True)
        read = {name: OPTIONS[name](values[0]) for name, values in given.items()}
    except (KeyError, ValueError):
        raise InvalidRedisUrl(
            "it has an option, or a value of one, that is none of these: " + ", ".join(OPTIONS)
        ) from None
    if not _has_tls(scheme) and any(name.startswith("ssl_") for name in read):
        raise InvalidRedisUrl("options that begin with ssl_ need TLS: rediss://")
    if "sentinel" not in scheme and any(name.startswith("sentinel_") for name in read):
        raise InvalidRedisUrl("options that begin with sentinel_ need redis+sentinel://")
    return read
