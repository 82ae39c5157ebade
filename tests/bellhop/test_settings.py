"""The settings: where they come from, and what is said of a wrong one."""

import traceback
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bellhop.errors import BellhopError
from bellhop.settings import InvalidSettings, Settings, load_settings, read_duration
from tests.conftest import SECRET

OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch


def dotenv(text: str | bytes) -> None:
    """Write `.env` in the current directory, which is the test's own."""
    Path(".env").write_bytes(text if isinstance(text, bytes) else text.encode())


def value(name: str) -> Any:
    """Return a setting, a secret one in the clear."""
    settings = load_settings()
    if name == "webhook_secrets":
        return settings.secrets
    found = getattr(settings, name)
    return found.get_secret_value() if name == "redis_url" else found


def refusal(**given: Any) -> str:
    """Return the message with which the settings are refused."""
    with pytest.raises(BellhopError) as caught:
        load_settings(**given)
    assert type(caught.value) is InvalidSettings
    return str(caught.value)


DEFAULTS = {
    "webhook_secrets": (),
    "redis_url": None,
    "encryption_keys": (),
    "durability": "redis",
    "handlers": ("handlers",),
    "host": "127.0.0.1",
    "port": 8000,
    "concurrency": 100,
    "slice": timedelta(seconds=10),
    "grace": timedelta(seconds=30),
    "retention": timedelta(days=14),
    "max_body": 512 * 1024,
    "on_invalid": "quarantine",
    "log_format": None,
    "log_level": "info",
}

GOOD: list[tuple[str, str, Any]] = [
    ("webhook_secrets", SECRET, (SECRET,)),
    ("webhook_secrets", f"{SECRET},{OTHER}", (SECRET, OTHER)),
    ("webhook_secrets", f"{SECRET} {OTHER}", (SECRET, OTHER)),
    ("webhook_secrets", f" {SECRET} ,\t{OTHER}, ", (SECRET, OTHER)),
    ("redis_url", "redis://localhost:6379/0", "redis://localhost:6379/0"),
    ("redis_url", "redis://", "redis://"),
    (
        "redis_url",
        "rediss://user:p%40ss@example.com:6380/1",
        "rediss://user:p%40ss@example.com:6380/1",
    ),
    ("redis_url", "unix:///run/redis.sock", "unix:///run/redis.sock"),
    ("redis_url", "redis://[::1]:6379", "redis://[::1]:6379"),
    ("handlers", "rooms", ("rooms",)),
    ("handlers", "rooms,halls.lobby porches", ("rooms", "halls.lobby", "porches")),
    ("host", "0.0.0.0", "0.0.0.0"),
    ("host", "::1", "::1"),
    ("port", "80", 80),
    ("port", "0", 0),
    ("port", "65535", 65535),
    ("concurrency", "1", 1),
    ("concurrency", "10000", 10_000),
    ("slice", "1", timedelta(seconds=1)),
    ("slice", "2.5", timedelta(seconds=2.5)),
    ("slice", "30s", timedelta(seconds=30)),
    ("retention", "1h", timedelta(hours=1)),
    ("retention", "90m", timedelta(minutes=90)),
    ("retention", "36 h", timedelta(hours=36)),
    ("retention", " 14d ", timedelta(days=14)),
    ("retention", "0.5d", timedelta(hours=12)),
    ("retention", "86400", timedelta(days=1)),
    ("retention", "36500d", timedelta(days=36_500)),
    ("max_body", "1KiB", 1024),
    ("max_body", "1024", 1024),
    ("max_body", "64MiB", 64 * 1024**2),
    ("max_body", "1MB", 1_000_000),
    ("max_body", "1.5 kib", 1536),
    ("on_invalid", "reject", "reject"),
    ("log_format", "json", "json"),
    ("log_format", "console", "console"),
    ("log_level", "debug", "debug"),
    ("log_level", "error", "error"),
]

