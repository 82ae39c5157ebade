"""What is said of a wrong setting, or a misspelt one."""

import subprocess
from typing import Any

import pytest

from bellhop.errors import BellhopError
from bellhop.settings import NEW_API_KEY, InvalidSettings, load_settings
from tests.bellhop.environment import dotenv, short
from tests.conftest import SECRET


def refusal(**given: Any) -> str:
    """Return the message with which the settings are refused."""
    with pytest.raises(BellhopError) as caught:
        load_settings(**given)
    assert type(caught.value) is InvalidSettings
    return str(caught.value)


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
    ("key_prefix", "{hotel}"),
    ("key_prefix", "a:b"),
    ("key_prefix", "two words"),
    ("key_prefix", "hôtel"),
    ("key_prefix", "x" * 65),
    ("port", "http"),
    ("port", "-1"),
    ("port", "65536"),
    ("port", "80.5"),
    ("port", "http://10.0.0.1:80"),
    ("webhook_path", "hooks"),
    ("webhook_path", "/"),
    ("webhook_path", "//"),
    ("webhook_path", "/hooks//seam"),
    ("webhook_path", "/hooks/../seam"),
    ("webhook_path", "/./hooks"),
    ("webhook_path", "/hooks?from=seam"),
    ("webhook_path", "/hooks#seam"),
    ("webhook_path", "/hooks seam"),
    ("webhook_path", "/hooks%2Fseam"),
    ("webhook_path", "/höoks"),
    ("webhook_path", "https://example.com/hooks"),
    ("webhook_path", "/health/live"),
    ("webhook_path", "/events/list/"),
    ("concurrency", "0"),
    ("processes", "0"),
    ("processes", "65"),
    ("processes", "all"),
    ("concurrency", "10001"),
    ("concurrency", "many"),
    ("slice", "0"),
    ("slice", "0.9s"),
    ("slice", "-5"),
    ("slice", "soon"),
    ("slice", "1e3"),
    ("slice", "PT10S"),
    ("retention", "59m"),
    ("forget_after", "0.9s"),
    ("forget_after", "36501d"),
    ("forget_after", "never"),
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
    ("max_events", "-1"),
    ("max_events", "1000000001"),
    ("max_events", "1.5"),
    ("max_events", "none"),
    ("max_memory", "1023KiB"),
    ("max_memory", "1025GiB"),
    ("max_memory", "-1"),
    ("max_memory", "80%"),
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
    "key_prefix": "1 to 64 letters, digits, dots, hyphens and underscores of ASCII",
    "durability": "redis, fsync or replica",
    "handlers": "import paths such as handlers or hotel.doors, separated by commas or spaces",
    "port": "a port number from 0 to 65535",
    "webhook_path": (
        "a path such as /webhooks/seam or /hotel/webhooks, without a query, white space or %, "
        "and not one of /health/live, "
    ),
    "processes": "how many processes take webhooks in, 1 to 64",
    "concurrency": "how many devices' async handlers run at a time in one worker, 1 to 10000",
    "slice": "seconds that a shift lasts, such as 10 or 10s, at least 1",
    "retention": "a duration such as 14d, 36h or 90m, from 1h to 36500d",
    "forget_after": "a duration such as 1d, 12h or 90m, from 1s to 36500d",
    "max_body": "a size from 1KiB to 64MiB, such as 512KiB",
    "max_events": "how many runs of handlers, 1 to 1000000000, or off",
    "max_memory": "a size from 1MiB to 1TiB, such as 512MiB, or off",
    "on_invalid": "quarantine or reject",
    "log_format": "json or console",
    "log_level": "debug, info, warning, error or critical",
}


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
    ("text", "what"),
    [
        ("x", "is too short"),
        ("seam_hunter2-x", "is too short"),
        ("seam_hunter2-with white", "cannot be sent in a header"),
        ("seam_hunter2-and-größe", "cannot be sent in a header"),
        ("seam_hunter2-" + "x" * 1000, "cannot be sent in a header"),
    ],
)
def test_an_api_key_that_cannot_be_one_is_refused_and_not_shown(
    text: str, what: str, env: pytest.MonkeyPatch
) -> None:
    env.setenv("BELLHOP_API_KEY", text)
    message = refusal()
    assert message == (
        f"BELLHOP_API_KEY: {what}; this makes one: {NEW_API_KEY}; expected 16 to 1000 letters, "
        "digits and signs of ASCII, without white space"
    )


def test_the_api_key_that_is_proposed_is_good(env: pytest.MonkeyPatch) -> None:
    made = subprocess.run(NEW_API_KEY, shell=True, check=True, capture_output=True, text=True)
    env.setenv("BELLHOP_API_KEY", made.stdout.strip())
    settings = load_settings()
    assert settings.api_key
    assert settings.api_key.get_secret_value().startswith("seam_bellhop_")
    assert "seam_bellhop_" not in f"{settings} {settings!r} {settings.model_dump()}"


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
