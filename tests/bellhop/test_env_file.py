"""`.env`, and the files that `BELLHOP_…_FILE` names: no line of them is ever skipped in silence."""

import os
from pathlib import Path

import pytest

from bellhop.environment import enter_handlers_environment, is_receivers, without
from tests.bellhop.environment import dotenv
from tests.bellhop.test_settings import value
from tests.bellhop.test_wrong_settings import refusal
from tests.conftest import SECRET

LINE = f"BELLHOP_WEBHOOK_SECRETS={SECRET}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'BELLHOP_WEBHOOK_SECRETS="{SECRET}\n', ".env, line 1: a quote is not closed, or "),
        (f"# x\n\nBELLHOP_WEBHOOK_SECRETS='{SECRET}\n", ".env, line 3: a quote is not closed, "),
        (f'A="b\r\n{LINE}"\r\n', ".env, line 1: a quote is not closed before the next setting"),
        (f"A=1\nA2='b\nexport {LINE}\n'\n", ".env, line 2: a quote is not closed before the next"),
        (f'BELLHOP_WEBHOOK_SECRETS="{SECRET}"x\n', ".env, line 1: a quote is not closed, or text"),
        (f"A=1\nBELLHOP_WEBHOOK_SECRETS {SECRET}\n", ".env, line 2: not NAME=value"),
        (f"A=1\nBELLHOP_WEBHOOK_SECRETS: {SECRET}\n", ".env, line 2: not NAME=value"),
        (f"set {LINE}\n", ".env, line 1: not NAME=value"),
        (f"={SECRET}\n", ".env, line 1: not NAME=value"),
        ("A=1\nBELLHOP_WEBHOOK_SECRETS\n", ".env, line 2: no = after the name"),
        ("export BELLHOP_WEBHOOK_SECRETS\n", ".env, line 1: no = after the name"),
        (f"A=1\r\n\u200b{LINE}\r\n", ".env, line 2: the name holds a character that is not print"),
        (f"A=1\n\ufeff{LINE}\n", ".env, line 2: the name holds a character that is not printable"),
        (f"A=1\rB=\x00\r{LINE}\r", ".env, line 2: a zero byte"),
        (f"{LINE}\nA=1\n{LINE[:-1]}x\n", ".env, line 3: BELLHOP_WEBHOOK_SECRETS has another value"),
        (f"{LINE}\nBELLHOP_WEBHOOK_SECRETS=\n", ".env, line 2: BELLHOP_WEBHOOK_SECRETS has anoth"),
        ("PORT=1\nPORT=2\n", ".env, line 2: PORT has another value on line 1; remove one"),
        ("A=1\nBELLHOP_WEBHOOK_SECRETS=${WHSEC}\n", ".env, line 2: BELLHOP_WEBHOOK_SECRETS ref"),
        ("BELLHOP_REDIS_URL=redis://:${RPW}@h\n", ".env, line 1: BELLHOP_REDIS_URL refers to RPW"),
        ("A" * (1024 * 1024 + 1), "cannot read .env: it is larger than 1 MiB"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_line(text: str, said: str) -> None:
    dotenv(text)
    message = refusal()
    assert message.startswith(said)
    assert SECRET not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "content", [LINE.encode("utf-16"), b"BELLHOP_HOST=\xff\n", LINE.encode() + b"\n# caf\xe9\n"]
)
def test_what_is_not_utf8_is_refused(content: bytes) -> None:
    dotenv(content)
    assert refusal() == "cannot read .env: it is not UTF-8"


def test_a_directory_is_not_a_missing_file() -> None:
    Path(".env").mkdir()  # as Docker makes one for a file to mount that is not there
    assert refusal() == (
        "cannot read .env: it is a directory; remove it, or put a file in its place"
    )


def test_a_link_to_nothing_is_not_a_missing_file() -> None:
    Path(".env").symlink_to("elsewhere")
    assert refusal() == "cannot read .env: it is a link to a file that does not exist"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_not_a_missing_file() -> None:
    dotenv(LINE)
    Path(".env").chmod(0)
    assert refusal() == "cannot read .env: Permission denied"


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        f"export {LINE}\n",
        f"  BELLHOP_WEBHOOK_SECRETS = '{SECRET}'  # the endpoint's\n",
        f"\ufeff{LINE}\r\n",
        f"A=1\r{LINE}\r",
        f"{LINE}\n{LINE}\n",
        f'NOTE="two\nlines, and KEY=value"\n{LINE}\n',
        f"A=1\nA=2\n# it's\n{LINE}\n",
        f"WHSEC={SECRET}\nBELLHOP_WEBHOOK_SECRETS=${{WHSEC}}\n",
        f"BELLHOP_WEBHOOK_SECRETS=${{WHSEC:-{SECRET}}}\n",
        f"PEM='-----BEGIN-----\nAbC+/d==\n-----END-----'\n{LINE}\n",
    ],
)
def test_what_can_be_read_is_read(text: str) -> None:
    dotenv(text)
    assert value("webhook_secrets") == (SECRET,)


@pytest.mark.parametrize("name", ["WEBHOOK_SECRETS", "ENCRYPTION_KEYS"])
@pytest.mark.parametrize("text", [",", " , ", "  "])
def test_a_list_with_nothing_in_it_is_not_taken_for_none(
    name: str, text: str, env: pytest.MonkeyPatch
) -> None:
    env.setenv(f"BELLHOP_{name}", text)
    assert refusal().startswith(f"BELLHOP_{name}: there is nothing between its commas")


