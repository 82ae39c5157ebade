"""No message about the settings shows a secret or a password."""

import traceback

import pytest
from pydantic import ValidationError

from bellhop.settings import InvalidSettings, Settings, load_settings
from tests.bellhop.environment import dotenv
from tests.conftest import SECRET


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
