"""What is Seam's has the name that Seam gives it."""

import sys

import pytest

from bellhop.sdk import NoSdk, SeamApi, require_sdk
from bellhop.settings import load_settings
from tests.bellhop.environment import dotenv
from tests.bellhop.test_wrong_settings import refusal
from tests.stand_in import API_KEY


@pytest.mark.parametrize("in_file", [False, True])
def test_they_come_from_the_environment_or_the_file(in_file: bool, env: pytest.MonkeyPatch) -> None:
    if in_file:
        dotenv(f"SEAM_API_KEY={API_KEY}\nSEAM_ENDPOINT=http://127.0.0.1:8000\n")
    else:
        env.setenv("SEAM_API_KEY", API_KEY)
        env.setenv("SEAM_ENDPOINT", "http://127.0.0.1:8000")
    settings = load_settings()
    assert settings.seam_api_key
    assert settings.seam_api_key.get_secret_value() == API_KEY
    assert settings.seam_endpoint == "http://127.0.0.1:8000"
    assert API_KEY not in f"{settings!r} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    "key",
    ["hunter2", "seam_", "seam_at_hunter2", "seam_cst_hunter2", "seam_pk_hunter2", "eyhunter2"],
)
def test_a_token_that_is_no_api_key_is_refused_and_not_shown(
    key: str, env: pytest.MonkeyPatch
) -> None:
    env.setenv("SEAM_API_KEY", key)
    assert refusal() == "SEAM_API_KEY: expected an API key from Seam's console (seam_…)"


def test_an_endpoint_that_is_no_url_is_refused(env: pytest.MonkeyPatch) -> None:
    env.setenv("SEAM_ENDPOINT", "localhost:8000")
    assert refusal() == (
        "SEAM_ENDPOINT: expected the URL of an API such as https://connect.getseam.com, "
        "got 'localhost:8000'"
    )


@pytest.mark.parametrize("name", ["SEAM_API_KEY", "SEAM_ENDPOINT"])
def test_they_are_not_ours(name: str, env: pytest.MonkeyPatch) -> None:
    env.setenv(f"BELLHOP_{name}", "seam_x")
    assert refusal() == f"BELLHOP_{name} is not a setting; did you mean {name}?"


def test_without_the_sdk_a_key_is_refused_with_what_to_install(env: pytest.MonkeyPatch) -> None:
    env.setitem(sys.modules, "seam", None)
    require_sdk(load_settings())
    env.setenv("SEAM_API_KEY", API_KEY)
    with pytest.raises(NoSdk) as caught:
        require_sdk(load_settings())
    assert str(caught.value) == "SEAM_API_KEY needs Seam's SDK: pip install seam"
    with pytest.raises(NoSdk):
        SeamApi(load_settings())