BAD = [
    ("redis_url", "localhost:6379"),
    ("redis_url", "http://localhost"),
    ("redis_url", "redis:/localhost"),
    ("redis_url", "redis://localhost:port"),
    ("redis_url", "redis://localhost:99999"),
    ("redis_url", "redis://[::1"),
    ("redis_url", "redis://localhost?socket_timeout=long"),
    ("handlers", "./handlers"),
    ("handlers", "handlers/mine.py"),
    ("handlers", " "),
    ("handlers", ", ,"),
    ("port", "http"),
    ("port", "-1"),
    ("port", "65536"),
    ("port", "80.5"),
    ("port", "tcp://10.0.0.1:80"),
    ("concurrency", "0"),
    ("concurrency", "10001"),
    ("concurrency", "many"),
    ("slice", "0"),
    ("slice", "0.9s"),
    ("slice", "-5"),
    ("slice", "soon"),
    ("slice", "1e3"),
    ("slice", "PT10S"),
    ("retention", "59m"),
    ("retention", "2w"),
    ("retention", "1d12h"),
    ("retention", "36501d"),
    ("retention", "999999999999d"),
    ("retention", "9" * 400),
    ("retention", "inf"),
    ("max_body", "1023"),
    ("max_body", "65MiB"),
    ("max_body", "big"),
    ("max_body", "-1"),
    ("max_body", "nan"),
    ("max_body", "9" * 400),
    ("max_body", "1e400"),
    ("on_invalid", "drop"),
    ("on_invalid", "Reject"),
    ("log_format", "xml"),
    ("log_level", "loud"),
]

EXPECTED = {
    "webhook_secrets": "one or several of whsec_ followed by base64, separated by commas or spaces",
    "redis_url": (
        "redis://host:6379/0, rediss://…, unix:///path/to/socket or "
        "redis+sentinel://host:26379,host2:26379/mymaster/0"
    ),
    "durability": "redis, fsync or replica",
    "handlers": "import paths such as handlers or hotel.doors, separated by commas or spaces",
    "port": "a port number from 0 to 65535",
    "concurrency": "how many devices' async handlers run at a time in one worker, 1 to 10000",
    "slice": "seconds that a shift lasts, such as 10 or 10s, at least 1",
    "retention": "a duration such as 14d, 36h or 90m, from 1h to 36500d",
    "max_body": "a size from 1KiB to 64MiB, such as 512KiB",
    "on_invalid": "quarantine or reject",
    "log_format": "json or console",
    "log_level": "debug, info, warning or error",
}


def short(value: Any) -> str:
    return ascii(value)[:50].replace("::", ": :")


# Where they come from


def test_every_setting_has_a_default() -> None:
    settings = load_settings()
    assert {name: getattr(settings, name) for name in Settings.model_fields} == DEFAULTS


@pytest.mark.parametrize("name", DEFAULTS)
def test_an_empty_variable_is_as_good_as_none(name: str, env: pytest.MonkeyPatch) -> None:
    env.setenv(f"BELLHOP_{name.upper()}", "")
    assert getattr(load_settings(), name) == DEFAULTS[name]


@pytest.mark.parametrize(("name", "text", "meant"), GOOD, ids=short)
def test_a_setting_is_read_from_the_environment(
    name: str, text: str, meant: Any, env: pytest.MonkeyPatch
) -> None:
    env.setenv(f"BELLHOP_{name.upper()}", text)
    assert value(name) == meant


@pytest.mark.parametrize(("name", "text", "meant"), GOOD, ids=short)
def test_a_setting_is_read_from_a_file(name: str, text: str, meant: Any) -> None:
    dotenv(f'# comment\nBELLHOP_{name.upper()}="{text}"\n')
    assert value(name) == meant


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read() -> None:
    dotenv(f"\ufeffBELLHOP_PORT=81\r\nBELLHOP_WEBHOOK_SECRETS={SECRET}\r\n")
    assert (value("port"), value("webhook_secrets")) == (81, (SECRET,))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\t", ",\n"])
def test_a_line_end_after_a_secret_is_not_part_of_it(end: str, env: pytest.MonkeyPatch) -> None:
    env.setenv("BELLHOP_WEBHOOK_SECRETS", SECRET + end)
    assert value("webhook_secrets") == (SECRET,)


