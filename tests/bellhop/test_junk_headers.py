"""Whatever strangers put into the headers is refused, and nothing worse."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.bellhop.signed import BODY, GOOD, HEADERS, ID, refusal, signed_by
from tests.conftest import SECRET

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
