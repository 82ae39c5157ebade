"""Known secrets in text: found in every form that a program gives them, and nothing else is."""

import base64
import html
import json
import urllib.parse
from collections import Counter
from collections.abc import Iterator

import pytest

from bellhop.events.masking import DOTS
from bellhop.secret_index import SecretIndex

LONG = "48151623"
URL = "https://ik.seam.co/ABC-def?x=1&y=2"
WORDS = 'çode "x"'
SECRETS = [LONG, "048394", "1234", "2026", "A1B2C3", URL, WORDS, "4815-9999", "7"]


@pytest.fixture
def index() -> SecretIndex:
    index = SecretIndex()
    index.add(SECRETS)
    return index


@pytest.mark.parametrize(
    "text",
    [
        *(LONG, f"x{LONG}y", f"99{LONG}99", f"{float(LONG)}", f"{int(LONG):,}", hex(int(LONG))),
        *("048394", "48394", "0048394", "0 4 8 3 9 4"),
        *("4815 1623", "48-15-16-23", "48.151.623", "(4815) 1623", "4_8_1_5_1_6_2_3", "4815:1623"),
        *(str([*LONG]), json.dumps(json.dumps([*LONG])), str([int(digit) for digit in LONG])),
        *("4815-9999", "48159999"),
        "".join(f"\\x{ord(digit):02x}" for digit in LONG),
        "".join(f"\\u{ord(digit):04x}" for digit in LONG),
        "".join(f"%{ord(digit):02x}" for digit in LONG),
        "".join(f"&#{ord(digit)};" for digit in LONG),
        repr(LONG.encode("utf-16")),
        json.dumps(repr(LONG.encode("utf-16-le"))),
        LONG.encode("utf-16-le").decode(),
        *(LONG.encode().hex(), LONG.encode("utf-16-le").hex()),
        *(
            base64.b64encode(name + LONG.encode()).decode()
            for name in (b"", b"u:", b"us:", b"use:")
        ),
        base64.b64encode(json.dumps({"code": LONG}).encode()).decode(),
        base64.b64encode(base64.b64encode(LONG.encode())).decode(),
        base64.b64encode(LONG.encode("utf-16")).decode(),
        f"/files/{base64.b64encode(LONG.encode()).decode()}/x",
        *("A1B2C3", "a1b2c3", "A 1 B 2 C 3", "a1-b2-c3", "code=A1B2C3;"),
        *(URL, urllib.parse.quote(URL, safe=""), html.escape(URL), URL.upper()),
        *(WORDS, json.dumps(WORDS), repr(WORDS), repr(WORDS.encode()), urllib.parse.quote(WORDS)),
        *("1234", "code 1234.", "code1234", "PIN1234x", "1 2 3 4", "1, 2, 3, 4", "12-34"),
        *('{"code": 1234}', "'1234'", "b'1234'", "1234.0", base64.b64encode(b"1234").decode()),
        *("\n".join("1234"), "2026 is it", "01234"),
        *("\x1b[32mA1B2C3\x1b[0m", repr("\x1b[32mA1B2C3\x1b[0m"), json.dumps("\x1b[1mA1B2C3")),
        *(repr("\nA1B2C3\t"), json.dumps(repr("\tA1B2C3")), "\x1b[1m".join("1234")),
    ],
)
def test_a_secret_is_dots_in_every_form(index: SecretIndex, text: str) -> None:
    masked = index.mask(f"before {text} after")
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert DOTS in masked
    assert index.mask(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-28T01:12:34.662277Z",
        "2026-11-28 12:34:56,123",
        "12:34:56",
        "8a1e9ba0-1234-4b4e-9ef6-1234c75f4a1c",
        'File "doors.py", line 1234, in audit',
        "took 0.1234 s",
        "1764291234662",
        "12341",
        "msg_2f9c1234aBcdE4x",
        "6b9c1234a1ce",
        "at 0x7fd01234abcd",
        "10.0.12.34:8000",
        "attempt 7 of 70",
        "handler waits for a lock",
    ],
)
def test_ids_times_and_counters_stay_what_they_are(index: SecretIndex, text: str) -> None:
    assert index.mask(text) == text


def test_a_letter_that_is_two_in_lower_case_shifts_no_mask(index: SecretIndex) -> None:
    assert index.mask("\u0130\u0130 A1B2C3 x") == f"\u0130\u0130 {DOTS} x"


def test_what_was_added_twice_is_masked_until_it_is_removed_twice(index: SecretIndex) -> None:
    index.add([LONG])
    index.remove(SECRETS)
    assert index.mask(f"{LONG} 1234") == f"{DOTS} 1234"
    index.remove([LONG])
    assert index.mask(LONG) == LONG
    assert not index


@pytest.mark.parametrize("piece", ["1 2 3 4 5 6 7 8 9", "12345678901", "aB+/", "0a", "%31"])
def test_a_long_text_takes_no_more_than_its_length(index: SecretIndex, piece: str) -> None:
    def steps(times: int) -> int:
        return sum(1 for _ in index._spans(piece * times, 0))

    assert steps(200) <= 20 * max(steps(10), 1)
    index.mask(piece * 5_000)  # is over long before the test's time is up


def test_two_threads_that_mask_at_once_both_know_a_new_secret(index: SecretIndex) -> None:
    text = "open https://example.com/key/ab3 now"
    seen: list[str] = []

    class Interrupted(Counter[str]):
        """Secrets; in the middle of a look at all of them, another thread masks a text."""

        def __iter__(self) -> Iterator[str]:
            if not seen:
                seen.append("")
                seen.append(index.mask(text))
            return super().__iter__()

    index._texts = Interrupted(index._texts)
    index.add(["https://example.com/key/ab3"])
    assert index.mask(text) == f"open {DOTS} now"
    assert seen[1] == f"open {DOTS} now"