# What a handler finds in its environment


def test_the_file_is_put_into_the_environment_which_goes_first(env: pytest.MonkeyPatch) -> None:
    env.setenv("KEPT", "theirs")
    env.setenv("EMPTY", "")
    for name in ("SLACK_WEBHOOK_URL", "BELLHOP_SLICE"):
        env.setenv(name, "")  # so that it is removed again
        env.delenv(name)
    dotenv(
        f"SLACK_WEBHOOK_URL='https://x/${{KEPT}}'\nKEPT=ours\nEMPTY=no\nBELLHOP_SLICE=5s\n{LINE}\n"
        "BELLHOP_API_KEY=seam_bellhop_0123456789\nBELLHOP_WEBHOOK_SECRETS_FILE=\n"
    )
    enter_handlers_environment()
    assert os.environ["SLACK_WEBHOOK_URL"] == "https://x/theirs"
    assert (os.environ["KEPT"], os.environ["EMPTY"]) == ("theirs", "")
    assert os.environ["BELLHOP_SLICE"] == "5s"
    assert not [name for name in os.environ if is_receivers(name)]


def test_a_setting_is_removed_in_every_way_it_can_be_set() -> None:
    around = {"BELLHOP_API_KEY": "1", "BELLHOP_API_KEY_FILE": "2", "bellhop_api_key": "3", "A": "4"}
    assert without(around, ["BELLHOP_API_KEY"]) == {"A": "4"}


# Secrets in files


@pytest.mark.parametrize("in_file", [False, True])
def test_a_secret_is_read_from_a_file(
    in_file: bool, tmp_path: Path, env: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"\ufeff{SECRET}\r\n", encoding="utf-8")
    if in_file:
        dotenv(f"BELLHOP_WEBHOOK_SECRETS_FILE={secret}\n")
    else:
        env.setenv("BELLHOP_WEBHOOK_SECRETS_FILE", f"{secret}\n")
    assert value("webhook_secrets") == (SECRET,)


@pytest.mark.parametrize(
    ("name", "text"),
    [("REDIS_URL", "redis://:pw@h/0"), ("PORT", "81"), ("HOST", "::1"), ("LOG_LEVEL", "debug")],
)
def test_every_setting_can_be_in_a_file(
    name: str, text: str, tmp_path: Path, env: pytest.MonkeyPatch
) -> None:
    (tmp_path / "it").write_text(text + "\n")
    env.setenv(f"BELLHOP_{name}_FILE", "it")
    assert str(value(name.lower())) == text


def test_seams_key_can_be_in_a_file(tmp_path: Path, env: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("seam_abc\n")
    env.setenv("SEAM_API_KEY_FILE", "key")
    assert value("seam_api_key").get_secret_value() == "seam_abc"


def test_a_value_and_a_file_for_it_are_refused(tmp_path: Path, env: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text(SECRET)
    dotenv(f"{LINE}\n")
    env.setenv("BELLHOP_WEBHOOK_SECRETS_FILE", "secret")
    assert refusal() == (
        "BELLHOP_WEBHOOK_SECRETS (.env line 1) and BELLHOP_WEBHOOK_SECRETS_FILE (environment) are "
        "both set; remove one of them"
    )
    env.setenv("BELLHOP_WEBHOOK_SECRETS_FILE", "")
    assert value("webhook_secrets") == (SECRET,)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot read secret: there is no such file"),
        (b"", "secret is empty"),
        (b" \r\n", "secret is empty"),
        (b"\xff", "cannot read secret: it is not UTF-8"),
        (b"x" * (1024 * 1024 + 1), "cannot read secret: it is larger than 1 MiB"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(
    content: bytes | None, said: str, tmp_path: Path, env: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    env.setenv("BELLHOP_API_KEY_FILE", "secret")
    assert refusal() == f"BELLHOP_API_KEY_FILE: {said}"


def test_a_directory_holds_no_secret(tmp_path: Path, env: pytest.MonkeyPatch) -> None:
    env.setenv("BELLHOP_API_KEY_FILE", str(tmp_path))
    assert refusal().startswith(f"BELLHOP_API_KEY_FILE: cannot read {tmp_path}: it is a directory")


def test_what_a_file_holds_is_not_shown(tmp_path: Path, env: pytest.MonkeyPatch) -> None:
    (tmp_path / "it").write_text("hunter2")
    env.setenv("BELLHOP_LOG_LEVEL_FILE", "it")
    assert refusal() == (
        "BELLHOP_LOG_LEVEL_FILE: expected debug, info, warning, error or critical in it"
    )


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("BELLHOP_WEBHOOK_SECRET_FILE", "BELLHOP_WEBHOOK_SECRETS_FILE"),
        ("BELLHOP_REDIS_FILE", "BELLHOP_REDIS_URL_FILE"),
    ],
)
def test_a_misspelt_name_of_a_file_is_refused(
    typo: str, meant: str, env: pytest.MonkeyPatch
) -> None:
    env.setenv(typo, "secret")
    assert refusal() == f"{typo} is not a setting; did you mean {meant}?"