def test_the_environment_goes_before_the_file(env: pytest.MonkeyPatch) -> None:
    dotenv("BELLHOP_PORT=81\nBELLHOP_HOST=::1\n")
    env.setenv("BELLHOP_PORT", "82")
    assert (value("port"), value("host")) == (82, "::1")


def test_what_is_given_goes_before_both(env: pytest.MonkeyPatch) -> None:
    dotenv("BELLHOP_PORT=81\n")
    env.setenv("BELLHOP_PORT", "82")
    assert load_settings(port=83).port == 83


def test_what_is_given_as_none_is_not_given(env: pytest.MonkeyPatch) -> None:
    env.setenv("BELLHOP_PORT", "82")
    assert load_settings(port=None, host=None).port == 82


def test_what_is_not_ours_is_left_alone(env: pytest.MonkeyPatch) -> None:
    dotenv("DATABASE_URL=x\nPORT=1\nREDIS_URL=redis://elsewhere\n")
    env.setenv("PORT", "2")
    env.setenv("BELLHOP_SOMETHING_ELSE", "3")
    env.setenv("BELLHOP_PORT_8000_TCP_ADDR", "10.0.0.1")  # Kubernetes, for a service named bellhop
    env.setenv("BELLHOP_SERVICE_HOST", "10.0.0.1")
    settings = load_settings()
    assert {name: getattr(settings, name) for name in Settings.model_fields} == DEFAULTS


# Wrong ones


@pytest.mark.parametrize(("name", "text"), BAD, ids=short)
def test_a_wrong_value_is_named_with_what_is_expected(
    name: str, text: str, env: pytest.MonkeyPatch
) -> None:
    env.setenv(f"BELLHOP_{name.upper()}", text)
    message = refusal()
    assert message.startswith(f"BELLHOP_{name.upper()}: expected {EXPECTED[name]}")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("port", "http", "'http'"),
        ("slice", "soon", "'soon'"),
        ("slice", "0", "0s"),
        ("retention", "59m", "3540s"),
        ("max_body", "65MiB", "'65MiB'"),
        ("log_level", "loud", "'loud'"),
    ],
)
def test_a_wrong_value_is_shown(name: str, text: str, shown: str, env: pytest.MonkeyPatch) -> None:
    env.setenv(f"BELLHOP_{name.upper()}", text)
    assert refusal().endswith(f", got {shown}")


def test_a_wrong_value_that_is_given_is_named_by_its_variable() -> None:
    assert refusal(port=70_000) == (
        "BELLHOP_PORT: expected a port number from 0 to 65535, got 70000"
    )


def test_a_wrong_value_in_the_file_is_named() -> None:
    dotenv("BELLHOP_PORT=http\n")
    assert refusal() == "BELLHOP_PORT: expected a port number from 0 to 65535, got 'http'"


def test_several_wrong_values_are_named_at_once(env: pytest.MonkeyPatch) -> None:
    dotenv("BELLHOP_SLICE=never\n")
    env.setenv("BELLHOP_PORT", "http")
    env.setenv("BELLHOP_WEBHOOK_SECRETS", "1234")
    lines = refusal().splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == [
        "BELLHOP_PORT",
        "BELLHOP_SLICE",
        "BELLHOP_WEBHOOK_SECRETS",
    ]


@pytest.mark.parametrize("content", [b"BELLHOP_HOST=\xff\n", b"\xff\xfeB\x00"])
def test_a_file_that_is_no_text_is_named(content: bytes) -> None:
    dotenv(content)
    assert refusal() == "cannot read .env: it is not UTF-8"


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_value_of_any_setting_is_right_or_named(text: str) -> None:
    with pytest.MonkeyPatch.context() as env:
        for name in DEFAULTS:
            env.setenv(f"BELLHOP_{name.upper()}", text)
        with suppress(InvalidSettings):  # and nothing else
            load_settings()


