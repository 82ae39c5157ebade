"""Which signatures are good."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellhop.signature import InvalidSecret, Verifier, sign, verify
from tests.bellhop.signed import BODY, GOOD, HEADERS, ID, NOW, OTHER, refusal, signed_by
from tests.conftest import SECRET


def test_the_published_vector_is_good() -> None:
    delivery = verify(HEADERS, BODY, [SECRET], NOW)
    assert (delivery.delivery_id, delivery.sent_at, delivery.body) == (ID, NOW, BODY)


def test_the_other_published_vector_is_good_but_for_its_key_of_18_bytes() -> None:
    secret = "whsec_plJ3nmyCDGBKInavdOK15jsl"
    delivery_id, body = "msg_loFOjxBNrRLzqYUf", b'{"event_type":"ping","data":{"success":true}}'
    now = datetime.fromtimestamp(1731705121, UTC)
    signature = "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
    assert signed_by(secret, body, now, delivery_id) == signature
    with pytest.raises(InvalidSecret, match="number 1 holds a key of 18 bytes"):
        Verifier([secret])


def test_our_own_signature_is_that_of_the_published_vector() -> None:
    assert sign(ID, NOW, BODY, SECRET) == HEADERS


def test_our_own_signature_is_good_whatever_the_time_zone_of_its_moment() -> None:
    moment = datetime(2026, 1, 31, 14, 0, 0, 900_000, tzinfo=timezone(timedelta(hours=5.5)))
    assert verify(sign(ID, moment, BODY, SECRET), BODY, [SECRET], moment).delivery_id == ID


@given(
    key=st.binary(min_size=24, max_size=64),
    delivery_id=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1).map(
        lambda text: text[:256]
    ),
    seconds=st.integers(0, 10**11),
    text=st.text(),
)
def test_whatever_svix_signs_is_good(key: bytes, delivery_id: str, seconds: int, text: str) -> None:
    secret = f"whsec_{base64.b64encode(key).decode()}"
    now, body = datetime.fromtimestamp(seconds, UTC), text.encode()
    headers = {
        "svix-id": delivery_id,
        "svix-timestamp": str(seconds),
        "svix-signature": signed_by(secret, body, now, delivery_id),
    }
    assert verify(headers, body, [secret], now).body == body


@pytest.mark.parametrize("secrets", [[SECRET], [OTHER], [SECRET, OTHER], [OTHER, SECRET]])
def test_during_a_rotation_either_secret_is_enough(secrets: list[str]) -> None:
    signatures = f"{signed_by(SECRET)} {signed_by(OTHER)}"
    assert verify({**HEADERS, "svix-signature": signatures}, BODY, secrets, NOW).delivery_id == ID


@pytest.mark.parametrize("used", [SECRET, OTHER])
def test_each_of_several_secrets_is_tried(used: str) -> None:
    headers = {**HEADERS, "svix-signature": signed_by(used)}
    assert verify(headers, BODY, [SECRET, OTHER], NOW).delivery_id == ID


def test_unbranded_header_names_are_read() -> None:
    unbranded = {name.replace("svix", "webhook"): value for name, value in HEADERS.items()}
    assert verify(unbranded, BODY, [SECRET], NOW).delivery_id == ID


def test_svix_header_names_go_before_unbranded_ones() -> None:
    assert verify({**HEADERS, "webhook-id": "msg_other"}, BODY, [SECRET], NOW).delivery_id == ID


@pytest.mark.parametrize(
    "before",
    [
        "v1",
        "v1,",
        "v1,,",
        ",",
        ",,",
        " ",
        "v1,ï¿½",
        "v1,not base64",
        "v1," + "A" * 43,
        f"v1a,{'A' * 86}==",
        f"v2,{GOOD[3:]}",
        f"v1,{'A' * 43}=",
        "\x00",
        " ".join(["junk"] * 50),
    ],
)
def test_a_good_signature_stands_behind_a_malformed_one(before: str) -> None:
    headers = {**HEADERS, "svix-signature": f"{before} {GOOD}"}
    assert verify(headers, BODY, [SECRET], NOW).delivery_id == ID


@pytest.mark.parametrize("version", ["v1a", "v2", "v11", "V1", "v", "1", "", "v1 "])
def test_a_signature_of_another_version_is_passed_over(version: str) -> None:
    assert refusal({**HEADERS, "svix-signature": f"{version},{GOOD[3:]}"}).startswith(
        "there is no v1 signature"
    )
