"""Where the settings come from, and what they mean."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellhop.settings import InvalidSettings, Settings, load_settings, variable_of
from tests.bellhop.environment import dotenv, short
from tests.conftest import SECRET

OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def value(name: str) -> Any:
    """Return a setting, a secret one in the clear."""
    settings = load_settings()
    if name == "webhook_secrets":
        return settings.secrets
    found = getattr(settings, name)
    return found.get_secret_value() if name == "redis_url" else found


DEFAULTS = {
    "webhook_secrets": (),
    "redis_url": None,
    "key_prefix": "bellhop",
    "encryption_keys": (),
    "durability": "redis",
    "handlers": ("handlers",),
    "host": "127.0.0.1",
    "port": 8000,
    "webhook_path": "/webhooks/seam",
    "processes": 1,
    "concurrency": 100,
    "slice": timedelta(seconds=10),
    "grace": timedelta(seconds=30),
    "retention": timedelta(days=14),
    "forget_after": timedelta(days=1),
    "max_body": 512 * 1024,
    "max_events": None,
    "max_memory": 1024**3,
    "on_invalid": "quarantine",
    "api_key": None,
    "log_format": None,
    "log_level": "info",
    "seam_api_key": None,
    "seam_endpoint": None,
}


GOOD: list[tuple[str, str, Any]] = [
    ("webhook_secrets", SECRET, (SECRET,)),
    ("webhook_secrets", f"{SECRET},{OTHER}", (SECRET, OTHER)),
    ("webhook_secrets", f"{SECRET} {OTHER}", (SECRET, OTHER)),
    ("webhook_secrets", f" {SECRET} ,\t{OTHER}, ", (SECRET, OTHER)),
    ("webhook_path", "/hotel/hooks", "/hotel/hooks"),
    ("webhook_path", "/hotel/hooks/", "/hotel/hooks"),
    ("webhook_path", "/events", "/events"),
    ("webhook_path", "/.well-known/@seam:1", "/.well-known/@seam:1"),
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
    ("key_prefix", "hotel-2.north_A", "hotel-2.north_A"),
    ("host", "::1", "::1"),
    ("port", "80", 80),
    ("port", "0", 0),
    ("port", "65535", 65535),
    ("processes", "1", 1),
    ("processes", "64", 64),
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
    ("forget_after", "1s", timedelta(seconds=1)),
    ("forget_after", "36500d", timedelta(days=36_500)),
    ("max_body", "1KiB", 1024),
    ("max_body", "1024", 1024),
    ("max_body", "64MiB", 64 * 1024**2),
    ("max_body", "1MB", 1_000_000),
    ("max_body", "1.5 kib", 1536),
    ("max_events", "1", 1),
    ("max_events", "1000000000", 10**9),
    ("max_events", "0", None),
    ("max_events", "off", None),
    ("max_memory", "1MiB", 1024**2),
    ("max_memory", "1TiB", 1024**4),
    ("max_memory", "512MB", 512_000_000),
    ("max_memory", "2000000", 2_000_000),
    ("max_memory", "0", None),
    ("max_memory", " Off ", None),
    ("on_invalid", "reject", "reject"),
    ("log_format", "json", "json"),
    ("log_format", "console", "console"),
    ("log_level", "debug", "debug"),
    ("log_level", "error", "error"),
    ("log_level", "WARN", "warning"),
    ("log_level", "Warning", "warning"),
    ("log_level", "FATAL", "critical"),
    ("log_level", "critical", "critical"),
    ("log_level", "trace", "debug"),
    ("redis_url", "valkey://localhost", "valkey://localhost"),
]


def test_every_setting_has_a_default() -> None:
    settings = load_settings()
    assert {name: getattr(settings, name) for name in Settings.model_fields} == DEFAULTS


@pytest.mark.parametrize("name", DEFAULTS)
def test_an_empty_variable_is_as_good_as_none(name: str, env: pytest.MonkeyPatch) -> None:
    env.setenv(name.upper() if name.startswith("seam_") else f"BELLHOP_{name.upper()}", "")
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


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\t", " \r\n", "\n\n"])
@pytest.mark.parametrize(
    ("name", "text", "meant"),
    [
        ("webhook_secrets", SECRET, (SECRET,)),
        ("redis_url", "redis://:pw@h/1", "redis://:pw@h/1"),
        ("port", "81", 81),
        ("host", "::1", "::1"),
        ("on_invalid", "reject", "reject"),
        ("log_level", "debug", "debug"),
        ("seam_endpoint", "http://127.0.0.1:1", "http://127.0.0.1:1"),
    ],
)
def test_a_line_end_after_a_value_is_not_part_of_it(
    name: str, text: str, meant: Any, end: str, env: pytest.MonkeyPatch
) -> None:
    env.setenv(variable_of(name), text + end)
    assert value(name) == meant


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
    dotenv("DATABASE_URL=x\nport=1\nHOST=x\nREDIS=redis://elsewhere\n")
    env.setenv("BELLHOP_SOMETHING_ELSE", "3")
    settings = load_settings()
    assert {name: getattr(settings, name) for name in Settings.model_fields} == DEFAULTS


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_value_of_any_setting_is_right_or_named(text: str) -> None:
    with pytest.MonkeyPatch.context() as env:
        for name in DEFAULTS:
            env.setenv(f"BELLHOP_{name.upper()}", text)
        with suppress(InvalidSettings):  # and nothing else
            load_settings()