# Secrets


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("1234", "number 1 does not begin with whsec_"),
        (f"{SECRET},1234", "number 2 does not begin with whsec_"),
        (f"{SECRET} whsec_-_-_", "number 2 is not whsec_ followed by base64"),
        ("whsec_MTIzNA==", "number 1 holds a key of 4 bytes; Svix's have 24 to 64"),
    ],
)
def test_a_wrong_secret_is_named_by_its_place(
    text: str, what: str, env: pytest.MonkeyPatch
) -> None:
    env.setenv("BELLHOP_WEBHOOK_SECRETS", text)
    assert refusal() == f"BELLHOP_WEBHOOK_SECRETS: {what}; expected {EXPECTED['webhook_secrets']}"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("WEBHOOK_SECRETS", "hunter2"),
        ("WEBHOOK_SECRETS", "whsec_hunter2"),
        ("REDIS_URL", "http://:hunter2@localhost"),
        ("REDIS_URL", "redis://:hunter2/x@localhost"),
        ("REDIS_URL", "redis://:x@localhost:hunter2"),
    ],
)
@pytest.mark.parametrize("in_file", [False, True])
def test_a_wrong_secret_or_password_is_never_shown(
    name: str, text: str, in_file: bool, env: pytest.MonkeyPatch
) -> None:
    if in_file:
        dotenv(f"BELLHOP_{name}={text}\n")
    else:
        env.setenv(f"BELLHOP_{name}", text)
    with pytest.raises(InvalidSettings) as caught:
        load_settings()
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_right_secret_or_password_is_never_shown(env: pytest.MonkeyPatch) -> None:
    env.setenv("BELLHOP_WEBHOOK_SECRETS", SECRET)
    env.setenv("BELLHOP_REDIS_URL", "redis://:hunter2@localhost")
    settings = load_settings()
    shown = f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    assert "hunter2" not in shown
    assert SECRET.removeprefix("whsec_") not in shown


def test_even_pydantics_own_error_shows_no_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(webhook_secrets="hunter2")
    assert "hunter2" not in str(caught.value)


# Typos


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("BELLHOP_WEBHOOK_SECRET", "BELLHOP_WEBHOOK_SECRETS"),
        ("BELLHOP_WEBHOOKS_SECRETS", "BELLHOP_WEBHOOK_SECRETS"),
        ("BELLHOP_REDIS_URI", "BELLHOP_REDIS_URL"),
        ("BELLHOP_REDISURL", "BELLHOP_REDIS_URL"),
        ("BELLHOP_HANDLER", "BELLHOP_HANDLERS"),
        ("BELLHOP_LOGLEVEL", "BELLHOP_LOG_LEVEL"),
        ("BELLHOP_CONCURENCY", "BELLHOP_CONCURRENCY"),
        ("BELLHOP_MAXBODY", "BELLHOP_MAX_BODY"),
        ("BELLHOP_MAX_BODY_SIZE", "BELLHOP_MAX_BODY"),
        ("BELLHOP_SECRET", "BELLHOP_WEBHOOK_SECRETS"),
        ("BELLHOP_REDIS", "BELLHOP_REDIS_URL"),
    ],
)
@pytest.mark.parametrize("in_file", [False, True])
def test_a_misspelt_name_is_refused_with_the_right_one(
    typo: str, meant: str, in_file: bool, env: pytest.MonkeyPatch
) -> None:
    if in_file:
        dotenv(f"{typo}={SECRET}\n")
    else:
        env.setenv(typo, SECRET)
    assert refusal() == f"{typo} is not a setting; did you mean {meant}?"


# Durations


@given(
    number=st.one_of(st.integers(0, 10**6), st.floats(0, 10**6).map(lambda n: round(n, 3))),
    unit=st.sampled_from(["s", "m", "h", "d"]),
)
def test_a_duration_is_a_number_and_a_unit(number: float, unit: str) -> None:
    seconds = number * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[unit]
    duration = read_duration(f"{number:f} {unit}")
    assert duration.total_seconds() == pytest.approx(seconds, abs=1e-2)


@pytest.mark.parametrize(
    "text", ["", " ", "s", "5x", "5 5", "-1", "1e3", "1,5", "٣s", "5s5", "5\ns5"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        read_duration(text)
