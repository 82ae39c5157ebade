"""What a signing secret is, and how one that is none is refused without repeating it."""

import base64
import json
import traceback

import pytest

from bellhop.secret import secret_problem
from bellhop.settings import InvalidSettings, load_settings
from bellhop.signature import InvalidSecret, Verifier, sign
from tests.bellhop.signed import ID, NOW
from tests.conftest import SECRET


def of_length(length: int) -> str:
    """Return a secret whose key has that many bytes."""
    return f"whsec_{base64.b64encode(bytes(range(length))).decode()}"


@pytest.mark.parametrize("length", [24, 25, 32, 63, 64])
def test_a_secret_holds_a_key_of_24_to_64_bytes(length: int) -> None:
    assert secret_problem(of_length(length)) is None


KEY = SECRET.removeprefix("whsec_")

NO_SECRETS = [
    "1234",
    "geheim",
    KEY,
    f"whsec{KEY}",
    f"WHSEC_{KEY}",
    f"whsk_{KEY}",
    f"whpk_{KEY}",
    f"whsec_{SECRET}",
    f'"{SECRET}"',
    "whsec_",
    "whsec_1234",
    f"whsec_{KEY[:-1]}",
    f"whsec_{KEY}=",
    f"whsec_{KEY[:-1]}-",
    f"whsec_{KEY[:-1]}_",
    f"whsec_{KEY[:-1]}é",
    f"whsec_{KEY[:-1]}\udcff",
    f"whsec_{KEY}====",
    f"whsec_{KEY}==AAAA",
    of_length(23),
    of_length(65),
    of_length(200),
]


NO_SINGLE_WORDS = [
    "",
    " ",
    f" {SECRET}",
    f"{SECRET}\n",
    f"whsec_{KEY[:8]} {KEY[8:]}",
    f"{SECRET}\x00",
]


@pytest.mark.parametrize("secret", [*NO_SECRETS, *NO_SINGLE_WORDS], ids=ascii)
def test_what_is_no_secret_is_refused_by_its_place_and_never_repeated(secret: str) -> None:
    with pytest.raises(InvalidSecret) as caught:
        Verifier([SECRET, secret])
    message = str(caught.value)
    assert message.startswith("signing secret number 2 ")
    key = secret.removeprefix("whsec_").strip()
    assert not key or key not in message
    assert KEY not in message


@pytest.mark.parametrize("secret", NO_SECRETS, ids=ascii)
def test_what_is_no_secret_is_refused_by_its_setting_and_never_repeated(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLHOP_WEBHOOK_SECRETS", f"{SECRET},{secret}")
    with pytest.raises(InvalidSettings) as caught:
        load_settings()
    assert str(caught.value).startswith("BELLHOP_WEBHOOK_SECRETS: number 2 ")
    shown = "".join(traceback.format_exception(caught.value))
    key = secret.removeprefix("whsec_")
    assert not key or key not in shown
    assert KEY not in shown


def test_no_secret_at_all_is_refused() -> None:
    with pytest.raises(InvalidSecret, match="there is no signing secret"):
        Verifier([])


def test_to_sign_takes_a_secret_too() -> None:
    with pytest.raises(InvalidSecret, match="number 1 does not begin with whsec_"):
        sign(ID, NOW, json.dumps({}).encode(), "1234")
