"""The forms of BELLHOP_REDIS_URL, without a server."""

from typing import Any

import pytest

from bellhop.redis_url import InvalidRedisUrl, RedisAddress, parse_redis_url

LOCAL = (("localhost", 6379),)

FORMS: list[tuple[str, RedisAddress]] = [
    ("redis://", RedisAddress(LOCAL)),
    ("redis://localhost/", RedisAddress(LOCAL)),
    ("redis://10.0.0.1:7000/3", RedisAddress((("10.0.0.1", 7000),), options={"db": 3})),
    ("redis://[::1]:6380", RedisAddress((("::1", 6380),))),
    ("redis://localhost?db=2", RedisAddress(LOCAL, options={"db": 2})),
    (
        "redis://me:p%40ss%2F%23@localhost",
        RedisAddress(LOCAL, options={"username": "me", "password": "p@ss/#"}),
    ),
    ("redis://:secret@localhost", RedisAddress(LOCAL, options={"password": "secret"})),
    ("redis://:a:b@localhost", RedisAddress(LOCAL, options={"password": "a:b"})),
    (
        "rediss://host?ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=no&ssl_cert_reqs=required",
        RedisAddress(
            (("host", 6379),),
            tls=True,
            options={
                "ssl_ca_certs": "/etc/ca.pem",
                "ssl_check_hostname": False,
                "ssl_cert_reqs": "required",
            },
        ),
    ),
    ("unix:///run/redis.sock", RedisAddress((), options={"path": "/run/redis.sock"})),
    (
        "unix://me:x@/run/re%20dis.sock?db=1",
        RedisAddress(
            (), options={"path": "/run/re dis.sock", "username": "me", "password": "x", "db": 1}
        ),
    ),
    (
        "redis+sentinel://one:26379,two,[::2]:5000/mymaster/0",
        RedisAddress(
            (("one", 26379), ("two", 26379), ("::2", 5000)), service="mymaster", options={"db": 0}
        ),
    ),
    (
        "redis+sentinel://me:x@one/mymaster?sentinel_username=s&sentinel_password=y",
        RedisAddress(
            (("one", 26379),),
            service="mymaster",
            options={"username": "me", "password": "x"},
            sentinel_options={"username": "s", "password": "y"},
        ),
    ),
    ("REDIS://localhost", RedisAddress(LOCAL)),
    ("valkey://localhost/1", RedisAddress(LOCAL, options={"db": 1})),
    (
        "valkeys://:x@host?ssl_cert_reqs=none",
        RedisAddress(
            (("host", 6379),), tls=True, options={"password": "x", "ssl_cert_reqs": "none"}
        ),
    ),
    ("valkey+sentinel://one/m", RedisAddress((("one", 26379),), service="m")),
    ("valkeys+sentinel://one/m", RedisAddress((("one", 26379),), tls=True, service="m")),
    (
        "rediss+sentinel://one/mymaster?ssl_ca_certs=/ca",
        RedisAddress(
            (("one", 26379),),
            tls=True,
            service="mymaster",
            options={"ssl_ca_certs": "/ca"},
            sentinel_options={"ssl_ca_certs": "/ca"},
        ),
    ),
]

NONSENSE: list[tuple[str, str]] = [
    ("localhost:6379", "it begins with none of redis://"),
    ("valkey://localhost?ssl_ca_certs=/ca", "options that begin with ssl_ need TLS"),
    ("http://localhost", "it begins with none of redis://"),
    ("redis:/localhost", "it begins with none of redis://"),
    ("sentinel://localhost/mymaster", "it begins with none of redis://"),
    ("redis://[::1", "its host cannot be read"),
    ("redis://a b", "its host cannot be read"),
    ("redis://localhost:port", "its host cannot be read"),
    ("redis://localhost:0", "its port is not one from 1 to 65535"),
    ("redis://localhost:99999", "its port is not one from 1 to 65535"),
    ("redis://localhost/main", "its database is no number"),
    ("redis://localhost/0/1", "its database is no number"),
    ("redis://:hunter2/x@localhost", "its database is no number (a / in a password must"),
    ("redis://:1234/hunter2@localhost", "its database is no number"),
    ("redis://:1234#hunter2@localhost", "a # in it must be written as %23"),
    ("redis://:1234?hunter2@localhost", "it has an option, or a value of one"),
    ("redis://localhost?hunter2=1", "it has an option, or a value of one"),
    ("redis://localhost?db=hunter2", "it has an option, or a value of one"),
    ("redis://localhost?socket_timeout=60", "it has an option, or a value of one"),
    ("redis://localhost?decode_responses=yes", "it has an option, or a value of one"),
    ("rediss://localhost?ssl_cert_reqs=maybe", "it has an option, or a value of one"),
    ("rediss://localhost?ssl_check_hostname=perhaps", "it has an option, or a value of one"),
    ("redis://localhost?ssl_ca_certs=/ca", "options that begin with ssl_ need TLS"),
    ("redis://localhost?sentinel_password=hunter2", "options that begin with sentinel_ need"),
    ("redis://one:1,two:2", "several hosts are those of sentinels"),
    ("redis+sentinel://one:26379", "the name of the service is missing"),
    ("redis+sentinel://one:26379/", "the name of the service is missing"),
    ("redis+sentinel://one:26379/mymaster/main", "its database is no number"),
    ("redis+sentinel://one:x/mymaster", "its host cannot be read"),
    ("unix://", "a Unix socket needs an absolute path"),
    ("unix://run/redis.sock", "a Unix socket needs an absolute path"),
]


@pytest.mark.parametrize(("url", "address"), FORMS)
def test_a_form_is_read(url: str, address: RedisAddress) -> None:
    assert parse_redis_url(url) == address


@pytest.mark.parametrize(("url", "problem"), NONSENSE)
def test_nonsense_is_refused_and_none_of_it_is_repeated(url: str, problem: str) -> None:
    with pytest.raises(InvalidRedisUrl) as caught:
        parse_redis_url(url)
    assert str(caught.value).startswith(problem)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("option", ["password=hunter2", "username=me&password=hunter2"])
def test_a_login_may_be_an_option(option: str) -> None:
    options: Any = parse_redis_url(f"redis://localhost?{option}").options
    assert options["password"] == "hunter2"


def test_an_address_does_not_show_its_password() -> None:
    url = "redis+sentinel://me:hunter2@one/mymaster?sentinel_password=hunter3"
    assert "hunter" not in repr(parse_redis_url(url))
