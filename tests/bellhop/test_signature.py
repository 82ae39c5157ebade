"""Who may speak to us: signatures, what is wrong with strangers' headers, and signing secrets."""

import base64
import hmac
import json
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from svix.webhooks import Webhook

from bellhop.errors import BellhopError
from bellhop.secret import secret_problem
from bellhop.settings import InvalidSettings, load_settings
from bellhop.signature import (
    InvalidSecret,
    InvalidSignature,
    Verifier,
    sign,
    verify,
)
from tests.conftest import SECRET

NOW = datetime.fromtimestamp(1614265330, UTC)
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = b'{"test": 2432232314}'
GOOD = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {"svix-id": ID, "svix-timestamp": "1614265330", "svix-signature": GOOD}
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def signed_by(secret: str, body: bytes = BODY, at: datetime = NOW, delivery_id: str = ID) -> str:
    """Return what Svix's own library would put into the signature header."""
    return Webhook(secret).sign(delivery_id, at, body.decode())


def refusal(headers: Mapping[str, str], body: bytes = BODY, now: datetime = NOW) -> str:
    """Return why a request is refused."""
    with pytest.raises(BellhopError) as caught:
        verify(headers, body, [SECRET], now)
    assert type(caught.value) is InvalidSignature
    return str(caught.value)


# Good signatures


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


# Bad ones


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


JUNK = [
    "",
    " ",
    "   ",
    "\t",
    "\n",
    "\r\n",
    "\x00",
    "\x00\x00",
    "\x01\x02\x03",
    "\x1b[31m",
    "\x7f",
    ",",
    ",,",
    ", ,",
    ";",
    "=",
    "====",
    "a b",
    "a,b,c",
    "-1",
    "+5",
    "1e9",
    "1e400",
    "1.5",
    "0x10",
    "1_000",
    "NaN",
    "nan",
    "Infinity",
    "-inf",
    "null",
    "None",
    "True",
    "[]",
    "{}",
    '""',
    "é",
    "ÿþ",
    "\xa0",
    "\x85",
    "²",
    "½",
    "9" * 20,
    "9" * 5000,
    "-" + "9" * 5000,
    "A" * 100_000,
    " " * 100_000,
    "' OR 1=1 --",
    "../../etc/passwd",
    "%00",
    "${jndi:ldap://x}",
]
BEYOND_LATIN_1 = ["١٦١٤٢٦٥٣٣٠", "１６１４２６５３３０", "𝟏𝟔𝟏𝟒𝟐𝟔𝟓𝟑𝟑𝟎", "Ⅷ", "\ud800", "\u2028", "🔑"]
JUNK_IDS = [
    f"{ID} ",
    f" {ID}",
    f"{ID}\n",
    f"{ID}\x00",
    f"{ID}\x00x",
    f"{ID}é",
    f"{ID},",
    ID.upper(),
]
JUNK_TIMESTAMPS = [
    "0",
    "-0",
    "1614265330 ",
    " 1614265330",
    "1614265330\n",
    "1614265330\r",
    "\t1614265330",
    "1614265330\x00",
    "+1614265330",
    "-1614265330",
    "1614265330.0",
    "1614265330.",
    ".1614265330",
    "1614265330e0",
    "16142653.30e2",
    "1_614_265_330",
    "1614265330,1614265330",
    "1614265330 1614265330",
    "1614265330000",
    "0x60376df2",
    "2021-02-25T15:02:10Z",
    "Thu, 25 Feb 2021 15:02:10 GMT",
    "1614265330L",
    "999999999999",
    "253402300800",
]
JUNK_SIGNATURES = [
    "v1",
    "v1,",
    "v1,=",
    "v1,====",
    "v1, ",
    "v1,\x00",
    "v1,é",
    "v1,!!!!",
    "v1,AAAA",
    f"v1,{'A' * 43}=",
    f"v1,{'A' * 44}",
    f"v1,{'A' * 100_000}",
    GOOD[:-1],
    GOOD[:-2],
    GOOD[:-5],
    GOOD + "=",
    GOOD + "A",
    GOOD[3:],
    GOOD.upper(),
    GOOD.swapcase(),
    GOOD.replace("v1", "V1"),
    GOOD.replace("v1", "v1a"),
    GOOD.replace("v1", "v2"),
    GOOD.replace("+", "-").replace("/", "_"),
    GOOD.replace("v1,", "v1, "),
    GOOD.replace("v1,", "v1,,"),
    GOOD.replace("v1,", "v1="),
    GOOD.replace("v1,", "v1:"),
    GOOD.replace("v1,", "v1\uff0c"),
    f"\t{GOOD}",
    f"{GOOD}\n",
    f"{GOOD}\r\n",
    f"{GOOD}\x00",
    f"\x00{GOOD}",
    f"{GOOD},",
    f",{GOOD}",
    f"{GOOD},{GOOD}",
    f"{GOOD};{GOOD}",
    f"{GOOD}\t{GOOD}",
    f'"{GOOD}"',
    f"{GOOD[:20]} {GOOD[20:]}",
    f"{GOOD}é",
    " ".join(["v1,A"] * 5000),
]


@pytest.mark.parametrize(
    ("name", "junk"),
    [
        *(("svix-id", junk) for junk in [*JUNK, *BEYOND_LATIN_1, *JUNK_IDS]),
        *(("svix-timestamp", junk) for junk in [*JUNK, *BEYOND_LATIN_1, *JUNK_TIMESTAMPS]),
        *(("svix-signature", junk) for junk in [*JUNK, *BEYOND_LATIN_1, *JUNK_SIGNATURES]),
    ],
    ids=lambda value: ascii(value)[:40].replace("[", "(").replace("::", ": :"),
)
def test_junk_in_a_header_is_refused_and_nothing_worse(name: str, junk: str) -> None:
    refusal({**HEADERS, name: junk})


@pytest.mark.parametrize("delivery_id", ["a b", "a\n", "a\tb", "é", "\x00", "x" * 257])
def test_an_id_that_could_not_be_a_key_is_refused_even_if_it_is_signed(delivery_id: str) -> None:
    headers = {
        **HEADERS,
        "svix-id": delivery_id,
        "svix-signature": signed_by(SECRET, delivery_id=delivery_id),
    }
    assert refusal(headers) == "the id is not 1 to 256 printable ASCII characters"


NAMES = [*HEADERS, *(name.replace("svix", "webhook") for name in HEADERS), "content-length"]


@given(
    headers=st.dictionaries(
        st.sampled_from(NAMES),
        st.one_of(
            st.text(st.characters(max_codepoint=255)),
            st.text(),
            st.sampled_from([*HEADERS.values(), *JUNK_SIGNATURES]),
            st.integers().map(str),
            st.floats().map(str),
            st.from_regex(r"v1[a,]?[A-Za-z0-9+/=,]*", fullmatch=True),
        ),
    ),
    body=st.one_of(st.binary(), st.text().map(str.encode)),
)
def test_whatever_a_stranger_sends_is_refused_and_nothing_worse(
    headers: dict[str, str], body: bytes
) -> None:
    assume(body != BODY)
    refusal(headers, body)


def test_the_reason_repeats_nothing_of_the_headers() -> None:
    for name in HEADERS:
        assert "forged" not in refusal({**HEADERS, name: "forged\x1b[31m"})


# Signing secrets


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
