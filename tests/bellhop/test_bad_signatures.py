"""Which signatures are refused, and why."""

import base64
import hmac
from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bellhop.signature import sign, verify
from tests.bellhop.signed import BODY, HEADERS, ID, NOW, OTHER, refusal, signed_by
from tests.conftest import SECRET


def test_another_secret_is_refused() -> None:
    why = refusal({**HEADERS, "svix-signature": signed_by(OTHER)})
    assert why == "no signature matches: is this endpoint's secret configured?"


@given(place=st.integers(0, len(BODY) - 1), byte=st.integers(0, 255))
def test_a_body_that_differs_in_one_byte_is_refused(place: int, byte: int) -> None:
    altered = BODY[:place] + bytes([byte]) + BODY[place + 1 :]
    assume(altered != BODY)
    refusal(HEADERS, altered)


@pytest.mark.parametrize("body", [b"", BODY[:-1], BODY + b" ", b"\xef\xbb\xbf" + BODY])
def test_a_body_of_another_length_is_refused(body: bytes) -> None:
    refusal(HEADERS, body)


def test_another_id_under_the_same_signature_is_refused() -> None:
    refusal({**HEADERS, "svix-id": "msg_other"})


def test_another_timestamp_under_the_same_signature_is_refused() -> None:
    refusal({**HEADERS, "svix-timestamp": "1614265331"})


@pytest.mark.parametrize("body", [b"\xff", b"\xc3\x28", b'{"a": "\xe9"}', b"\xed\xa0\x80"])
def test_a_body_that_is_not_utf_8_can_be_signed_all_the_same(body: bytes) -> None:
    headers = sign(ID, NOW, body, SECRET)
    assert verify(headers, body, [OTHER, SECRET], NOW).body == body
    assert refusal(headers, body + b"\xff").startswith("no signature matches")
    assert refusal(HEADERS, body).startswith("no signature matches")


def test_bytes_are_signed_as_the_library_signs_text() -> None:
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    body = b'{"a": "\xe9"}'
    made = hmac.new(key, f"{ID}.1614265330.".encode() + body, "sha256").digest()
    assert sign(ID, NOW, body, SECRET)["svix-signature"] == f"v1,{base64.b64encode(made).decode()}"


@pytest.mark.parametrize("seconds", [-300, -299.5, 0, 299.5, 300])
def test_a_timestamp_within_300_seconds_is_good(seconds: float) -> None:
    now = NOW + timedelta(seconds=seconds)
    assert verify(HEADERS, BODY, [SECRET], now).delivery_id == ID


@pytest.mark.parametrize(
    ("seconds", "words"), [(301, "301 s behind our clock"), (-301, "301 s ahead of our clock")]
)
def test_a_timestamp_301_seconds_off_is_refused(seconds: int, words: str) -> None:
    assert words in refusal(HEADERS, now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("name", HEADERS)
def test_a_missing_header_is_refused_by_name(name: str) -> None:
    headers = {key: value for key, value in HEADERS.items() if key != name}
    assert refusal(headers) == f"the header {name} is missing"


def test_no_headers_at_all_are_refused() -> None:
    assert refusal({}) == "the header svix-id is missing"
